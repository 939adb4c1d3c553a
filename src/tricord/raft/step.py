# SPDX-License-Identifier: Apache-2.0
"""The one entry of the core: ``step(events) -> output``. A table names the handler of each event.

Handlers change the state one event at a time. What is better done once for all events of a step comes at its end: the
entries for each follower, one round for all reads, and the committed entries in one list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tricord.base.log import Entry, HardState
from tricord.base.trace import Tracer
from tricord.raft import commit, cut_log, election, persisted, propose, read_index, receive, replicate, tick
from tricord.raft.config import RaftConfig
from tricord.raft.events import CutLog, EntriesPersisted, Event, HardStatePersisted, Propose, ReadIndex, Receive, Tick
from tricord.raft.invariants import Invariants
from tricord.raft.output import Output
from tricord.raft.state import Role, State

HANDLERS: dict[type[Any], Callable[[State, Any], None]] = {
    Tick: tick.tick,
    Propose: propose.propose,
    ReadIndex: read_index.ask,
    HardStatePersisted: persisted.hard_state_persisted,
    EntriesPersisted: persisted.entries_persisted,
    Receive: receive.receive,
    CutLog: cut_log.cut_log,
}


class Raft:
    """One server of one group."""

    def __init__(
        self,
        config: RaftConfig,
        hard_state: HardState,
        *,
        base: tuple[int, int] = (0, 0),
        entries: Sequence[Entry] = (),
        applied_index: int = 0,
        tracer: Tracer | None = None,
    ) -> None:
        """Continue from what was durable: the hard state and the entries behind ``base`` (index and term).

        ``applied_index`` is what the state machine already holds. A sole voter campaigns at once; the first ``step``,
        even of no events, gives what is to be done.
        """
        self.state = State(config, hard_state, base, entries, applied_index, tracer)
        self._invariants = Invariants(self.state)
        if self.state.is_sole_voter:
            election.campaign(self.state)

    def step(self, events: Sequence[Event]) -> Output:
        """Take the events in order; say what to do. Raises AssertionError when an invariant broke: stop the member."""
        state = self.state
        for event in events:
            HANDLERS[type(event)](state, event)
        replicate.send_ready(state)
        if read_index.begin_round(state):
            replicate.send_heartbeats(state)
        commit.hand_out(state)
        persistent = state.persistent
        output = state.output
        if persistent.changed:
            persistent.changed = False
            output.hard_state = HardState(persistent.current_term, persistent.voted_for, state.last_applied)
        state.output = Output()
        self._invariants.check(state)
        return output

    @property
    def is_leader(self) -> bool:
        """Whether this server leads, as far as it knows."""
        return self.state.role is Role.LEADER

    @property
    def term(self) -> int:
        """The current term."""
        return self.state.persistent.current_term
