# SPDX-License-Identifier: Apache-2.0
"""What is committed stays (figure 3).

- Leader Completeness: a leader's log holds all that was committed in lower terms, also when it turns out later that it
  was committed.
- State Machine Safety: an index has one committed entry, whoever commits or applies it.
- Commit never goes back, and what a leader commits is on a majority's disks.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass

from tricord.base.membership import Configuration
from tricord.sim.invariants.broken import Broken, majority
from tricord.sim.invariants.seen import Seen, Stored

SAFETY = "state machine safety"
COMPLETENESS = "leader completeness"


@dataclass(slots=True)
class Committed:
    """An entry that stays for good: the term it is of, and the lowest term in which it was known to be committed."""

    term: int
    in_term: int


class Commitment:
    """All that was ever committed. ``stored(member)`` is its disk, or None for one that is gone."""

    __slots__ = ("_logs", "_stored", "_terms_led", "committed")

    def __init__(self, stored: Callable[[int], Stored | None]) -> None:
        self._stored = stored
        self.committed: list[Committed] = []
        """By index, from 1."""
        self._logs: dict[int, tuple[int, list[int]]] = {}
        """Term -> base index and terms of its leader's log when it was elected."""
        self._terms_led: list[int] = []

    def elected(self, term: int, seen: Seen) -> None:
        """A leader with this log. Raises Broken. Cost: the entries that no leader before committed, mostly."""
        self._logs[term] = (seen.base[0], list(seen.terms))
        insort(self._terms_led, term)
        committed = self.committed
        for index in range(len(committed), seen.base[0], -1):
            if committed[index - 1].in_term < term:
                if index > seen.last_index:
                    raise Broken(COMPLETENESS, f"the leader of term {term} lacks entry {index}, which is committed")
                if seen.term_at(index) != committed[index - 1].term:
                    raise Broken(COMPLETENESS, f"the leader of term {term} has another entry {index}")
                break  # what is before it is the same by log matching

    def started(self, member: int, seen: Seen) -> None:
        """A member begins, and knows its commit index. Raises Broken."""
        if seen.commit_index > len(self.committed):
            raise Broken(SAFETY, f"{member} starts with commit index {seen.commit_index}: nobody committed so much")

    def advanced(self, member: int, seen: Seen, commit_index: int, *, reconfigured: bool = False) -> None:
        """A member's commit index is another; ``reconfigured``: in a turn that brought another configuration, which may
        have come before or after. Raises Broken. Cost: what it advanced by."""
        first = seen.commit_index + 1
        if commit_index < first:
            raise Broken("monotone commit", f"{member}'s commit index fell from {first - 1} to {commit_index}")
        seen.commit_index = commit_index
        committed = self.committed
        known = len(committed)
        for index in range(max(first, seen.base[0], 1), min(commit_index, known) + 1):
            if committed[index - 1].term != seen.term_at(index):
                raise Broken(SAFETY, f"{member} commits another entry {index} than others did")
        if commit_index > known:
            self._new(member, seen, known, commit_index, seen.configurations[-2 if reconfigured else -1 :])

    def _new(
        self, member: int, seen: Seen, known: int, last: int, configurations: list[tuple[int, Configuration]]
    ) -> None:
        term = seen.led_term
        if not term:
            raise Broken(SAFETY, f"{member} follows, and commits entry {last}, which no leader committed")
        if seen.term_at(last) != term:
            raise Broken(COMPLETENESS, f"{member} commits entry {last} of an older term by counting (figure 8)")
        if not any(self._is_held(one, last, term) for _, one in configurations):
            raise Broken("durability", f"{member} commits entry {last}, which no majority's disks hold")
        for index in range(known + 1, last + 1):
            self.committed.append(Committed(seen.term_at(index), term))
        for later in self._terms_led[bisect_right(self._terms_led, term) :]:
            base, terms = self._logs[later]
            if base < last and (last - base > len(terms) or terms[last - base - 1] != term):
                raise Broken(COMPLETENESS, f"the leader of term {later} lacked entry {last}, which is committed")

    def _is_held(self, configuration: Configuration, index: int, term: int) -> bool:
        for voters in (configuration.voters, configuration.outgoing):
            holding = 0
            for voter in voters:
                stored = self._stored(voter)
                holding += stored is None or stored.base[0] >= index or stored.term_at(index) == term
            if voters and not majority(voters, holding):
                return False
        return True
