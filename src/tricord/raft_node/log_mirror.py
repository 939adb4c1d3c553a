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
        with self._lock:
            for entry in entries:
                assert self.first_index <= entry.index <= self.last_index + 1, "a log has no gap"
                del self._entries[entry.index - self.first_index :]
                self._entries.append(entry)
                self.last_index = entry.index

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

    def behind(self, index: int) -> list[Entry]:
        """All entries after the index."""
        with self._lock:
            return self._entries[max(0, index + 1 - self.first_index) :]
