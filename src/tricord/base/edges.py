# SPDX-License-Identifier: Apache-2.0
"""What an edge and the member that it is connected to say to each other about one keyspace.

An edge is a user's process that holds replicas of its own. It says hello, is welcomed, and then both pass on what their
replicas say; a change of the replica set is told in between.
"""

from __future__ import annotations

from dataclasses import field
from typing import Protocol, TypeAlias

from tricord.base.errors import InvalidRequest
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.message import message
from tricord.base.values import DataType

EDGE_PROTOCOL = 1
PIECE_BYTES = 1 << 20
MESSAGE_BYTES_MAX = 32 << 20


@message
class EdgeHello:
    """Who wants to replicate what. ``identity``: the edge's 16 random bytes. ``former``: its number that it gives up
    for a new one (0: it keeps what it has). ``cluster``, ``history`` and ``id`` are those of its last contact; 0: there
    was none, and the keyspace is made where it is not there yet."""

    keyspace: str
    model: Model
    identity: bytes
    former: int = 0
    cluster: int = 0
    history: int = 0
    id: int = 0
    protocol: int = EDGE_PROTOCOL
    type: DataType | None = None
    """That the edge wants the keyspace to have; None: it does not say."""
    run: int = 0
    """Of the process that speaks, 64 random bits; 0: it does not say."""


@message
class EdgeSet:
    """The replica set after its ``epoch``-th change: numbers of members, of edges, and the first that nobody had."""

    epoch: int
    members: list[int] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)
    next_number: int = 1

    @property
    def retired(self) -> list[int]:
        """All that ever left."""
        active = {*self.members, *self.edges}
        return [number for number in range(1, self.next_number) if number not in active]


@message
class EdgeWelcome:
    """``number`` is the edge's; ``replica`` the one of the member that answers."""

    cluster: int
    history: int
    member: int
    record: KeyspaceRecord
    number: int
    replica: int
    replicas: EdgeSet


@message
class Said:
    """What the replica at the other end says, or a piece of it; the rest follows where there is ``more``."""

    data: bytes
    more: bool = False


def pieces(data: bytes) -> list[Said]:
    """What goes out for a message."""
    starts = range(0, max(len(data), 1), PIECE_BYTES)
    return [Said(data[start : start + PIECE_BYTES], start + PIECE_BYTES < len(data)) for start in starts]


class Joining:
    """Makes whole messages of pieces, of at most ``MESSAGE_BYTES_MAX``."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, piece: Said) -> bytes | None:
        """The message, if that was its last piece. Raises InvalidRequest for one that is too large."""
        self._size += len(piece.data)
        if self._size > MESSAGE_BYTES_MAX:
            raise InvalidRequest(f"a replica's message has more than {MESSAGE_BYTES_MAX} bytes")
        if piece.more:
            self._parts.append(piece.data)
            return None
        whole = b"".join((*self._parts, piece.data)) if self._parts else piece.data
        self._parts, self._size = [], 0
        return whole


EdgeTold: TypeAlias = EdgeWelcome | EdgeSet | Said


@message
class EdgeKeyspaceStatus:
    """One keyspace at an edge. ``replica`` 0: it has no number yet. ``unsent``: writes that may be nowhere else.
    ``contact_seconds``: since a member was last heard; None: never since the edge was opened. ``problem``: why it is
    not connected; empty while it is."""

    name: str
    model: Model
    replica: int
    connected: bool
    unsent: int
    contact_seconds: float | None
    problem: str = ""


@message
class EdgeStatus:
    """What an edge knows of itself. ``endpoint``: where it is connected; empty: nowhere."""

    identity: bytes
    cluster: int
    endpoint: str
    keyspaces: list[EdgeKeyspaceStatus] = field(default_factory=list)


class EdgeStream(Protocol):
    """The member's end of one edge's stream. Used on the loop."""

    def said(self, piece: Said) -> None:
        """The edge's replica says this to the member's. Raises InvalidRequest for what is too large."""

    def room(self) -> None:
        """The edge takes messages again."""

    def close(self) -> None:
        """The edge is gone."""
