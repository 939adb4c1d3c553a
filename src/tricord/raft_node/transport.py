# SPDX-License-Identifier: Apache-2.0
"""How messages and snapshots reach other nodes. Whoever embeds the library may bring a transport of their own.

Messages may be lost, doubled and reordered on the way; sending never waits. A snapshot is sent beside them, in bulk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from tricord.base.environment import Environment
from tricord.base.membership import Configuration
from tricord.base.message import message
from tricord.raft.messages import Message
from tricord.wire.peer.snapshot import SnapshotOffer


@message
class LocalNode:
    """Who speaks."""

    environment: Environment
    cluster: int
    """The number of the cluster's name; a node of another one is not listened to."""
    member: int
    name: str
    address: str
    """Where the others find this node, as its settings say; empty: they do not."""
    contacts: tuple[str, ...]
    """Addresses that the settings name."""
    heartbeat_seconds: float
    election_seconds: float


class IncomingSnapshot(Protocol):
    """Takes the bytes of a snapshot that is offered. All methods block; they are called on one thread, in order."""

    @property
    def have(self) -> int:
        """How many of the first bytes are here already."""

    def write(self, offset: int, data: bytes) -> None:
        """The next bytes. Raises OSError."""

    def finish(self) -> str:
        """All bytes are here: empty when they are what was offered, else what is wrong with them."""

    def close(self) -> None:
        """Nothing more comes. Also after ``finish``."""


class Peers(Protocol):
    """What a transport tells its node, on the loop."""

    @property
    def configuration(self) -> Configuration:
        """Who belongs, as the node knows it."""

    def received(self, messages: list[Message]) -> None:
        """These arrived."""

    def unreachable(self, member: int) -> None:
        """What was sent to the member lately may be lost."""

    def gone(self, member: int) -> None:
        """The member's process is known to be dead."""

    def offered(self, sender: int, offer: SnapshotOffer) -> IncomingSnapshot | None:
        """A member offers a snapshot. None: not now."""


class Transport(Protocol):
    """One node's way to its peers."""

    async def start(self, local: LocalNode, peers: Peers) -> None:
        """From now on give what arrives to ``peers``. Raises OSError, ConfigurationError."""

    def set_members(self, addresses: Mapping[int, str]) -> None:
        """These are the others, and where they are."""

    def send(self, messages: list[Message]) -> None:
        """Send each to its receiver, as far as possible, and return at once."""

    async def send_snapshot(self, member: int, offer: SnapshotOffer, read: Callable[[int, int], bytes]) -> bool:
        """Bring it to the member; whether it arrived and was found whole. ``read(offset, size)`` blocks."""

    async def close(self) -> None:
        """Give nothing to ``peers`` any more, from the moment of the call."""


class NoTransport:
    """For a node that is alone."""

    async def start(self, local: LocalNode, peers: Peers) -> None:
        return

    def set_members(self, addresses: Mapping[int, str]) -> None:
        return

    def send(self, messages: list[Message]) -> None:
        return

    async def send_snapshot(self, member: int, offer: SnapshotOffer, read: Callable[[int, int], bytes]) -> bool:
        return False

    async def close(self) -> None:
        return
