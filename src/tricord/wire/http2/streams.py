# SPDX-License-Identifier: Apache-2.0
"""One stream and what is remembered of those that are gone (RFC 9113, section 5.1).

A stream is in the table while either side is open. ``remote_open``: the peer may still send. ``local_open``: we may.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any


class Stream:
    """State of one stream. The owner may read all of it and write ``context``, ``drained``."""

    __slots__ = (
        "answered",
        "body_expected",
        "context",
        "credit",
        "drained",
        "expected",
        "granted",
        "headers_seen",
        "id",
        "local_open",
        "queue",
        "queued_bytes",
        "receive_window",
        "remote_open",
        "send_window",
        "stalled_since",
        "tail",
        "wanted",
    )

    def __init__(self, stream_id: int, send_window: int, receive_window: int) -> None:
        self.id = stream_id
        self.send_window = send_window
        self.receive_window = receive_window
        self.remote_open = True
        self.local_open = True
        self.answered = False
        """We sent something on it."""
        self.headers_seen = False
        self.body_expected = -1
        """What content-length promised and has not come yet; -1: no promise."""
        self.credit = 0
        """Consumed bytes that the peer was not yet told of."""
        self.expected = 0
        """Bytes of the message under way that are still to come."""
        self.granted = 0
        """Window beyond the initial one, counted in the connection's ``max_large_bytes``."""
        self.wanted = 0
        """Window that waits for others to give theirs back."""
        self.queue: deque[memoryview] | None = None
        """Data that waits for window, then ``tail``."""
        self.queued_bytes = 0
        self.tail: bytes | None = None
        """The trailers' block after the queue; b"": just END_STREAM; None: more may come."""
        self.stalled_since = 0.0
        self.drained: Callable[[], None] | None = None
        """Called when a queue has become empty, or the stream is gone."""
        self.context: Any = None
        """The owner's own."""


class RecentlyReset:
    """Ids that we reset while the peer may not know yet: its frames for them are ignored. Bounded; oldest forgotten."""

    __slots__ = ("_ids", "_order")

    _KEPT = 1024

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._order: deque[int] = deque()

    def add(self, stream_id: int) -> None:
        """Remember it."""
        if stream_id in self._ids:
            return
        self._ids.add(stream_id)
        self._order.append(stream_id)
        if len(self._order) > self._KEPT:
            self._ids.discard(self._order.popleft())

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self._ids

    def discard(self, stream_id: int) -> None:
        """The peer knows now. (Its place in the order is kept; that only makes the memory shorter.)"""
        self._ids.discard(stream_id)
