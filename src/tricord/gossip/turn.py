# SPDX-License-Identifier: Apache-2.0
"""What goes into a turn, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tricord.base.message import message
from tricord.gossip.claims import Standing

Address: TypeAlias = tuple[str, int]
"""Host and port; the host may be a name."""


class EventKind(Enum):
    """What became of a member. Values are words for logs and metrics."""

    ALIVE = "alive"
    """It is there: for the first time, again, or it refuted a suspicion."""
    SUSPECT = "suspect"
    DEAD = "dead"
    LEFT = "left"
    UPDATED = "updated"
    """It is there as before, and says something else of itself."""
    REMOVED = "removed"
    """It is not listed any more."""


@message
class MemberEvent:
    """Something became of a member."""

    kind: EventKind
    member: int
    incarnation: int
    metadata: bytes


@message
class MemberView:
    """What is known of one other member."""

    member: int
    standing: Standing
    incarnation: int
    metadata: bytes
    address: Address


@message
class Delivery:
    """A broadcast of another member that came for the first time."""

    origin: int
    topic: int
    payload: bytes


@message
class Exchange:
    """Connect, send one request, take one answer, close. Its end is told by an ``Answer``, before the timeout."""

    ticket: int
    address: Address
    payload: bytes
    timeout: float


@message
class Answer:
    """How an exchange of this member ended; without a payload it failed."""

    ticket: int
    payload: bytes | None


@message
class Request:
    """Somebody's exchange came in by this stream. What is in ``Output.answers`` for it is sent; else it is closed."""

    stream: int
    payload: bytes


@dataclass(slots=True)
class Input:
    """``now`` is monotonic. Everything else may be empty: time alone is a turn too."""

    now: float
    packets: list[bytes] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    listed: dict[int, Address] | None = None
    """All members that belong, and where they listen; this one may be among them. None: as before."""
    broadcasts: list[tuple[int, bytes]] = field(default_factory=list)
    """(topic, payload) to tell everybody."""
    metadata: bytes | None = None
    """What this member says of itself from now on. None: as before."""
    keys: tuple[bytes, ...] | None = None
    """The key ring from now on. None: as before."""
    leave: bool = False
    """Tell the others that this member goes. There is no way back in this run."""


@dataclass(slots=True)
class Output:
    """``packets`` and ``exchanges`` may be lost, late, doubled and reordered."""

    packets: list[tuple[Address, bytes]] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    """(stream, payload) for requests of this turn."""
    events: list[MemberEvent] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    left: bool = False
    """Those who could be told know that this member goes: it may stop."""
    wake_at: float = 0.0
    """When the next turn is due, if nothing comes in before."""
