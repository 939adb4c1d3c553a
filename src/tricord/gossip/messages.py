# SPDX-License-Identifier: Apache-2.0
"""What members say to each other, beside claims."""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.message import message
from tricord.gossip.claims import Claim


@message
class Ping:
    """Are you there?"""

    sequence: int


@message
class Ack:
    """The probe of this number was answered: by who sends this, or by the one whom it was asked to probe."""

    sequence: int


@message
class Nack:
    """I am here, and have no answer yet from the one that I was asked to probe."""

    sequence: int


@message
class PingRequest:
    """Probe this member for me."""

    sequence: int
    target: int


@message
class Broadcast:
    """Something of the application, for everybody."""

    origin: int
    life: int
    """The incarnation with which the origin's run began."""
    number: int
    """Of the origin's broadcasts in this life, from 1 on."""
    topic: int
    """16 bits; whose it is."""
    payload: bytes


@message
class StateOf:
    """All that the sender knows (by streams only)."""

    claims: list[Claim]


Message: TypeAlias = Ping | Ack | Nack | PingRequest | Claim | Broadcast
"""What fits into a packet."""
