# SPDX-License-Identifier: Apache-2.0
"""Messages of other replicas that wait for a turn: taken a piece at a time, so that a keyspace that is behind does not
keep the loop from all else for longer than a piece takes, and bounded."""

from __future__ import annotations

from collections import deque

from tricord.base.reachable import reachable

TURN_BYTES = 1 << 17
"""Of one turn, but for a larger message: about 20 ms of small writes."""
WAITING_BYTES_MAX = 4 << 20
"""What comes when so much waits is dropped, and comes again: others repeat what was not confirmed, and repair it."""


class Inbox:
    """First in, first out."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._bytes = 0

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def put(self, data: bytes) -> bool:
        """Keep it for a turn. False: it found no room, and is dropped."""
        if self._bytes > WAITING_BYTES_MAX:
            reachable("a replica dropped messages that found no room")
            return False
        self._waiting.append(data)
        self._bytes += len(data)
        return True

    def take(self) -> list[bytes]:
        """Those of one turn."""
        taken: list[bytes] = []
        room = TURN_BYTES
        while self._waiting and room > 0:
            data = self._waiting.popleft()
            room -= len(data)
            taken.append(data)
        self._bytes -= sum(map(len, taken))
        return taken
