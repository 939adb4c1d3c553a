# SPDX-License-Identifier: Apache-2.0
"""Raft and a state machine as one pure thing: ``turn(input) -> output``. It performs nothing.

A proposal waits until its index is applied; a read until its read index is. While nobody leads, or the lead is being
handed over, both wait inside: their asker's deadline bounds that. A change of leaders is no reason to give up: a
proposal whose place in the log is known is answered by what is applied there, and proposed again where it can never be
committed. Its outcome is unknown only where its place is: it was passed on to a leader that went away before it told,
or a snapshot jumped over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from tricord.base.errors import OutcomeUnknown, Stopping, TooManyRequests, TricordError
from tricord.base.log import Entry, HardState
from tricord.base.membership import AddVoter, Configuration
from tricord.base.reachable import reachable
from tricord.base.trace import Tracer
from tricord.raft import Raft, RaftConfig, Role
from tricord.raft.events import (
    ChangeConfiguration,
    CutLog,
    EntriesPersisted,
    Event,
    ForgetLeader,
    HardStatePersisted,
    LeaveJoint,
    Propose,
    ReadIndex,
    SnapshotInstalled,
    SnapshotSent,
    Tick,
    TransferLeadership,
    Unreachable,
)
from tricord.raft.messages import AppendEntries
from tricord.raft.output import FORWARDED, Answers
from tricord.raft.progress import REPLICATE
from tricord.raft.state import LEADER, State
from tricord.replica.changes import PendingChanges, PendingTransfer
from tricord.replica.config import ReplicaConfig
from tricord.replica.log_retention import PIECE_ENTRIES, cut_due
from tricord.replica.machine import AppliesEntries
from tricord.replica.proposals import Batch, WaitingProposals
from tricord.replica.reads import WaitingReads
from tricord.replica.turn import TurnInput, TurnOutput

AppliedT = TypeVar("AppliedT")


class Replica(Generic[AppliedT]):
    """One member's part of one group."""

    def __init__(
        self,
        raft: RaftConfig,
        *,
        configuration: Configuration,
        hard_state: HardState,
        base: tuple[int, int],
        entries: Sequence[Entry],
        machine: AppliesEntries[AppliedT],
        limits: ReplicaConfig | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """Continue from what is durable: the hard state, and the log's entries behind ``base`` (index and term).

        The machine holds everything up to its applied index, which is at or behind the base; ``configuration`` is the
        one in force there (one without voters: this member waits to be told). Entries up to the base are ignored; those
        between it and the applied index are for peers that lag. ``raft.seed`` differs for each member and each start.
        The first ``turn``, even without any input, says what to do: a sole voter campaigns at once. Raises ValueError
        for ids that do not fit.
        """
        assert machine.applied_index >= base[0], "the log goes on where the state machine is"
        self.limits = limits or ReplicaConfig()
        """A host may replace it."""
        self._machine = machine
        self._member = raft.id
        self._patience_ticks = raft.election_ticks
        self._raft = Raft(
            raft,
            hard_state,
            base=base,
            configuration=configuration,
            entries=[entry for entry in entries if entry.index > base[0]],
            applied_index=machine.applied_index,
            tracer=tracer,
            new_output=TurnOutput,
        )
        self.state: State = self._raft.state
        """The core's state, for those who watch it: never to be changed."""
        self._now = 0
        self._proposals = WaitingProposals()
        self._reads = WaitingReads()
        self._changes = PendingChanges()
        self._transfer = PendingTransfer()
        self._installing = False
        self._stopped = False
        self._refused_by = (0, 0)
        """The leader, and its term, that took nothing when it was last asked."""
        self.pinned_index: Callable[[], int | None] = lambda: None
        """The log in memory should keep what follows this index, for a member that gets a snapshot; None: no matter."""

    def turn(self, turn_input: TurnInput) -> TurnOutput[AppliedT]:
        """Take everything that happened; say everything to do. Raises AssertionError when an invariant broke,
        EntriesLost when the disk forgot what was acknowledged: stop the member then.

        Cost: about a microsecond per proposal, beside the state machine's own.
        """
        if self._stopped:
            return _refused(turn_input)
        dropped: list[tuple[int, TricordError]] = []
        if turn_input.installed is not None:
            self._jumped(turn_input.installed[0], dropped)
        events = self._outside_events(turn_input)
        if turn_input.changes or turn_input.transfers:
            self._ask_for_changes(turn_input, events)
        if turn_input.proposals:
            self._admit(turn_input.proposals, dropped)
        reads = self._reads
        if turn_input.reads_behind:
            reads.allow(turn_input.reads_behind)
        batches: list[Batch] = []
        if self._refused_by[0] and self._should_hold(turn_input):
            reads.wait(turn_input.reads)
        elif turn_input.reads or reads.queue or self._proposals.queue:
            batches = self._ask(turn_input, events)
        output: TurnOutput[AppliedT] = self._raft.step(events)  # type: ignore[assignment]  # new_output made it
        if dropped:
            output.dropped += dropped
        if output.answered is not None:
            self._note_answers(turn_input, batches, output.answered, output)
        if output.committed:
            self._apply(output.committed, output)
        state = self.state
        if self._changes.begun and state.role is LEADER and self.limits.answer_adding_early:
            output.changed += self._changes.decided(state)
        if output.install is not None:
            self._installing = True
        if reads.indexed and not self._installing:
            output.reads = reads.take_ready(self._machine.applied_index)
        if self._transfer.tickets and not state.transferee and state.leader_id:
            output.transferred = self._transfer.ended(state.leader_id, self._member, output.dropped)
        return output

    def withdraw(self, tickets: set[int]) -> list[int]:
        """Those of these proposals that still wait for a leader: they do so no more, and did nothing."""
        return self._proposals.withdraw(tickets)

    def stop(self) -> TurnOutput[AppliedT]:
        """Decide no more. What waits is dropped: with OutcomeUnknown what may be in a log, with Stopping the rest."""
        self._stopped = True
        waited, sent = self._proposals.take_all()
        dropped: list[tuple[int, TricordError]] = [(ticket, OutcomeUnknown()) for ticket in sent]
        dropped += [(ticket, Stopping()) for ticket in waited + self._reads.take_all()]
        dropped += self._changes.take_all() + self._transfer.take_all()
        return _dropping(dropped)

    @property
    def is_leader(self) -> bool:
        """Whether this member leads, as far as it knows."""
        return self.state.role is LEADER

    @property
    def role(self) -> Role:
        """Whether this member follows, campaigns or leads."""
        return self.state.role

    @property
    def configuration(self) -> Configuration:
        """The configuration in force: who belongs and who votes."""
        return self.state.configuration

    @property
    def configuration_is_committed(self) -> bool:
        """Whether the entry that brought it is: no other leader takes it back."""
        state = self.state
        return state.configurations.current_index <= state.commit_index

    @property
    def caught_up(self) -> bool:
        """Whether this member leads, has committed in its term, and has applied all that is committed."""
        state = self.state
        return self.is_leader and state.has_committed_in_its_term and state.last_applied == state.commit_index

    @property
    def leader(self) -> int:
        """The leader's id, as far as this member knows (0: none)."""
        return self.state.leader_id

    @property
    def term(self) -> int:
        """The current term."""
        return self.state.persistent.current_term

    @property
    def last_index(self) -> int:
        """The index of the last entry in this member's log, durable or not."""
        return self.state.log.last_index

    @property
    def commit_index(self) -> int:
        """The highest index known to be committed."""
        return self.state.commit_index

    @property
    def applied_index(self) -> int:
        """The highest index that was applied."""
        return self.state.last_applied

    @property
    def fresh_as_of(self) -> float:
        """The newest time of the host (``TurnInput.now``) of which it is certain that all that was committed then is
        applied here; minus infinity before the first read was."""
        return self._reads.fresh_as_of

    @property
    def log_base(self) -> int:
        """The index before the first entry in memory: what peers can be sent begins behind it."""
        return self.state.log.base_index

    def matched_indexes(self) -> dict[int, int]:
        """Of each other member, the last index known to be in its log; empty for one that does not lead."""
        progress = self.state.progress
        return {member: one.match_index for member, one in progress.items() if member != self._member}

    def follows(self, member: int) -> bool:
        """Whether the member takes entries now, as far as this one knows; only a leader does."""
        progress = self.state.progress.get(member)
        return progress is not None and progress.phase is REPLICATE

    @property
    def kept_entries(self) -> int:
        """How many entries of the log are in memory."""
        log = self.state.log
        return log.last_index - log.base_index

    @property
    def waiting_bytes(self) -> int:
        """Bytes of commands on their way."""
        return self._proposals.size_bytes

    def _should_hold(self, turn_input: TurnInput) -> bool:
        """Whether the leader just refused, and nothing says that it would not again: asking at once would only go round
        in circles, as long as it takes to find out that it leads no more."""
        refused_by = self._refused_by
        if self.is_leader or refused_by != (self.leader, self.term) or turn_input.ticks:
            self._refused_by = (0, 0)
            return False
        return not any(type(message) is AppendEntries for message in turn_input.messages)

    def _outside_events(self, turn_input: TurnInput) -> list[Event]:
        """What the disk and the peers said comes before time: a stall of this process is nobody's silence."""
        events: list[Event] = []
        hard_state = turn_input.persisted_hard_state
        if hard_state is not None:
            events.append(HardStatePersisted(hard_state.term, hard_state.vote))
        state = self.state
        index = turn_input.persisted_to
        if index:
            term = turn_input.persisted_term or state.log.term_at(index)
            if term is not None:
                events.append(EntriesPersisted(index, term))
        if turn_input.installed is not None:
            events.append(SnapshotInstalled(*turn_input.installed))
        if turn_input.messages:
            events.extend(turn_input.messages)
        if turn_input.snapshots_sent or turn_input.unreachable:
            events.extend(SnapshotSent(*attempt) for attempt in turn_input.snapshots_sent)
            events.extend(map(Unreachable, turn_input.unreachable))
        if turn_input.leader_gone:
            events.append(ForgetLeader(turn_input.leader_gone))
        if turn_input.ticks:
            events.append(Tick(turn_input.paused_ticks))
            if turn_input.ticks > 1:
                events.extend(Tick() for _ in range(turn_input.ticks - 1))
            self._now += turn_input.ticks
            self._reads.ask_again_if_before(self._now - self._patience_ticks)
        log = state.log
        is_large = log.last_index - log.base_index > PIECE_ENTRIES or log.size_bytes > self.limits.kept_bytes
        if is_large and not self._installing and turn_input.installed is None:
            cut = cut_due(state, self._machine.applied_index, self.limits, self.pinned_index)
            if cut:
                events.append(CutLog(cut))
        return events

    def _ask_for_changes(self, turn_input: TurnInput, events: list[Event]) -> None:
        for _, changes, joint in turn_input.changes:
            events.append(ChangeConfiguration(changes, joint) if changes else LeaveJoint())
        events.extend(TransferLeadership(target) for _, target in turn_input.transfers)

    def _ask(self, turn_input: TurnInput, events: list[Event]) -> list[Batch]:
        """Everything that waits for a leader is proposed and asked now; the batches of proposals."""
        batches = self._proposals.take_queued()
        events.extend([Propose(batch.commands) for batch in batches])
        context = self._reads.ask(turn_input.reads, self._now, turn_input.now)
        if context:
            events.append(ReadIndex(context))
        return batches

    def _note_answers(
        self, turn_input: TurnInput, batches: list[Batch], answered: Answers, output: TurnOutput[AppliedT]
    ) -> None:
        """What was asked, in this turn or before, came to something."""
        if batches or answered.forwarded or answered.lost:
            self._note_places(batches, answered, output)
        if turn_input.changes or turn_input.transfers:
            self._note_changes(turn_input, answered, output)
        self._reads.released(answered.reads)
        self._reads.ask_again(answered.reads_dropped)
        if answered.reads_dropped or any(not first_index for _, first_index, _ in answered.forwarded):
            self._refused_by = (self.leader, self.term)

    def _note_changes(self, turn_input: TurnInput, answered: Answers, output: TurnOutput[AppliedT]) -> None:
        for (ticket, changes, _), outcome in zip(turn_input.changes, answered.configuration_changes, strict=True):
            adds_voter = any(isinstance(change, AddVoter) for change in changes)
            self._changes.asked(ticket, self.term, outcome, output.dropped, adds_voter=adds_voter)
        for (ticket, _), refusal in zip(turn_input.transfers, answered.transfers, strict=True):
            self._transfer.asked(ticket, refusal, output.dropped)

    def _admit(self, proposals: list[tuple[int, bytes]], dropped: list[tuple[int, TricordError]]) -> None:
        """Queue what fits within the limit; the others are told at once."""
        tickets = [ticket for ticket, _ in proposals]
        commands = [command for _, command in proposals]
        size = sum(map(len, commands))
        waiting = self._proposals.size_bytes
        room = self.limits.uncommitted_bytes_max - waiting
        if size > room:
            size = 0
            for count, command in enumerate(commands):
                if size + len(command) > room and (count or waiting):
                    dropped.extend((ticket, TooManyRequests()) for ticket in tickets[count:])
                    tickets, commands = tickets[:count], commands[:count]
                    break
                size += len(command)
        if tickets:
            self._proposals.add(Batch(tickets, commands, size))

    def _note_places(self, batches: list[Batch], answered: Answers, output: TurnOutput[AppliedT]) -> None:
        proposals, term = self._proposals, self.term
        unplaced = []
        for batch, first_index in zip(batches, answered.proposed, strict=True):
            if first_index == FORWARDED:
                proposals.asked(batch)
            elif first_index:
                proposals.placed(first_index, term, batch)
            else:
                unplaced.append(batch)
        unknown = [proposals.answered(number) for number in answered.lost]
        refused = []
        for number, first_index, placed_in in answered.forwarded:
            asked = proposals.answered(number)
            if asked is None:
                continue
            if not first_index:
                reachable("a leader refused what was forwarded to it")
                refused.append(asked)
            elif first_index <= self._machine.applied_index:
                # The entries overtook the answer: what they answered is gone.
                reachable("entries overtook the answer to a forwarded proposal")
                unknown.append(asked)
            else:
                proposals.placed(first_index, placed_in, asked)
        proposals.put_back(refused + unplaced)
        for lost in unknown:
            if lost is not None:
                output.dropped.extend((ticket, OutcomeUnknown()) for ticket in proposals.drop(lost))

    def _apply(self, entries: list[Entry], output: TurnOutput[AppliedT]) -> None:
        applied = self._machine.apply(entries)
        assert len(applied) == len(entries), "one answer for each entry"
        assert self._machine.applied_index == entries[-1].index, "the machine took all of them"
        output.applied = applied
        output.replies = self._proposals.take_applied(entries, applied)
        if self._changes.begun:
            output.changed = self._changes.applied(entries, output.dropped)

    def _jumped(self, index: int, dropped: list[tuple[int, TricordError]]) -> None:
        """A snapshot took the place of state and log: nobody saw what its commands answered."""
        assert self._machine.applied_index == index, "the machine holds the snapshot's state"
        reachable("a snapshot jumped over what proposals waited for")
        self._installing = False
        dropped += [(ticket, OutcomeUnknown()) for ticket in self._proposals.take_below(index)]
        dropped += self._changes.take_all()


def _refused(turn_input: TurnInput) -> TurnOutput[AppliedT]:
    """What a replica that stopped answers."""
    asked = (turn_input.proposals, turn_input.changes, turn_input.transfers)
    dropped: list[tuple[int, TricordError]] = [(one[0], Stopping()) for some in asked for one in some]
    dropped += [(ticket, Stopping()) for ticket in turn_input.reads]
    return _dropping(dropped)


def _dropping(dropped: list[tuple[int, TricordError]]) -> TurnOutput[AppliedT]:
    output: TurnOutput[AppliedT] = TurnOutput()
    output.dropped = dropped
    return output
