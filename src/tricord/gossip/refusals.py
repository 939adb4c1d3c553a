# SPDX-License-Identifier: Apache-2.0
"""Why bytes that came in are not heard. Nothing else is raised for them, and ``Gossip.turn`` counts instead."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """Values are the labels of the metric."""

    MALFORMED = "malformed"
    """Cut short, damaged, or no gossip at all."""
    FORMAT = "format"
    """Another format version."""
    CLUSTER = "cluster"
    """Of another cluster."""
    PLAIN = "plain"
    """In the clear, where keys are set."""
    KEY = "key"
    """Sealed with a key that is not in the ring, or where there is none."""
    FORGED = "forged"
    """Sealed with a known key, and changed on its way."""
    UNKNOWN_SENDER = "unknown_sender"
    """Not listed, or this member's own id."""
    OTHER_RECEIVER = "other_receiver"
    """Meant for another member."""


class PacketRefused(ValueError):
    """These bytes are not heard."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
