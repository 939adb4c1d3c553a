# SPDX-License-Identifier: Apache-2.0
"""Log Matching (figure 3): an index and a term are one entry everywhere, with one predecessor. By induction, logs that
share an entry are the same up to it. And leader append-only: what a leader puts out lies behind its log's end. So no
log loses an entry but to one that conflicts, at its index or before.
"""

from __future__ import annotations

from tricord.base.log import Entry
from tricord.sim.invariants.broken import Broken
from tricord.sim.invariants.seen import Seen

CHECKER = "log matching"


class LogMatching:
    """All entries that any log ever held."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[tuple[int, int], tuple[Entry, int]] = {}
        """(index, term) -> the entry there, and the term before it."""

    def appended(self, member: int, seen: Seen, entries: list[Entry], *, leads: bool) -> None:
        """A member put these out, which have no gap. Raises Broken. Cost: a look-up for each."""
        first = entries[0].index
        if leads and first != seen.last_index + 1:
            raise Broken(CHECKER, f"leader {member} replaced its own entry {first}")
        if first <= seen.commit_index:
            raise Broken("state machine safety", f"{member} replaced entry {first}, which it knew to be committed")
        last = entries[-1].index
        if last < seen.last_index and all(entry.term == seen.term_at(entry.index) for entry in entries):
            raise Broken(CHECKER, f"{member} cut off what is behind entry {last}, though nothing conflicts")
        seen.replace(entries)
        before = seen.term_at(first - 1)
        known = self.entries
        for entry in entries:
            place = (entry.index, entry.term)
            other = known.get(place)
            if other is None:
                known[place] = (entry, before)
            elif other[1] != before or (other[0] is not entry and other[0] != entry):
                raise Broken(CHECKER, f"{member} holds another entry {entry.index} of term {entry.term} than others do")
            before = entry.term
