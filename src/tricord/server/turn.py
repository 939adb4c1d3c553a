# SPDX-License-Identifier: Apache-2.0
"""The turn of the loop: gathers input, calls ``replica.turn`` once, carries out its output.

A state change has no await in it. All requests that arrived since the last turn go in together; what must be durable
goes to the log in one append and one sync, and the end of that append is input of the next turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tricord.base.environment import Environment, Timer
from tricord.base.errors import DiskFull, TricordError
from tricord.base.log import Entry, HardState
from tricord.base.metrics import Metrics
from tricord.replica.turn import TurnInput, TurnOutput
from tricord.server.drain import Drain
from tricord.server.log_writer import LogWriter
from tricord.statemachine.machine import Applied

TICK_SECONDS = 0.1
MARK_SECONDS = 0.05
FULL_DISK_SECONDS = 0.5


class DecidesTurns(Protocol):
    """The replica as its host sees it."""

    def turn(self, turn_input: TurnInput) -> TurnOutput[Applied]:
        """Decide; performs nothing."""

    @property
    def term(self) -> int:
        """The current term."""


class Audience(Protocol):
    """Who is told what a turn decided."""

    def applied(self, ticket: int, applied: Applied) -> None:
        """The command of this ticket took effect, or was refused."""

    def dropped(self, ticket: int, error: TricordError) -> None:
        """The command of this ticket will not take effect, or nobody can say."""

    def readable(self, ticket: int) -> None:
        """The read of this ticket may be served from the state as it is now."""


class TurnLoop:
    """Runs turns when there is something to decide."""

    def __init__(
        self,
        environment: Environment,
        replica: DecidesTurns,
        log: LogWriter,
        drain: Drain,
        metrics: Metrics,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._environment = environment
        self._tasks = environment.tasks
        self._replica = replica
        self._log = log
        self._drain = drain
        self._metrics = metrics
        self.term = 0
        """The replica's, as of the last turn."""
        self.log_full = False
        """Whether the log's disk had no room for the last append; it is tried again until it has."""
        self._fail = fail
        self.audience: Audience | None = None
        self._scheduled = False
        self._stopped = False
        self._ticks = 0
        self._proposals: list[tuple[int, bytes]] = []
        self._reads: list[int] = []
        self._hard_state: HardState | None = None
        self._entries: list[Entry] = []
        self._persisting = False
        self._persisted_to = 0
        self._persisted_term = 0
        self._persisted_hard_state: HardState | None = None
        self._tick_timer: Timer | None = None
        self._mark_timer: Timer | None = None
        self._appended_since_check = False
        self._awaited: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def start(self) -> None:
        """Take the first turn and begin to tick."""
        self._tick_timer = self._tasks.call_later(TICK_SECONDS, self._tick)
        self.wake()

    def propose(self, ticket: int, command: bytes) -> None:
        """Queue a command for this turn."""
        self._proposals.append((ticket, command))
        if not self._scheduled:
            self.wake()

    def read(self, ticket: int) -> None:
        """Queue a linearizable read for this turn."""
        self._reads.append(ticket)
        if not self._scheduled:
            self.wake()

    def wake(self) -> None:
        """Take a turn after the events at hand."""
        if not self._scheduled and not self._stopped:
            self._scheduled = True
            self._tasks.call_soon(self._run)

    def stop(self) -> None:
        """Take no further turn."""
        self._stopped = True
        for timer in (self._tick_timer, self._mark_timer):
            if timer is not None:
                timer.cancel()
        self._tell_awaited()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return after the first turn that makes ``condition`` true, or when turns stop."""
        if self._stopped or condition():
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited.append((condition, reached))
        await reached

    async def settle(self) -> None:
        """Wait until an append that is under way has ended."""
        while self._persisting and not self.log_full:
            await self._tasks.in_lane("wal", lambda: None)

    def _tick(self) -> None:
        if self._stopped:
            return
        self._ticks += 1
        self._tick_timer = self._tasks.call_later(TICK_SECONDS, self._tick)
        self.wake()

    def _run(self) -> None:
        self._scheduled = False
        if self._stopped:
            return
        turn_input = TurnInput(
            # After a stall the missed ticks are one: time that this process slept through is nobody's silence.
            ticks=min(self._ticks, 1),
            proposals=self._proposals,
            reads=self._reads,
            persisted_to=self._persisted_to,
            persisted_term=self._persisted_term,
            persisted_hard_state=self._persisted_hard_state,
        )
        self._ticks = 0
        self._proposals = []
        self._reads = []
        self._persisted_to = self._persisted_term = 0
        self._persisted_hard_state = None
        try:
            output = self._replica.turn(turn_input)
            self.term = self._replica.term
            self._perform(output)
        except Exception as error:
            # An invariant broke: nothing more may be decided or answered.
            self.stop()
            self._fail(error)

    def _perform(self, output: TurnOutput[Applied]) -> None:
        if output.hard_state is not None:
            self._hard_state = output.hard_state
        if output.entries:
            self._entries.extend(output.entries)
        if not self._persisting and (self._entries or self._hard_state is not None):
            self._persist()
        audience = self.audience
        assert audience is not None
        for ticket, applied in output.replies:
            audience.applied(ticket, applied)
        for ticket, error in output.dropped:
            audience.dropped(ticket, error)
        for ticket in output.reads:
            audience.readable(ticket)
        if output.applied:
            self._drain.wrote()
        if self._awaited:
            self._tell_awaited()

    def _tell_awaited(self) -> None:
        for one in list(self._awaited):
            condition, reached = one
            if self._stopped or condition():
                self._awaited.remove(one)
                if not reached.done():
                    reached.set_result(None)

    def _persist(self) -> None:
        hard_state, entries = self._hard_state, self._entries
        self._hard_state, self._entries = None, []
        self._persisting = True
        started = self._environment.clock.monotonic()

        def done(error: BaseException | None) -> None:
            self._persisting = False
            if isinstance(error, DiskFull):
                self._keep_for_later(hard_state, entries)
                return
            if error is not None:
                self.stop()
                self._fail(error)
                return
            self.log_full = False
            self._metrics.wal_fsync_seconds.observe(self._environment.clock.monotonic() - started)
            self._appended_since_check = True
            if self._mark_timer is None and not self._stopped:
                self._mark_timer = self._tasks.call_later(MARK_SECONDS, self._check_mark)
            if entries:
                self._persisted_to, self._persisted_term = entries[-1].index, entries[-1].term
            if hard_state is not None:
                self._persisted_hard_state = hard_state
            self._run()

        self._log.append(hard_state, entries, done)

    def _keep_for_later(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        """Nothing was written: the log's disk has no room. What is decided stays decided, and is tried again."""
        self.log_full = True
        self._entries = entries + self._entries
        self._hard_state = self._hard_state or hard_state
        self._persisting = True
        self._tasks.call_later(FULL_DISK_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._persisting = False
        if not self._stopped:
            self._persist()

    def _check_mark(self) -> None:
        self._mark_timer = None
        if self._stopped:
            return
        if self._appended_since_check or self._persisting:
            self._appended_since_check = False
            self._mark_timer = self._tasks.call_later(MARK_SECONDS, self._check_mark)
            return

        def done(error: BaseException | None) -> None:
            if error is not None:
                self.stop()
                self._fail(error)

        self._log.mark(done)
