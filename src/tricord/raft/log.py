# SPDX-License-Identifier: Apache-2.0
"""The log in memory: what is kept of it, which part the disk confirmed, and the term at each index (section 5.3).

```
   base            persisted          last
    |  5  6  7  8  9 |  10  11  12  13 |
    '-- stable, a ---'--- unstable ----'
        restart finds it   a crash may lose it
```

``base`` is the last index that was cut away (0: nothing was); its term is still known, so that the entry behind it can
be checked against a leader's log. Entries replaced by another leader's leave with everything behind them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tricord.base.log import Entry


def consecutive(entries: Sequence[Entry], prev_index: int, prev_term: int) -> bool:
    """Whether these can follow that entry: each index is one more, and terms never fall."""
    for entry in entries:
        if entry.index != prev_index + 1 or entry.term < prev_term:
            return False
        prev_index, prev_term = entry.index, entry.term
    return True


class Log:
    """Consecutive entries from ``base_index`` + 1 on."""

    __slots__ = ("_entries", "base_index", "base_term", "last_index", "last_term", "persisted_index", "size_bytes")

    def __init__(self, base_index: int, base_term: int, entries: Sequence[Entry]) -> None:
        """All given entries are durable. Their first index is base_index + 1."""
        assert consecutive(entries, base_index, base_term), "a log has no gap, and its terms never fall"
        self.base_index = base_index
        self.base_term = base_term
        self._entries: list[Entry] = []
        self.last_index = base_index
        self.last_term = base_term
        self.size_bytes = 0
        """Bytes of data in the kept entries."""
        self.append(entries)
        self.persisted_index = self.last_index

    def term_at(self, index: int) -> int | None:
        """The term of the entry at the index; None where this log has none (any more)."""
        if index > self.base_index:
            return self._entries[index - self.base_index - 1].term if index <= self.last_index else None
        return self.base_term if index == self.base_index else None

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries behind the last one; whoever brings them saw that they are ``consecutive``."""
        if not entries:
            return
        last = entries[-1]
        assert entries[0].index == self.last_index + 1, "the log has no gap"
        assert last.index == self.last_index + len(entries), "the log has no gap"
        assert last.term >= entries[0].term >= self.last_term, "terms never fall along the log"
        self._entries.extend(entries)
        self.last_index = last.index
        self.last_term = last.term
        self.size_bytes += sum([len(entry.data) for entry in entries])

    def truncate_after(self, index: int) -> None:
        """Forget all entries behind the index, which is in the log (section 5.3: the leader's log wins)."""
        assert self.base_index <= index <= self.last_index, "what was cut away cannot be truncated"
        keep = index - self.base_index
        self.size_bytes -= sum(len(entry.data) for entry in self._entries[keep:])
        del self._entries[keep:]
        self.last_index = index
        self.last_term = self._entries[-1].term if self._entries else self.base_term
        self.persisted_index = min(self.persisted_index, index)

    def persisted(self, index: int, term: int) -> bool:
        """The disk holds the log up to the index, whose entry has the term. True when that is news.

        An answer about entries that were replaced meanwhile names another term than the log does, and is ignored.
        """
        if index <= self.persisted_index or self.term_at(index) != term:
            return False
        self.persisted_index = index
        return True

    def reset(self, index: int, term: int) -> None:
        """A snapshot took the place of everything: the log begins behind its last entry (section 7)."""
        self._entries.clear()
        self.base_index = self.last_index = self.persisted_index = index
        self.base_term = self.last_term = term
        self.size_bytes = 0

    def entries(self, first: int, last: int) -> list[Entry]:
        """The entries with first <= index <= last, all of them in the log. Cost: one slice."""
        assert self.base_index < first and last <= self.last_index, "the range is in the log"
        offset = self.base_index + 1
        return self._entries[first - offset : last + 1 - offset]

    def cut_before(self, index: int) -> None:
        """Let go of the entries below the index; what is not durable stays. Cost: the entries kept."""
        if index - 1 <= self.base_index:
            return
        assert index - 1 <= self.persisted_index, "only durable entries are cut away"
        cut = index - 1 - self.base_index
        self.base_term = self._entries[cut - 1].term
        self.base_index = index - 1
        self.size_bytes -= sum(len(entry.data) for entry in self._entries[:cut])
        del self._entries[:cut]
