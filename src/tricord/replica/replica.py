# SPDX-License-Identifier: Apache-2.0
"""Raft and a state machine as one pure thing: ``turn(input) -> output``. It performs nothing.

A proposal waits until its index is applied; a read until its read index is. A proposal that was appended before this
member lost the lead may still be committed by another leader, even after it was replaced in this log: its outcome is
unknown. One that was never appended did nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from tricord.base.errors import NoLeader, OutcomeUnknown, Stopping, TooManyRequests, TricordError
from tricord.base.log import Entry, HardState
from tricord.base.trace import Tracer
from tricord.raft import Raft, RaftConfig, Role
from tricord.raft.events import (
    CutLog,
    EntriesPersisted,
    Event,
    HardStatePersisted,
    Propose,
    ReadIndex,
    Receive,
    Tick,
)
from tricord.replica.config import ReplicaConfig
from tricord.replica.log_retention import cut_due
from tricord.replica.machine import AppliesEntries
from tricord.replica.proposals import ProposedBatch, WaitingProposals
from tricord.replica.reads import WaitingReads
from tricord.replica.turn import TurnInput, TurnOutput

AppliedT = TypeVar("AppliedT")


class Replica(Generic[AppliedT]):
    """One member's part of one group."""

    def __init__(
        self,
        *,
        member: int,
        voters: tuple[int, ...],
        seed: int,
        hard_state: HardState,
        entries: Sequence[Entry],
        applied_index: int,
        applied_term: int,
        machine: AppliesEntries[AppliedT],
        limits: ReplicaConfig | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """Continue from what is durable: the hard state, and the log's entries behind ``applied_index``.

        The machine holds everything up to there; the entry there has ``applied_term``. Entries that the caller has from
        before it are ignored. ``seed`` differs for each member and each start. The first ``turn``, even without any
        input, says what to do: a sole voter campaigns at once. Raises ValueError for ids that do not fit.
        """
        assert machine.applied_index == applied_index, "the log goes on where the state machine is"
        self._limits = limits or ReplicaConfig()
        self._machine = machine
        self._raft = Raft(
            RaftConfig(member, voters, seed=seed, pre_vote=False, check_quorum=False, forward=False),
            hard_state,
            base=(applied_index, applied_term),
            entries=[entry for entry in entries if entry.index > applied_index],
            applied_index=applied_index,
            tracer=tracer,
        )
        self._proposals = WaitingProposals()
        self._reads = WaitingReads()
        self._stopped = False

    def turn(self, turn_input: TurnInput) -> TurnOutput[AppliedT]:
        """Take everything that happened; say everything to do. Raises AssertionError when an invariant broke.

        Cost: about a microsecond per proposal, beside the state machine's own.
        """
        output: TurnOutput[AppliedT] = TurnOutput()
        if self._stopped:
            output.dropped = [(ticket, Stopping()) for ticket, _ in turn_input.proposals]
            output.dropped += [(ticket, Stopping()) for ticket in turn_input.reads]
            return output
        events = self._outside_events(turn_input)
        tickets, commands, size = self._admit(turn_input.proposals, output)
        if commands:
            events.append(Propose(commands))
        if turn_input.reads:
            events.append(ReadIndex(self._reads.ask(turn_input.reads)))
        decided = self._raft.step(events)
        output.hard_state = decided.hard_state
        output.entries = decided.entries
        output.messages = decided.messages
        if not self._raft.is_leader or self._proposals.term not in (0, self._raft.term):
            self._drop_proposals(output, OutcomeUnknown)
        if commands:
            self._note_proposed(decided.proposed[0], tickets, size, output)
        if decided.committed:
            self._apply(decided.committed, output)
        if turn_input.reads or decided.reads or decided.reads_dropped:
            self._reads.released(decided.reads)
            for context in decided.reads_dropped:
                output.dropped.extend((ticket, NoLeader()) for ticket in self._reads.drop(context))
        output.reads = self._reads.take_ready(self._raft.state.last_applied)
        return output

    def stop(self) -> TurnOutput[AppliedT]:
        """Decide no more. What waits is dropped: appended proposals with OutcomeUnknown, reads with Stopping."""
        output: TurnOutput[AppliedT] = TurnOutput()
        self._stopped = True
        self._drop_proposals(output, OutcomeUnknown)
        output.dropped.extend((ticket, Stopping()) for ticket in self._reads.take_all())
        return output

    @property
    def is_leader(self) -> bool:
        """Whether this member leads, as far as it knows."""
        return self._raft.is_leader

    @property
    def role(self) -> Role:
        """Whether this member follows, campaigns or leads."""
        return self._raft.state.role

    @property
    def caught_up(self) -> bool:
        """Whether this member leads, has committed in its term, and has applied all that is committed."""
        state = self._raft.state
        return self.is_leader and state.has_committed_in_its_term and state.last_applied == state.commit_index

    @property
    def leader(self) -> int:
        """The leader's id, as far as this member knows (0: none)."""
        return self._raft.state.leader_id

    @property
    def term(self) -> int:
        """The current term."""
        return self._raft.term

    @property
    def last_index(self) -> int:
        """The index of the last entry in this member's log, durable or not."""
        return self._raft.state.log.last_index

    @property
    def commit_index(self) -> int:
        """The highest index known to be committed."""
        return self._raft.state.commit_index

    @property
    def applied_index(self) -> int:
        """The highest index that was applied."""
        return self._raft.state.last_applied

    @property
    def kept_entries(self) -> int:
        """How many entries of the log are in memory."""
        log = self._raft.state.log
        return log.last_index - log.base_index

    @property
    def waiting_bytes(self) -> int:
        """Bytes of commands on their way."""
        return self._proposals.size_bytes

    def _outside_events(self, turn_input: TurnInput) -> list[Event]:
        """What the disk and the peers said comes before time: a stall of this process is nobody's silence."""
        events: list[Event] = []
        hard_state = turn_input.persisted_hard_state
        if hard_state is not None:
            events.append(HardStatePersisted(hard_state.term, hard_state.vote))
        index = turn_input.persisted_to
        if index:
            term = turn_input.persisted_term or self._raft.state.log.term_at(index)
            if term is not None:
                events.append(EntriesPersisted(index, term))
        for message in turn_input.messages:
            events.append(Receive(message))
        for _ in range(turn_input.ticks):
            events.append(Tick())
        log = self._raft.state.log
        cut = cut_due(log, self._raft.state.last_applied, self._limits)
        if cut:
            events.append(CutLog(cut))
        return events

    def _admit(
        self, proposals: list[tuple[int, bytes]], output: TurnOutput[AppliedT]
    ) -> tuple[list[int], list[bytes], int]:
        """Tickets, commands and size of what fits within the limit; the others are told at once."""
        tickets = [ticket for ticket, _ in proposals]
        commands = [command for _, command in proposals]
        size = sum(map(len, commands))
        room = self._limits.uncommitted_bytes_max - self._proposals.size_bytes
        if size <= room:
            return tickets, commands, size
        size = 0
        for count, command in enumerate(commands):
            if size + len(command) > room and (count or self._proposals.size_bytes):
                output.dropped.extend((ticket, TooManyRequests()) for ticket in tickets[count:])
                return tickets[:count], commands[:count], size
            size += len(command)
        return tickets, commands, size

    def _note_proposed(self, first_index: int, tickets: list[int], size: int, output: TurnOutput[AppliedT]) -> None:
        if not first_index:
            output.dropped.extend((ticket, NoLeader()) for ticket in tickets)
        elif not self._raft.is_leader:
            output.dropped.extend((ticket, OutcomeUnknown()) for ticket in tickets)
        else:
            self._proposals.add(ProposedBatch(first_index, self._raft.term, tickets, size))

    def _apply(self, entries: list[Entry], output: TurnOutput[AppliedT]) -> None:
        applied = self._machine.apply(entries)
        assert len(applied) == len(entries), "one answer for each entry"
        assert self._machine.applied_index == entries[-1].index, "the machine took all of them"
        output.applied = applied
        output.replies = self._proposals.take_applied(entries, applied)

    def _drop_proposals(self, output: TurnOutput[AppliedT], error: type[TricordError]) -> None:
        output.dropped.extend((ticket, error()) for ticket in self._proposals.take_all())
