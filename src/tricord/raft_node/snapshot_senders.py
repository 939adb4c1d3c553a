# SPDX-License-Identifier: Apache-2.0
"""Brings snapshots to members whose next entry is gone from the log: one at a time to each.

The bytes go beside the messages; when they have arrived whole, the InstallSnapshot message follows them (section 7).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tricord.base.environment import Environment
from tricord.base.membership import encode_configuration
from tricord.raft.messages import InstallSnapshot
from tricord.raft_node.observers import Observers, SnapshotDamaged
from tricord.raft_node.recovery import open_newest
from tricord.raft_node.snapshots import Snapshots
from tricord.raft_node.stores import SnapshotInfo, StoredSnapshot, Stores
from tricord.raft_node.transport import Transport
from tricord.wire.peer.snapshot import SnapshotOffer

_logger = logging.getLogger("tricord.raft_node")


class SnapshotSenders:
    """``ended(member, index, message)`` is told how each attempt ended: with the message to send, or None."""

    def __init__(
        self,
        environment: Environment,
        stores: Stores,
        snapshots: Snapshots,
        transport: Transport,
        observers: Observers,
        ended: Callable[[int, SnapshotInfo | None], None],
    ) -> None:
        self._tasks = environment.tasks
        self._stores = stores
        self._snapshots = snapshots
        self._transport = transport
        self._observers = observers
        self._ended = ended
        self._running: dict[int, asyncio.Task[None]] = {}
        self._indexes: dict[int, int] = {}

    @property
    def pinned_index(self) -> int | None:
        """The oldest snapshot on its way: the log goes on behind it, and must still do so when it arrives."""
        return min(self._indexes.values(), default=None)

    def begin(self, member: int, needed_index: int) -> None:
        """Bring it one that holds ``needed_index`` at least: behind that the log goes on."""
        if member not in self._running:
            task = self._tasks.spawn(self._send(member, needed_index), f"snapshot to {member:x}")
            self._running[member] = task

    async def close(self) -> None:
        """End all attempts."""
        tasks = list(self._running.values())
        self._indexes.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, member: int, needed_index: int) -> None:
        arrived: SnapshotInfo | None = None
        try:
            stored = await self._open(needed_index)
            self._indexes[member] = stored.info.index
            try:
                if await self._transport.send_snapshot(member, offer_of(stored.info), _reader(stored)):
                    arrived = stored.info
            finally:
                stored.stream.close()
        except Exception as error:
            # Whatever the transport raises: the core waits to be told, and asks again.
            _logger.warning("a snapshot could not be sent: %s: %s", type(error).__name__, error)
        self._running.pop(member, None)
        self._indexes.pop(member, None)
        self._ended(member, arrived)

    async def _open(self, needed_index: int) -> StoredSnapshot:
        stored, damaged = await self._tasks.in_lane("read", open_newest, self._stores.snapshots)
        for one in damaged:
            _logger.error("a snapshot is damaged and is not sent: %s", one.error)
            self._observers.tell(SnapshotDamaged(one.index, str(one.error)))
        if stored is not None and stored.info.index >= max(needed_index, 1):
            return stored
        if stored is not None:
            stored.stream.close()
        index = await self._snapshots.take(again=bool(damaged))
        return await self._tasks.in_lane("read", self._stores.snapshots.open, index)


def offer_of(info: SnapshotInfo) -> SnapshotOffer:
    """The snapshot as a transport offers it."""
    return SnapshotOffer(
        info.checksum, info.index, info.term, info.size, info.checksum, encode_configuration(info.configuration)
    )


def install_message(info: SnapshotInfo, sender: int, receiver: int, term: int) -> InstallSnapshot:
    """What is said when it has arrived."""
    return InstallSnapshot(sender, receiver, term, info.index, info.term, info.configuration)


def _reader(stored: StoredSnapshot) -> Callable[[int, int], bytes]:
    def read(offset: int, size: int) -> bytes:
        stored.stream.seek(offset)
        return stored.stream.read(size)

    return read
