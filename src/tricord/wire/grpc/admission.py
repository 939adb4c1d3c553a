# SPDX-License-Identifier: Apache-2.0
"""Which unary calls of one connection may begin now, and which wait, so that answers cannot fill the memory.

A small request may have a large answer, and a peer may send a thousand requests and take no answer. So a new connection
begins with room for a few calls at a time. Each small answer makes room for one more, a large one leaves room for as
many of its size as the queue may hold, and while more than that waits for the peer's window nothing begins. What
waits is requests, which are small or hold window of their own. A call that blocks for long takes room for at most a
second (``tick``): it must not stop the others.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tricord.wire.grpc.server_call import ServerUnaryCall
    from tricord.wire.http2.connection import Connection

ROOM_LEAST = 8
ROOM_MOST = 1_000
SMALL = 4_096
"""Bytes of an answer that is not worth counting."""


class Admission:
    """``under_way`` and ``room`` are counts of calls; the hot path reads and writes them in place."""

    __slots__ = ("_connection", "_releasing", "room", "under_way", "waiting")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._releasing = False
        self.room = ROOM_LEAST
        self.under_way = 0
        self.waiting: deque[tuple[ServerUnaryCall, bytes]] = deque()

    def may_begin(self) -> bool:
        """Whether a call may begin at once."""
        connection = self._connection
        return self.under_way < self.room and connection.queued_bytes <= connection.limits.max_queued_bytes

    def answered_large(self, size: int) -> None:
        """An answer that is not small was given."""
        self.room = max(ROOM_LEAST, min(self.room, self._connection.limits.max_queued_bytes // size))

    def release(self) -> None:
        """Begin what waits, as far as there is room. Handlers that answer at once come back here: one loop does it."""
        if self._releasing:
            return
        self._releasing = True
        try:
            while self.waiting and self.may_begin():
                call, message = self.waiting.popleft()
                call.start(message)
        finally:
            self._releasing = False

    def tick(self) -> None:
        """Once a second."""
        if self.waiting:
            self.room = min(self.room + ROOM_LEAST, ROOM_MOST)
            self.release()
