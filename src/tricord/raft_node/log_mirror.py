# SPDX-License-Identifier: Apache-2.0
"""The entries of a log store in memory, written by the store's thread and read by the loop."""

from __future__ import annotations

import threading

from tricord.base.log import Entry


class LogMirror:
    """Consecutive entries, of which the last ones may be replaced."""

    def __init__(self, first_index: int, entries: list[Entry]) -> None:
        self._lock = threading.Lock()
        self._entries = entries
        self.first_index = first_index
        self.last_index = first_index + len(entries) - 1

    def append(self, entries: list[Entry]) -> None:
        """Add entries; one at an index that is there replaces it and all behind."""
        first = entries[0].index
        with self._lock:
            assert self.first_index <= first <= self.last_index + 1, "a log has no gap"
            assert entries[-1].index == first + len(entries) - 1, "a log has no gap"
            if first <= self.last_index:
                del self._entries[first - self.first_index :]
            self._entries.extend(entries)
            self.last_index = entries[-1].index

    def get(self, index: int) -> Entry | None:
        """The entry at the index, or None."""
        with self._lock:
            if self.first_index <= index <= self.last_index:
                return self._entries[index - self.first_index]
            return None

    def cut_before(self, index: int) -> None:
        """Drop the entries below the index."""
        with self._lock:
            count = max(0, min(index - self.first_index, len(self._entries)))
            del self._entries[:count]
            self.first_index += count

    def reset(self, index: int) -> None:
        """Drop everything; the next entry is the one behind the index."""
        with self._lock:
            self._entries.clear()
            self.first_index = index + 1
            self.last_index = index
