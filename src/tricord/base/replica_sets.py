# SPDX-License-Identifier: Apache-2.0
"""Who holds a causal or eventual keyspace: the replica set, as the catalogue has it, and the requests that change it.

A replica is a member or an edge (a process of a user) that holds the keyspace under a number of its own. Numbers begin
at 1 and are never used again.
"""

from __future__ import annotations

from dataclasses import field
from typing import TypeAlias

from tricord.base.errors import TooManyEdges
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.message import message

EDGES_MAX = 1024
"""How many edges a keyspace may have at a time."""
EDGE_BYTES = 16
REPLICA_MAX = (1 << 32) - 1
"""The highest number."""


@message
class MemberReplica:
    """A member, by its id."""

    member: int


@message
class EdgeReplica:
    """An edge, by the 16 random bytes that it drew."""

    identity: bytes


Holder: TypeAlias = MemberReplica | EdgeReplica


@message
class ReplicaSet:
    """The replicas of a keyspace after its ``epoch``-th change. Replaced when it changes, never changed itself."""

    epoch: int = 0
    active: dict[int, Holder] = field(default_factory=dict)
    """By number."""
    next_number: int = 1

    def number_of(self, holder: Holder) -> int:
        """The number that the holder has now; 0: none."""
        return next((number for number, one in self.active.items() if one == holder), 0)

    def is_retired(self, number: int) -> bool:
        """Whether a replica of that number was there and has left for ever."""
        return 0 < number < self.next_number and number not in self.active

    @property
    def retired(self) -> list[int]:
        """The numbers of all that ever left, ascending."""
        return [number for number in range(1, self.next_number) if number not in self.active]

    @property
    def edges(self) -> list[int]:
        """The numbers of edges."""
        return [number for number, holder in self.active.items() if type(holder) is EdgeReplica]

    def check_room(self) -> None:
        """Raise TooManyEdges where there is no place for one more edge."""
        if len(self.edges) >= EDGES_MAX:
            raise TooManyEdges(
                f"the keyspace has {EDGES_MAX} edges already: retire one that is not used any more"
                " (tricord keyspace describe, tricord keyspace retire)"
            )


@message
class ReplicaAttach:
    """Give ``holder`` a number in the keyspace of that id. One that has a number keeps it, unless that is ``former``:
    then it is retired, and a new one is given in the same step (the holder lost its data, or was away for too long)."""

    keyspace: int
    holder: Holder
    former: int = 0


@message
class ReplicaAttachResult:
    """The holder's number, and the set's epoch since."""

    number: int
    epoch: int


@message
class ReplicaRetire:
    """Take a replica out of the set for ever. One that is retired already stays so."""

    keyspace: int
    number: int


@message
class ReplicaRetireResult:
    """The set's epoch since."""

    epoch: int


@message
class KeyspaceDescribe:
    """Read what the catalogue says of one keyspace."""

    name: str


@message
class ReplicaHere:
    """How the replica of the member that answers is. Not ``is_open``: it takes over a state, and serves nobody yet.

    ``unsent``: writes that may be nowhere else; ``silent_seconds``: since it agreed with each other replica (eventual),
    or heard of it (causal).
    """

    number: int
    is_open: bool
    sequence: int
    keys: int
    bytes: int
    unsent: int
    silent_seconds: dict[int, float]


@message
class KeyspaceDescribeResult:
    """A strong keyspace has no replicas of its own: every member holds it. ``here``: None where there is no replica."""

    record: KeyspaceRecord
    replicas: ReplicaSet
    here: ReplicaHere | None = None
