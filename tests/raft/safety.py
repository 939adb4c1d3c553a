# SPDX-License-Identifier: Apache-2.0
"""Figure 3 of the paper, checked after every step of every core: each check looks only at what the step changed.

- Election Safety: a term has one leader at most, and a majority's disks hold their votes for it.
- Leader Append-Only: what a leader puts out lies behind its log's end.
- Log Matching: an (index, term) is one entry everywhere, with one predecessor. By induction, logs that share it are the
  same up to it.
- Leader Completeness: a leader's log holds all that was committed in lower terms, also when it turns out later that
  it was committed.
- State Machine Safety: an index has one committed entry, whoever commits or applies it.

Beside the figure: what a leader commits is on a majority's disks; what an acknowledgement or a vote says is on its
sender's disk; the configuration in force is the log's last; a command is taken once, though messages are doubled; a
read's index is not below what anybody had committed when it was asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.raft.disk import CONFIGURATION, Disk
from tricord.base.log import Entry, EntryKind
from tricord.base.membership import Configuration, decode_configuration
from tricord.raft import Output, Raft, Role
from tricord.raft.messages import (
    AppendEntriesResult,
    InstallSnapshotResult,
    Message,
    RequestVote,
    RequestVoteResult,
)

NORMAL = int(EntryKind.NORMAL)


@dataclass(slots=True)
class Seen:
    """What one core's log is, by what it put out; and what it was when last looked at."""

    base: tuple[int, int]
    terms: list[int]
    """Of the entries behind the base."""
    configurations: list[tuple[int, Configuration]]
    """(index, configuration), the one at the base first."""
    led_term: int = 0
    commit_index: int = 0

    @staticmethod
    def of(disk: Disk, before: Seen | None = None) -> Seen:
        """What a core has that starts with this disk, or that this disk's snapshot was installed in."""
        seen = Seen(disk.base, [], [(disk.base[0], disk.configuration)])
        seen.replace(disk.log)
        if before is not None:
            seen.led_term, seen.commit_index = before.led_term, before.commit_index
        return seen

    @property
    def last_index(self) -> int:
        return self.base[0] + len(self.terms)

    def term_at(self, index: int) -> int:
        """The term of the entry at the index, which is in the log or its base."""
        place = index - self.base[0]
        assert place >= 0
        return self.terms[place - 1] if place else self.base[1]

    def replace(self, entries: list[Entry]) -> None:
        """These join the log, in place of all from their first index on."""
        if not entries:
            return
        first = entries[0].index
        assert self.base[0] < first <= self.last_index + 1, "entries to persist have no gap before them"
        del self.terms[first - self.base[0] - 1 :]
        while self.configurations[-1][0] >= first:
            self.configurations.pop()
        for entry in entries:
            self.terms.append(entry.term)
            if entry.kind == CONFIGURATION:
                self.configurations.append((entry.index, decode_configuration(entry.data)))

    def cut(self, index: int, configuration: Configuration) -> None:
        """A snapshot holds what is up to the index."""
        term = self.term_at(index)
        del self.terms[: index - self.base[0]]
        self.base = (index, term)
        self.configurations = [(index, configuration), *(later for later in self.configurations if later[0] > index)]


@dataclass(slots=True)
class Committed:
    """An entry that stays for good: the term it is of, and the lowest term in which it was known to be committed."""

    term: int
    in_term: int


@dataclass(slots=True)
class Safety:
    """What was ever seen of all cores of one walk."""

    leaders: dict[int, int] = field(default_factory=dict)
    logs_at_election: dict[int, tuple[int, list[int]]] = field(default_factory=dict)
    """Term -> base index and terms of its leader's log when it was elected."""
    terms_led: list[int] = field(default_factory=list)
    entries: dict[tuple[int, int], tuple[Entry, int]] = field(default_factory=dict)
    """(index, term) -> the entry there, and the term before it."""
    committed: list[Committed] = field(default_factory=list)
    commands: set[bytes] = field(default_factory=set)
    """Those that are committed."""

    def after_step(self, id: int, raft: Raft, seen: Seen, output: Output, disks: dict[int, Disk]) -> None:
        """Raises AssertionError when one of the properties broke."""
        state = raft.state
        log = state.log
        if output.entries:
            self._appended(raft, seen, output.entries)
        if state.installing is None:
            end = (seen.last_index, seen.term_at(seen.last_index))
            assert (log.last_index, log.last_term) == end, "the log is what was put out"
        if output.entries or output.configuration is not None:
            assert state.configuration == seen.configurations[-1][1], "the log's last configuration is in force"
        if state.role is Role.LEADER and seen.led_term != raft.term:
            self._elected(id, raft, seen, disks)
        if state.commit_index != seen.commit_index:
            self._committed(raft, seen, disks)
        if state.role is not Role.LEADER:
            seen.led_term = 0
        if output.committed:
            self._handed_out(output.committed, disks[id])
        for message in output.messages:
            check_durable(message, disks[id])

    def _appended(self, raft: Raft, seen: Seen, entries: list[Entry]) -> None:
        if raft.state.role is Role.LEADER and seen.led_term == raft.term:
            assert entries[0].index == seen.last_index + 1, "leader append-only"
        assert entries[0].index > seen.commit_index, "what was known to be committed is never replaced"
        seen.replace(entries)
        before = seen.term_at(entries[0].index - 1)
        for entry in entries:
            known = self.entries.setdefault((entry.index, entry.term), (entry, before))
            assert known[1] == before, f"log matching: two entries before {entry.index} of term {entry.term}"
            assert known[0] is entry or known[0] == entry, (
                f"log matching: two entries {entry.index} of term {entry.term}"
            )
            before = entry.term

    def _elected(self, id: int, raft: Raft, seen: Seen, disks: dict[int, Disk]) -> None:
        term = raft.term
        assert self.leaders.setdefault(term, id) == id, f"election safety: two leaders in term {term}"
        seen.led_term = term
        self.logs_at_election[term] = (seen.base[0], list(seen.terms))
        self.terms_led.insert(bisect_right(self.terms_led, term), term)

        def voted(voter: int) -> bool:
            hard_state = disks[voter].hard_state
            return hard_state.term > term or (hard_state.term == term and hard_state.vote == id)

        # The no-op's configuration is the one that the votes were counted in: a leader changes it later.
        assert all(_majority(group, voted) for group in _groups(raft.state.configuration)), "votes are durable"
        for index in range(len(self.committed), seen.base[0], -1):
            if self.committed[index - 1].in_term < term:
                assert index <= seen.last_index, f"leader completeness: the leader of {term} lacks {index}"
                assert seen.term_at(index) == self.committed[index - 1].term, f"leader completeness: {index} in {term}"
                break  # what is before it is the same by log matching

    def _committed(self, raft: Raft, seen: Seen, disks: dict[int, Disk]) -> None:
        first, last = seen.commit_index + 1, raft.state.commit_index
        assert last >= first, "commit never goes back"
        seen.commit_index = last
        known = len(self.committed)
        for index in range(max(first, seen.base[0], 1), min(last, known) + 1):
            assert self.committed[index - 1].term == seen.term_at(index), (
                f"state machine safety: two entries at {index}"
            )
        if last <= known:
            return
        term = seen.led_term
        assert term, "a follower commits what a leader committed"
        assert seen.term_at(last) == term, "figure 8: only an entry of the own term is committed by counting"

        def holds(voter: int) -> bool:
            disk = disks[voter]
            return disk.base[0] >= last or disk.term_at(last) == term

        configurations = [configuration for _, configuration in seen.configurations[-2:]]
        assert any(
            all(_majority(group, holds) for group in _groups(configuration)) for configuration in configurations
        ), f"what is committed is on a majority's disks: {last}"
        for index in range(known + 1, last + 1):
            entry, _ = self.entries[(index, seen.term_at(index))]
            self.committed.append(Committed(entry.term, term))
            assert entry.data not in self.commands, "a command is taken once, however often it came"
            if entry.kind == NORMAL:
                self.commands.add(entry.data)
        for later in self.terms_led[bisect_right(self.terms_led, term) :]:
            base, terms = self.logs_at_election[later]
            assert base >= last or (last - base <= len(terms) and terms[last - base - 1] == term), (
                f"leader completeness: the leader of {later} lacked {last}"
            )

    def _handed_out(self, entries: list[Entry], disk: Disk) -> None:
        assert entries[-1].index <= disk.last_index, "what is applied is durable here"
        for entry in entries:
            assert self.committed[entry.index - 1].term == entry.term, f"state machine safety: {entry.index}"
            assert self.entries[(entry.index, entry.term)][0] == entry, f"state machine safety: {entry.index}"


def check_durable(message: Message, disk: Disk) -> None:
    """What a message says of its sender's disk is true."""
    hard_state = disk.hard_state
    kind = type(message)
    if kind is AppendEntriesResult:
        assert isinstance(message, AppendEntriesResult)
        assert not message.success or message.match_index <= disk.last_index, "what is acknowledged is durable"
    elif kind is RequestVote:
        assert isinstance(message, RequestVote)
        if message.pre_vote:
            return
        assert (hard_state.term, hard_state.vote) == (message.term, message.sender), "the own vote is durable"
    elif kind is RequestVoteResult:
        assert isinstance(message, RequestVoteResult)
        if message.pre_vote:
            return
        assert not message.vote_granted or (hard_state.term, hard_state.vote) == (message.term, message.receiver)
    elif kind is InstallSnapshotResult:
        assert isinstance(message, InstallSnapshotResult)
        assert message.last_included_index <= disk.last_index, "an installed snapshot is durable"
    assert message.term <= hard_state.term, "nobody hears of a term that a crash could undo"


def _groups(configuration: Configuration) -> list[tuple[int, ...]]:
    return [configuration.voters, configuration.outgoing] if configuration.outgoing else [configuration.voters]


def _majority(voters: tuple[int, ...], agrees: Callable[[int], bool]) -> bool:
    return sum(map(agrees, voters)) * 2 > len(voters)
