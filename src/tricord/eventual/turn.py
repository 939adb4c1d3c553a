# SPDX-License-Identifier: Apache-2.0
"""What goes into a turn, and what comes out. Batches, so that the cost of a turn is shared."""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.base.changes import Change
from tricord.base.dots import Dot, Seen
from tricord.base.errors import TricordError
from tricord.base.message import message
from tricord.base.ordered import Write
from tricord.crdt.cell import Cell


@message
class WriteRequest:
    """Change one key. ``seen``: what the client had read, None: what stands here. ``ttl``: milliseconds until the value
    ends, 0: never. ``acks``: how many replicas have to have it durably before it is answered, this one included, by
    ``deadline`` (monotonic seconds)."""

    ticket: int
    key: bytes
    change: Change
    seen: Seen | None = None
    ttl: int = 0
    acks: int = 1
    deadline: float = float("inf")


@message
class ReadRequest:
    """Read keys as ``replicas`` replicas have them, this one included, merged, by ``deadline``."""

    ticket: int
    keys: list[bytes]
    replicas: int = 1
    deadline: float = float("inf")


@message
class WriteAnswer:
    """The write is durable where it was asked for: its dot, and how many replicas said that they have it. With an error
    either nothing was changed (no dot), or not enough replicas said so in time: then the write stands all the same."""

    ticket: int
    dot: Dot | None
    acks: int
    error: TricordError | None = None


@message
class ReadAnswer:
    """What each key holds, for ``crdt.shown.show``; or too few replicas answered in time."""

    ticket: int
    cells: list[Cell]
    error: TricordError | None = None


@dataclass(slots=True)
class Input:
    """``now`` is monotonic, in seconds; ``wall`` milliseconds since 1970. All else may be empty: time alone is a turn
    too."""

    now: float
    wall: int
    writes: list[WriteRequest] = field(default_factory=list)
    reads: list[ReadRequest] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    persisted: int = 0
    """The effects of all turns up to this one are durable."""
    active: tuple[int, ...] | None = None
    """All replicas of the keyspace, as the catalogue says, this one among them. None: as before."""
    members: tuple[int, ...] | None = None
    """Those of them that are members, where ``active`` is given: the others are edges, which may be away for days, and
    speak to members only. None: all."""
    peers: tuple[int, ...] | None = None
    """Those of them that this one speaks to, where ``active`` is given. None: all others."""


@message
class UnreadAlarm:
    """``key``: under which the sender has what cannot be read; None: all of its message cannot. ``sender``: 0 where not
    even that is known."""

    sender: int
    key: bytes | None
    error: TricordError


@dataclass(slots=True)
class Output:
    """``effects`` stand in the store already, and are to become durable in order: ``Input.persisted`` says so."""

    turn: int
    effects: list[Write] = field(default_factory=list)
    messages: list[tuple[int, bytes]] = field(default_factory=list)
    """(replica, bytes), which may be lost, late, doubled and reordered."""
    writes: list[WriteAnswer] = field(default_factory=list)
    reads: list[ReadAnswer] = field(default_factory=list)
    changed: list[bytes] = field(default_factory=list)
    """Keys that hold something else than before, each once."""
    ahead: int = 0
    """Milliseconds by which another's stamp is ahead of this clock where that is too much to follow, for an alarm."""
    unread: UnreadAlarm | None = None
    """What another one said and this version cannot read, for an alarm: the last of it."""
    urgent: bool = False
    """Somebody waits until the effects are durable: a client, here or at another replica."""
    adopted: bool = False
    """The unsent writes of the retired replica stand here under new names, with this turn's effects."""
    wake_at: float = 0.0
    """When the next turn is due, if nothing comes in before."""
