# SPDX-License-Identifier: Apache-2.0
"""Requests of a member with peers go out in rounds: the next one when the last is answered and its askers are back.

A round of proposals costs every member some messages, a sync and two or three turns, whatever it holds; one of reads
costs messages and turns. Clients that are answered together ask again together, a moment later: whoever waits for them
for that moment has half as many rounds. A lone client never waits, since it is all that was answered. Rounds are not
held up for long, nor when they are large.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from tricord.base.environment import Clock, Tasks, Timer

RequestT = TypeVar("RequestT")

ASKERS_SECONDS_MAX = 0.003
"""How long the askers of the last round are waited for, at most; never longer than a quarter of a round."""
HELD_SECONDS_MAX = 0.02
"""How long proposals wait for the end of a round, at most: a slow one must not stop all others."""
ROUND_COMMANDS_MAX = 1_000
ROUND_BYTES_MAX = 1 << 20
"""A round as large as this goes at once."""


class Gathering(Generic[RequestT]):
    """Holds requests of one kind until their round begins; then ``release`` gets them."""

    def __init__(self, clock: Clock, tasks: Tasks, release: Callable[[list[RequestT]], None]) -> None:
        self._clock = clock
        self._tasks = tasks
        self._release = release
        self._held: list[RequestT] = []
        self._held_bytes = 0
        self._under_way = 0
        self._leaving = False
        self._wanted = 0
        """How many the next round waits for: those at hand when the last one ended, and those whom that answered."""
        self._last_size = 0
        self._began = 0.0
        self._round_seconds = 0.0
        self._timer: Timer | None = None

    def add(self, request: RequestT, size: int) -> None:
        """One more, of so many bytes."""
        if self._leaving:
            self._under_way += 1
            self._last_size += 1
            self._release([request])
            return
        held = self._held
        held.append(request)
        self._held_bytes += size
        count = len(held)
        if count >= ROUND_COMMANDS_MAX or self._held_bytes >= ROUND_BYTES_MAX:
            self._begin()
        elif self._under_way:
            if count == 1:
                self._wait(HELD_SECONDS_MAX)
        elif count >= self._wanted:
            self._begin()
        elif count == 1 and self._timer is None:
            self._wait(self._patience())

    def left(self) -> None:
        """The turn was taken that the round waited for: who comes now is of the next one."""
        self._leaving = False

    def answered(self, count: int) -> None:
        """So many got their answers, whatever they were."""
        if not self._under_way:
            return
        self._under_way -= count
        if self._under_way > 0:
            return
        self._under_way = 0
        seconds = self._clock.monotonic() - self._began
        self._round_seconds += (seconds - self._round_seconds) / 4 if self._round_seconds else seconds
        self._wanted = len(self._held) + self._last_size
        # The askers' time runs from here, whether or not somebody waits already.
        self._wait(self._patience())

    def withdraw(self, is_meant: Callable[[RequestT], bool]) -> list[RequestT]:
        """Those that are meant and still held: they go nowhere."""
        gone = [one for one in self._held if is_meant(one)]
        if gone:
            self._held = [one for one in self._held if not is_meant(one)]
        return gone

    def flush(self) -> None:
        """What is held goes now."""
        if self._held:
            self._begin()

    def stop(self) -> None:
        """Release nothing more."""
        self._cancel()
        self._held = []

    def _patience(self) -> float:
        return min(self._round_seconds / 4, ASKERS_SECONDS_MAX)

    def _wait(self, seconds: float) -> None:
        self._cancel()
        self._timer = self._tasks.call_later(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if self._held:
            self._begin()
        else:
            # Nobody came back in time: whoever comes next is not kept waiting for the others.
            self._wanted = 0

    def _begin(self) -> None:
        self._cancel()
        round_, self._held, self._held_bytes = self._held, [], 0
        if not self._under_way:
            self._began = self._clock.monotonic()
            self._last_size = 0
        self._leaving = True
        self._under_way += len(round_)
        self._last_size += len(round_)
        self._release(round_)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
