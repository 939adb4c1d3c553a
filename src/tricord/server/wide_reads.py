# SPDX-License-Identifier: Apache-2.0
"""Ranges over many keys, read on a thread of their own from a picture of the store, so that nobody waits for them.

One is under way at a time; its picture is taken when it begins, which is after it was allowed to read, so what it sees
is at least as new as it must be. A large answer is encoded there too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tricord.base.environment import Tasks
from tricord.base.errors import KeyspaceNotFound, ServerFault, TooManyRequests, TricordError
from tricord.base.levels import Stamp
from tricord.base.operations import Range, RangeResult
from tricord.base.ordered import Table
from tricord.mvcc.keyspace import FrozenKeyspace
from tricord.server.engine import Encoded, Outcome
from tricord.server.tickets import Waiting
from tricord.statemachine.machine import StateMachine
from tricord.storage.overlay import Overlay, OverlayPicture

WIDE_KEYS = 512
"""A range over more keys than this is wide: the loop spends about a millisecond on one that is not."""
WAITING_MAX = 256

Answer = Callable[[Waiting, Outcome, Stamp], None]


@dataclass(slots=True)
class _WideRead:
    waiting: Waiting
    request: Range
    stamp: Callable[[int], Stamp]


class WideReads:
    """The queue of wide reads."""

    def __init__(
        self,
        tasks: Tasks,
        machine: StateMachine,
        overlay: Overlay,
        answer: Answer,
        report: Callable[[BaseException, str], None],
    ) -> None:
        self._tasks = tasks
        self._machine = machine
        self._overlay = overlay
        self._answer = answer
        self._report = report
        self._queue: deque[_WideRead] = deque()
        self.reading = False
        self._stopped = False

    def add(self, waiting: Waiting, request: Range, stamp: Callable[[int], Stamp]) -> None:
        """Read as soon as may be; ``stamp(revision)`` makes the answer's stamp. Raises TooManyRequests."""
        if len(self._queue) >= WAITING_MAX:
            raise TooManyRequests(f"too many requests: {WAITING_MAX} ranges over many keys are waiting already")
        self._queue.append(_WideRead(waiting, request, stamp))
        if not self.reading:
            self._begin()

    async def stop(self) -> list[Waiting]:
        """Begin no other, wait for the one under way, and give those that still wait."""
        self._stopped = True
        while self.reading:
            await self._tasks.in_lane("read", lambda: None)
        left = [read.waiting for read in self._queue]
        self._queue.clear()
        return left

    def _begin(self) -> None:
        while self._queue and not self._stopped and not self.reading:
            read = self._queue.popleft()
            if not read.waiting.context.cancelled:
                self._start(read)

    def _start(self, read: _WideRead) -> None:
        if not self._machine.has_keyspace(read.waiting.keyspace):
            self._answer(read.waiting, KeyspaceNotFound(), read.stamp(0))
            return
        picture = self._overlay.picture((Table.HEAD, Table.HISTORY))
        space = self._machine.keyspace(read.waiting.keyspace).frozen(picture)
        stamp = read.stamp(space.revision)
        self.reading = True

        def done(outcome: RangeResult | Encoded | None, error: BaseException | None) -> None:
            self.reading = False
            if error is not None and not isinstance(error, TricordError):
                self._report(error, "a range over many keys")
                error = ServerFault()
            answer = error or outcome
            assert answer is not None
            self._answer(read.waiting, answer, stamp)
            self._begin()

        self._tasks.in_lane_then("read", _read, (read, space, picture, stamp), done)


def _read(read: _WideRead, space: FrozenKeyspace, picture: OverlayPicture, stamp: Stamp) -> RangeResult | Encoded:
    """Runs on the read lane."""
    try:
        result = space.range(read.request)
    finally:
        picture.close()
    encode = read.waiting.context.encode
    return result if encode is None else Encoded(encode(result, stamp))
