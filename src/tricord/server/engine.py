# SPDX-License-Identifier: Apache-2.0
"""The one protocol that doors and embedded clients see.

No type here belongs to a door. A door decodes its bytes into ``base.operations``, calls, and encodes the outcome with
its stamp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from tricord.base.context import Context
from tricord.base.edges import EdgeHello, EdgeStream, EdgeTold
from tricord.base.errors import TricordError
from tricord.base.export import Export, ExportForm
from tricord.base.hashes import ContentHash
from tricord.base.keyspaces import DEFAULT_KEYSPACE, KeyspaceRecord
from tricord.base.levels import Stamp
from tricord.base.members import MemberRecord, MemberStatus
from tricord.base.message import message
from tricord.base.operations import Request, Result
from tricord.base.typed import TypedStream
from tricord.base.watching import WatchStream

__all__ = [
    "PUBLISHED",
    "Context",
    "Encoded",
    "Engine",
    "HealthCheck",
    "MemberRecord",
    "MemberStatus",
    "Outcome",
    "Reply",
]


@message
class Encoded:
    """A large result as the door's own bytes, made by ``context.encode``."""

    data: bytes


Outcome: TypeAlias = Result | Encoded | TricordError
Reply: TypeAlias = Callable[[Outcome, Stamp], None]
EdgeTell: TypeAlias = Callable[[EdgeTold], bool]
EdgeEnd: TypeAlias = Callable[[TricordError], None]


@message
class HealthCheck:
    """One reason to call the member healthy or not."""

    name: str
    ok: bool
    reason: str = ""


PUBLISHED = "published"
"""The check that fails until the cluster knows this member's addresses. There is none from then on."""


class Engine(Protocol):
    """What answers behind the doors."""

    def call(self, request: Request, context: Context, reply: Reply, body: bytes | None = None) -> None:
        """Carry out ``request``; ``reply(outcome, stamp)`` runs exactly once, on the loop, perhaps before this returns.

        Never raises. ``body`` is the request in canonical etcd protobuf where the door has it, so that it need not be
        encoded again. A write whose deadline passes after it was proposed replies OutcomeUnknown; one still queued,
        DeadlineExceeded.
        """

    async def ask(self, request: Request, context: Context) -> tuple[Result, Stamp]:
        """``call`` for coroutines. Raises TricordError."""

    def open_watch(self, context: Context, wake: Callable[[], None]) -> WatchStream:
        """A stream of watches, without any yet. Close it. ``wake()`` runs on the loop, once, when there is something to
        take at first or after an empty ``take``. Raises KeyspaceNotFound, NotForLearners, CorruptCluster,
        Stopping."""

    def open_typed_watch(self, context: Context, wake: Callable[[], None]) -> TypedStream:
        """As ``open_watch``, of typed values; of causal and eventual keyspaces only. Raises NotOfThisModel,
        KeyspaceNotFound, ReplicaCatchingUp, ReplicaRetired, InvalidToken, Stopping."""

    def keyspace(self, name: str) -> KeyspaceRecord | None:
        """The keyspace of that name, as far as it is known here."""

    def stamp(self, keyspace: str = DEFAULT_KEYSPACE) -> Stamp:
        """What an answer given now would say. Its revision is 0 where the keyspace is not known here."""

    def status(self) -> MemberStatus:
        """This member's own state; needs no quorum."""

    def members(self) -> list[MemberRecord]:
        """The members of the cluster, as this member's configuration has them now."""

    async def list_members(self, linearizable: bool) -> list[MemberRecord]:
        """``members``; when ``linearizable``, no older than this call. By id. Raises NoLeader, Unavailable."""

    async def add_member(self, peer_urls: list[str], *, name: str = "", learner: bool = False) -> MemberRecord:
        """A new member, known by its peer addresses until it joins; without a vote when ``learner``.

        This and the changes below return when the change is committed and applied here, whichever member was asked.
        They raise MembershipRefused, Unavailable, OutcomeUnknown. Besides the core's, reasons are: ``bad_urls``,
        ``peer_url_exists``, ``too_many_learners``; and for what would endanger the quorum ``not_enough_started``
        (of the voters, too few are known to live) and ``unhealthy`` (too few were heard lately).
        """

    async def remove_member(self, member: int) -> None:
        """It leaves for good; its id never comes back."""

    async def promote_member(self, member: int) -> None:
        """A learner that has caught up gets a vote. Reasons: ``not_a_learner``, ``learner_behind``."""

    async def update_member(self, member: int, peer_urls: list[str]) -> None:
        """Other peer addresses for it."""

    async def replace_member(self, old: int, new: int) -> None:
        """One joint change: the learner ``new`` gets a vote and ``old`` leaves."""

    async def move_leader(self, target: int) -> None:
        """Hand the lead over, and return when ``target`` leads (0: the best follower). Only the leader does it:
        else reason ``not_leader``. ``bad_transferee`` for one that cannot lead, ``transfer_failed`` for one that
        did not take over within an election timeout."""

    async def hash_keys(self, revision: int) -> tuple[ContentHash, Stamp]:
        """The content hash of this member's keys at a revision (0 or less: now). Raises RevisionInFuture,
        RevisionCompacted, TooManyRequests, Stopping. Cost: all keys, on another thread."""

    async def hash_all(self) -> tuple[int, Stamp]:
        """64 bits over keys, leases and history as they are now: equal on members that applied the same."""

    async def open_snapshot(self, form: ExportForm) -> Export:
        """A copy of this member's state, no older than this call, as a file of the form; ``close`` it.

        Raises TooManyRequests, DiskFull, StorageError, Stopping.
        """

    async def open_edge(self, hello: EdgeHello, tell: EdgeTell, end: EdgeEnd) -> EdgeStream:
        """Attach an edge's replica, and tell it all that it is to hear; ``tell`` gives False when it takes no more for
        now. ``end`` runs when the stream has to end. Raises EdgeOfAnotherCluster, EdgeInUse, KeyspaceNotFound,
        KeyspaceExists (another model), InvalidRequest, TooManyEdges; Unavailable where another member, or a later time,
        may do."""

    async def defragment(self) -> None:
        """Return when this member's store was rebuilt without the space that is not in use. It serves on meanwhile.

        It is done even if the caller goes away; one who comes while it is done waits for the same. Raises DiskFull,
        StorageError, Stopping, Unavailable (a snapshot of the leader is being installed): nothing is changed then.
        """

    def health(self) -> list[HealthCheck]:
        """The checks behind /health, /livez and /readyz."""
