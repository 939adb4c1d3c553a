# SPDX-License-Identifier: Apache-2.0
"""The one entry of the core: ``step(events) -> output``. A table names the handler of each event.

Handlers change the state one event at a time. What is better done once for all events of a step comes at its end: the
entries for each follower, one round for all reads, and the committed entries in one list. Half of what a leader hears
changes nothing there: then it does not look at its followers at all (``State.followers_are_due``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tricord.base.log import Entry, HardState
from tricord.base.membership import Configuration
from tricord.base.trace import Tracer
from tricord.raft import (
    commit,
    cut_log,
    election,
    forward,
    heartbeat,
    membership,
    persisted,
    propose,
    quiesce,
    read_index,
    receive,
    recv_install_snapshot,
    replicate,
    tick,
    transfer,
)
from tricord.raft.config import RaftConfig
from tricord.raft.events import (
    Applied,
    ChangeConfiguration,
    CutLog,
    EntriesPersisted,
    Event,
    ForgetLeader,
    HardStatePersisted,
    LeaveJoint,
    Propose,
    ReadIndex,
    Receive,
    SnapshotInstalled,
    SnapshotSent,
    Tick,
    TransferLeadership,
    Unreachable,
)
from tricord.raft.invariants import Invariants, check_followers
from tricord.raft.messages import AppendEntriesResult
from tricord.raft.output import Output
from tricord.raft.state import LEADER, State

HANDLERS: dict[type[Any], Callable[[State, Any], None]] = {
    Tick: tick.tick,
    Propose: propose.propose,
    ReadIndex: read_index.ask,
    HardStatePersisted: persisted.hard_state_persisted,
    EntriesPersisted: persisted.entries_persisted,
    Receive: receive.receive,
    CutLog: cut_log.cut_log,
    Applied: cut_log.applied,
    ChangeConfiguration: membership.change,
    LeaveJoint: membership.leave,
    TransferLeadership: transfer.transfer_leadership,
    ForgetLeader: tick.forget_leader,
    Unreachable: replicate.unreachable,
    SnapshotSent: replicate.snapshot_sent,
    SnapshotInstalled: recv_install_snapshot.installed,
    **dict.fromkeys(receive.RULES, receive.take),
}


class Raft:
    """One server of one group."""

    def __init__(
        self,
        config: RaftConfig,
        hard_state: HardState,
        *,
        base: tuple[int, int] = (0, 0),
        configuration: Configuration | None = None,
        entries: Sequence[Entry] = (),
        applied_index: int = 0,
        tracer: Tracer | None = None,
        new_output: Callable[[], Output] = Output,
    ) -> None:
        """Continue from what was durable: the hard state and the entries behind ``base`` (index and term).

        ``configuration`` is the one in force at the base; without it, one of ``config.voters`` alone. ``applied_index``
        is what the state machine already holds. A sole voter campaigns at once; the first ``step``, even of no events,
        gives what is to be done. ``new_output`` makes an empty output; it may have fields of the host's own. Raises
        ValueError for an entry that holds no configuration where it should.
        """
        self.state = State(
            config,
            hard_state,
            base,
            configuration or Configuration(config.voters),
            entries,
            applied_index,
            tracer,
            new_output(),
        )
        self._new_output = new_output
        self._invariants = Invariants(self.state)
        if self.state.is_sole_voter:
            election.campaign(self.state)

    def step(self, events: Sequence[Event]) -> Output:
        """Take the events in order; say what to do. Raises AssertionError when an invariant broke,
        EntriesLost when the disk forgot what this server acknowledged: stop the member.
        """
        state = self.state
        if not state.config.asynchronous_apply:
            state.applied_index = state.last_applied
        for event in events:
            if state.is_quiescent:
                quiesce.wake_for(state, event)
            kind = type(event)
            if kind is not AppendEntriesResult:  # which says itself whether it brings news
                state.followers_are_due = True
            HANDLERS[kind](state, event)
        if state.role is LEADER:
            self._lead(state)
        if state.forwarded.reads_asked:
            forward.pass_on_reads(state)
        if state.commit_index > state.last_applied:
            commit.hand_out(state)
        persistent, output = state.persistent, state.output
        if persistent.changed:
            persistent.changed = False
            output.hard_state = HardState(persistent.current_term, persistent.voted_for, state.last_applied)
        if state.configurations.changed:
            state.configurations.changed = False
            output.configuration = state.configurations.current
        state.output = self._new_output()
        self._invariants.check(state)
        return output

    def _lead(self, state: State) -> None:
        """What a leader has for its followers."""
        if not state.configurations.is_settled:
            state.followers_are_due = True
            membership.settle(state)
            if state.role is not LEADER:
                return
        if state.followers_are_due:
            replicate.send_ready(state)
        if state.reads_asked:
            read_index.begin_round(state)
        if state.followers_are_due:
            state.followers_are_due = False
            heartbeat.send_commits(state)
            check_followers(state)

    @property
    def is_leader(self) -> bool:
        """Whether this server leads, as far as it knows."""
        return self.state.role is LEADER

    @property
    def term(self) -> int:
        """The current term."""
        return self.state.persistent.current_term
