# SPDX-License-Identifier: Apache-2.0
"""The messages with entries on their way to one follower, bounded by count and by bytes.

Messages are acknowledged in the order of their last entry, so a queue is enough. The bounds keep a slow follower from
filling its host's memory (dissertation 10.2.1, pipelining).
"""

from __future__ import annotations

from collections import deque


class Inflights:
    """Oldest first."""

    __slots__ = ("_sent", "size_bytes")

    def __init__(self) -> None:
        self._sent: deque[tuple[int, int]] = deque()
        self.size_bytes = 0
        """Bytes of entry data on their way."""

    def __len__(self) -> int:
        return len(self._sent)

    def add(self, last_index: int, size_bytes: int) -> None:
        """A message that ends with that entry left."""
        self._sent.append((last_index, size_bytes))
        self.size_bytes += size_bytes

    def acknowledged(self, index: int) -> None:
        """The follower holds everything up to the index."""
        sent = self._sent
        while sent and sent[0][0] <= index:
            self.size_bytes -= sent.popleft()[1]

    def clear(self) -> None:
        """They may be lost."""
        self._sent.clear()
        self.size_bytes = 0

    def has_room(self, count_max: int, bytes_max: int) -> bool:
        """Whether one more may leave; one may always be on its way."""
        return not self._sent or (len(self._sent) < count_max and self.size_bytes < bytes_max)
