# SPDX-License-Identifier: Apache-2.0
"""Nodes of one process that talk by calls of the loop: for tests and for trying things out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from tricord.raft.messages import Message
from tricord.raft_node.transport import LocalNode, Peers
from tricord.wire.peer.snapshot import SnapshotOffer

_logger = logging.getLogger("tricord.raft_node")

CHUNK_BYTES = 64 << 10


class MemoryNetwork:
    """Gives each node its transport. A message is delivered in a later turn of the loop, or lost on the way."""

    def __init__(self) -> None:
        self._peers: dict[int, tuple[str, Peers]] = {}
        self._cut: set[str] = set()

    def transport(self) -> MemoryTransport:
        """The way of one node; for one start of it."""
        return MemoryTransport(self)

    def cut(self, *names: str) -> None:
        """Lose everything to and from these nodes."""
        self._cut.update(names)

    def heal(self) -> None:
        """Lose nothing any more."""
        self._cut.clear()

    def attach(self, local: LocalNode, peers: Peers) -> None:
        """Deliver what is for this node."""
        self._peers[local.member] = (local.name, peers)

    def detach(self, local: LocalNode, peers: Peers) -> None:
        """Deliver nothing more to this node."""
        if self._peers.get(local.member) == (local.name, peers):
            del self._peers[local.member]

    def is_there(self, member: int) -> bool:
        """Whether the member runs."""
        return member in self._peers

    def reach(self, sender: LocalNode, member: int) -> Peers | None:
        """The member, if a message gets there now."""
        name, peers = self._peers.get(member, ("", None))
        return None if {name, sender.name} & self._cut else peers


class MemoryTransport:
    """One node's end."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._local: LocalNode | None = None
        self._receiver: Peers | None = None
        self._absent: set[int] = set()

    async def start(self, local: LocalNode, peers: Peers) -> None:
        self._local, self._receiver = local, peers
        self._network.attach(local, peers)

    def set_members(self, addresses: Mapping[int, str]) -> None:
        return

    def send(self, messages: list[Message]) -> None:
        loop = asyncio.get_running_loop()
        for message in messages:
            loop.call_soon(self._deliver, message)

    async def send_snapshot(self, member: int, offer: SnapshotOffer, read: Callable[[int, int], bytes]) -> bool:
        assert self._local is not None
        peers = self._network.reach(self._local, member)
        sink = peers.offered(self._local.member, offer) if peers is not None else None
        if sink is None:
            return False
        try:
            for offset in range(sink.have, offer.size, CHUNK_BYTES):
                await asyncio.sleep(0)
                if self._network.reach(self._local, member) is not peers:
                    return False
                sink.write(offset, read(offset, min(CHUNK_BYTES, offer.size - offset)))
            return not sink.finish()
        except Exception as error:
            _logger.warning("a snapshot was not taken: %s: %s", type(error).__name__, error)
            return False
        finally:
            sink.close()

    async def close(self) -> None:
        if self._local is not None and self._receiver is not None:
            self._network.detach(self._local, self._receiver)
            self._receiver = None

    def _deliver(self, message: Message) -> None:
        assert self._local is not None
        member = message.receiver
        if not self._network.is_there(member):
            # As a refused connection would be: it is told once.
            if member not in self._absent and self._receiver is not None:
                self._absent.add(member)
                self._receiver.unreachable(member)
            return
        self._absent.discard(member)
        peers = self._network.reach(self._local, member)
        if peers is not None:
            peers.received([message])
