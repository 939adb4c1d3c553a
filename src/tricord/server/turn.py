# SPDX-License-Identifier: Apache-2.0
"""The turn of the loop: gathers input, calls ``replica.turn`` once, carries out its output.

A state change has no await in it. All requests and messages that arrived since the last turn go in together. Messages
go to the peers at once; what must be durable goes to the log in one append and one sync, and the end of that append is
input of the next turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tricord.base.environment import Environment, Timer
from tricord.base.errors import TricordError
from tricord.base.log import Entry, HardState
from tricord.base.membership import Change, Configuration
from tricord.base.metrics import Metrics
from tricord.base.reachable import reachable
from tricord.raft.messages import InstallSnapshot, Message
from tricord.replica.turn import TurnInput, TurnOutput
from tricord.server.drain import Drain
from tricord.server.gathering import Gathering
from tricord.server.log_writer import LogWriter
from tricord.server.persisting import Persisting
from tricord.statemachine.machine import Applied

TICK_SECONDS = 0.1
GATHER_SECONDS = 0.002
"""How long a turn waits for an append that is under way, at most."""

SLOW_SECONDS = 0.1
"""A turn that takes longer is counted as slow, as etcd counts its applying."""


class DecidesTurns(Protocol):
    """The replica as its host sees it."""

    def turn(self, turn_input: TurnInput) -> TurnOutput[Applied]:
        """Decide; performs nothing."""

    def withdraw(self, tickets: set[int]) -> list[int]:
        """Those of these proposals that still wait for a leader: they do so no more, and did nothing."""

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

    def changed(self, ticket: int, configuration: Configuration) -> None:
        """The change of this ticket led to this configuration."""

    def transferred(self, ticket: int, leader: int) -> None:
        """The transfer of this ticket ended; this member leads now."""


class Cluster(Protocol):
    """Who takes what concerns the other members."""

    def send(self, messages: list[Message]) -> None:
        """Bring these to their receivers, at once."""

    def configured(self, configuration: Configuration) -> None:
        """This configuration is in force now."""

    def bring_snapshots(self, members: list[int]) -> None:
        """These members need a snapshot; each attempt ends with ``snapshot_sent``."""

    def install(self, snapshot: InstallSnapshot) -> None:
        """Put it in place of state and log, then say ``installed``."""


@dataclass(slots=True)
class _Rounds:
    """What a member with peers gathers."""

    proposals: Gathering[tuple[int, bytes]]
    reads: Gathering[int]

    def answered(self, output: TurnOutput[Applied]) -> None:
        """A turn gave answers. Those that were dropped count for both: they are few, and then it is no time to wait."""
        dropped = len(output.dropped)
        if output.replies or dropped:
            self.proposals.answered(len(output.replies) + dropped)
        if output.reads or dropped:
            self.reads.answered(len(output.reads) + dropped)


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
        *,
        tick_seconds: float = TICK_SECONDS,
        keeps_time: bool = False,
    ) -> None:
        """``keeps_time``: leases for reads depend on ticks, so all that are over count before anything else does."""
        self._clock = environment.clock
        self._metrics = metrics
        self._tasks = environment.tasks
        self._replica = replica
        self._drain = drain
        self._log = log
        self.persisting = Persisting(environment, log, metrics, self._persisted, self._failed)
        self.term = 0
        """The replica's, as of the last turn."""
        self._fail = fail
        self.audience: Audience | None = None
        self.after_turn: Callable[[], None] = lambda: None
        """Told that a turn was taken, before its answers are given."""
        self.cluster: Cluster | None = None
        self.watched: Callable[[list[Applied]], None] = lambda applied: None
        """Told what was applied, after those who wait for it were answered."""
        self._scheduled = False
        self._gathering: Timer | None = None
        self._rounds: _Rounds | None = None
        self._started = False
        self._stopped = False
        self._input = TurnInput()
        self._tick_seconds = tick_seconds
        self._keeps_time = keeps_time
        self._ticked_at = 0.0
        self._tick_timer: Timer | None = None
        self._awaited: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    @property
    def log_full(self) -> bool:
        """Whether the log's disk had no room for the last append."""
        return self.persisting.log_full

    @property
    def started(self) -> bool:
        """Whether turns are taken."""
        return self._started and not self._stopped

    def start(self) -> None:
        """Take the first turn and begin to tick."""
        self._started = True
        self._ticked_at = self._clock.monotonic()
        self._tick_timer = self._tasks.call_later(self._tick_seconds, self._tick)
        self.wake()

    def set_peers(self, has_peers: bool) -> None:
        """Whether this member has peers, who must not wait for its disk, and to whom each round costs something."""
        self._log.has_peers = has_peers
        if has_peers and self._rounds is None:
            self._rounds = _Rounds(
                Gathering(self._clock, self._tasks, self._proposed), Gathering(self._clock, self._tasks, self._asked)
            )
        elif not has_peers and self._rounds is not None:
            self._rounds.proposals.flush()
            self._rounds.reads.flush()
            self._rounds = None

    def propose(self, ticket: int, command: bytes) -> None:
        """Queue a command for this turn, or, with peers, for the next round."""
        if self._rounds is not None:
            self._rounds.proposals.add((ticket, command), len(command))
            return
        self._input.proposals.append((ticket, command))
        if not self._scheduled:
            self.wake()

    def _proposed(self, proposals: list[tuple[int, bytes]]) -> None:
        self._input.proposals += proposals
        if not self._scheduled:
            self.wake()

    def _asked(self, reads: list[int]) -> None:
        self._input.reads += reads
        if not self._scheduled:
            self.wake()

    def withdraw(self, tickets: set[int]) -> set[int]:
        """Those of these proposals that nobody took yet: they did nothing, and never will."""
        if not tickets or self._stopped:
            return set()
        rounds = self._rounds
        held = {one[0] for one in rounds.proposals.withdraw(lambda one: one[0] in tickets)} if rounds else set()
        queued = {ticket for ticket, _ in self._input.proposals if ticket in tickets}
        if queued:
            self._input.proposals = [one for one in self._input.proposals if one[0] not in queued]
        gone = queued.union(self._replica.withdraw(tickets))
        if gone and rounds is not None:
            rounds.proposals.answered(len(gone))
        return gone | held

    def read(self, ticket: int) -> None:
        """Queue a linearizable read for this turn, or, with peers, for the next round."""
        if self._rounds is not None:
            self._rounds.reads.add(ticket, 0)
            return
        self._input.reads.append(ticket)
        if not self._scheduled:
            self.wake()

    def read_behind(self, ticket: int, entries: int) -> None:
        """``read``, and it may be served when so many entries are missing to its index."""
        self._input.reads_behind.append((ticket, entries))
        self.read(ticket)

    def receive(self, messages: list[Message]) -> None:
        """Queue what a peer sent."""
        self._input.messages.extend(messages)
        if not self._scheduled:
            self.wake()

    def change(self, ticket: int, changes: list[Change]) -> None:
        """Queue a change of the configuration, by joint consensus."""
        self._input.changes.append((ticket, changes, True))
        self.wake()

    def transfer(self, ticket: int, target: int) -> None:
        """Queue handing the lead over to a member (0: the best one)."""
        self._input.transfers.append((ticket, target))
        self.wake()

    def unreachable(self, member: int) -> None:
        """What was sent to the member may be lost."""
        if member not in self._input.unreachable:
            self._input.unreachable.append(member)
        self.wake()

    def leader_gone(self, member: int) -> None:
        """The member's process is known to be gone."""
        self._input.leader_gone = member
        self.wake()

    def snapshot_sent(self, member: int, index: int, delivered: bool) -> None:
        """An attempt to bring a snapshot to the member ended."""
        self._input.snapshots_sent.append((member, index, delivered))
        self.wake()

    def installed(self, index: int, term: int) -> None:
        """The snapshot is in place of state and log. Appends go on behind it."""
        self._input.installed = (index, term)
        self._run()
        self.persisting.release()

    def wake(self) -> None:
        """Take a turn after the events at hand; while the log is being written, when that has ended.

        Nearly all that comes meanwhile has to wait for the log anyway, and one turn for all of it costs much less than
        one for each. Who need not wait for a slow disk waits for a moment only.
        """
        if self._scheduled or not self.started:
            return
        self._scheduled = True
        if self.persisting.under_way:
            self._gathering = self._tasks.call_later(GATHER_SECONDS, self._run_due)
        else:
            self._tasks.call_soon(self._run_due)

    def stop(self) -> None:
        """Take no further turn."""
        self._stopped = True
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        if self._rounds is not None:
            self._rounds.proposals.stop()
            self._rounds.reads.stop()
        self.persisting.stop()
        self._tell_awaited()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return after the first turn that makes ``condition`` true, or when turns stop."""
        if self._stopped or condition():
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        one = (condition, reached)
        self._awaited.append(one)
        try:
            await reached
        finally:
            if one in self._awaited:
                self._awaited.remove(one)

    async def settle(self) -> None:
        """Wait until an append that is under way has ended."""
        await self.persisting.settle()

    def _tick(self) -> None:
        if self._stopped:
            return
        self._tick_timer = self._tasks.call_later(self._tick_seconds, self._tick)
        if self._keeps_time:
            self.wake()
            return
        now = self._clock.monotonic()
        # Missed ticks are no ticks: time that this process slept through is nobody's silence.
        self._input.ticks = 1
        self._input.paused_ticks += max(int((now - self._ticked_at) / self._tick_seconds) - 1, 0)
        self._ticked_at = now
        self.wake()

    def _persisted(self, hard_state: HardState | None, last: Entry | None) -> None:
        if last is not None:
            self._input.persisted_to, self._input.persisted_term = last.index, last.term
        if hard_state is not None:
            self._input.persisted_hard_state = hard_state
        self._run()

    def _failed(self, error: BaseException) -> None:
        reachable("turns were stopped by a failure")
        self.stop()
        self._fail(error)

    def _run_due(self) -> None:
        """The turn that ``wake`` asked for, if none was taken since."""
        if self._scheduled:
            self._run()

    def _run(self) -> None:
        self._scheduled = False
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if not self.started:
            return
        if self._keeps_time:
            self._count_time()
        turn_input, self._input = self._input, TurnInput()
        if self._rounds is not None:
            self._rounds.proposals.left()
            self._rounds.reads.left()
        self._decide(turn_input)

    def _count_time(self) -> None:
        """What came in while this process was paused must not meet a lease, or a promise, of before the pause."""
        passed = int((self._clock.monotonic() - self._ticked_at) / self._tick_seconds)
        if passed > 0:
            self._ticked_at += passed * self._tick_seconds
            self._decide(TurnInput(ticks=1, paused_ticks=passed - 1))

    def _decide(self, turn_input: TurnInput) -> None:
        if not self.started:
            return
        try:
            turn_input.now = began = self._clock.monotonic()
            output = self._replica.turn(turn_input)
            self.term = self._replica.term
            self._metrics.slow_applies += self._clock.monotonic() - began > SLOW_SECONDS
            self._perform(output)
        except Exception as error:
            # An invariant broke: nothing more may be decided or answered.
            self._failed(error)

    def _perform(self, output: TurnOutput[Applied]) -> None:
        cluster = self.cluster
        if cluster is not None:
            if output.configuration is not None:
                cluster.configured(output.configuration)
            if output.messages:
                cluster.send(output.messages)
            if output.install is not None:
                self.persisting.hold()
                cluster.install(output.install)
        if output.entries or output.hard_state is not None:
            self.persisting.add(output.hard_state, output.entries)
        audience = self.audience
        assert audience is not None
        self.after_turn()
        for ticket, applied in output.replies:
            audience.applied(ticket, applied)
        for ticket, error in output.dropped:
            audience.dropped(ticket, error)
        for ticket in output.reads:
            audience.readable(ticket)
        if self._rounds is not None:
            self._rounds.answered(output)
        if output.applied:
            self._drain.wrote()
            self.watched(output.applied)
        for ticket, configuration in output.changed:
            audience.changed(ticket, configuration)
        for ticket, leader in output.transferred:
            audience.transferred(ticket, leader)
        if output.snapshots_wanted and cluster is not None:
            cluster.bring_snapshots(output.snapshots_wanted)
        if self._awaited:
            self._tell_awaited()

    def _tell_awaited(self) -> None:
        for one in list(self._awaited):
            condition, reached = one
            if self._stopped or condition():
                self._awaited.remove(one)
                if not reached.done():  # given up in this very moment
                    reached.set_result(None)
