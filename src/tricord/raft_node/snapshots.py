# SPDX-License-Identifier: Apache-2.0
"""Takes a snapshot now and then, and cuts the log behind it (section 7 of the paper).

The state is written, or captured, between two turns, so it is the state after exactly one entry; the disk is slow on
another thread. One snapshot is under way at a time. The log is cut only when the snapshot is durable, and not before
what the oldest kept snapshot needs: should the newest be damaged, the one before it and the log make it good.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable
from typing import BinaryIO, cast

from tricord.base.environment import Environment
from tricord.base.errors import DiskFull
from tricord.raft_node.config import NodeConfig
from tricord.raft_node.observers import Observers, SnapshotTaken
from tricord.raft_node.state_machine import AppliedLog, Capturing
from tricord.raft_node.stores import SnapshotInfo, SnapshotSink, Stores

_logger = logging.getLogger("tricord.raft_node")


class Snapshots:
    """Decides when, and does it."""

    def __init__(
        self,
        environment: Environment,
        stores: Stores,
        config: NodeConfig,
        applied: AppliedLog,
        observers: Observers,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._tasks = environment.tasks
        self._stores = stores
        self._config = config
        self._applied = applied
        self._observers = observers
        self._failed = failed
        self._running: asyncio.Task[int] | None = None
        self.index = applied.applied_index
        """The index of the newest durable snapshot (0: none)."""
        self._due_index = 0
        self._due_bytes = 0
        self._set_due()

    def applied(self) -> None:
        """Entries were applied. Cheap, unless a snapshot is due."""
        applied = self._applied
        if applied.applied_index < self._due_index and applied.applied_bytes < self._due_bytes:
            return
        if self._running is None:
            self._begin()

    async def take(self, *, again: bool = False) -> int:
        """Take one of the state as it is; its index. One that is under way ends first; one of the same state is enough,
        unless ``again``.

        Raises StorageError, and what the state machine raises; the node lives on only after DiskFull.
        """
        while self._running is not None:
            await asyncio.wait([self._running])
        if self._applied.applied_index == self.index and not again:
            return self.index
        return await asyncio.shield(self._begin())

    def installed(self, index: int) -> None:
        """A leader's snapshot is the newest now."""
        self.index = index
        self._set_due()

    async def close(self) -> None:
        """Wait for the one under way."""
        if self._running is not None:
            await asyncio.wait([self._running])

    def _begin(self) -> asyncio.Task[int]:
        applied = self._applied
        info = SnapshotInfo(applied.applied_index, applied.applied_term, applied.configuration, self._kept_from())
        self._set_due()
        machine = applied.machine
        try:
            if isinstance(machine, Capturing):
                write = machine.capture()
            else:
                stream = io.BytesIO()
                machine.snapshot(stream)
                write = _writer(stream)
        except Exception as error:
            self._failed(error)
            write = _raiser(error)
        self._running = self._tasks.spawn(self._save(info, write), "snapshot")
        self._running.add_done_callback(self._ended)
        return self._running

    def _kept_from(self) -> int:
        """How far back the log goes once this snapshot is durable."""
        index, config = self._applied.applied_index, self._config
        kept = self._stores.snapshots.indexes()[: config.snapshots_kept - 1]
        oldest = kept[-1] if kept else index
        return max(self._stores.log.first_index, min(oldest + 1, index - config.trailing_entries + 1))

    def _set_due(self) -> None:
        self._due_index = self._applied.applied_index + self._config.snapshot_entries
        self._due_bytes = self._applied.applied_bytes + self._config.snapshot_bytes

    async def _save(self, info: SnapshotInfo, write: Callable[[BinaryIO], object]) -> int:
        await self._tasks.in_lane("backend", self._write, info, write)
        self.index = max(self.index, info.index)
        await self._tasks.in_lane("wal", self._cut, info.kept_from)
        self._observers.tell(SnapshotTaken(info.index))
        return info.index

    def _write(self, info: SnapshotInfo, write: Callable[[BinaryIO], object]) -> None:
        sink = self._stores.snapshots.create(info)
        try:
            write(cast(BinaryIO, _SinkStream(sink)))
            sink.commit()
        finally:
            sink.abandon()

    def _cut(self, index: int) -> None:
        log = self._stores.log
        if log.first_index < index <= log.last_index + 1:
            log.cut_before(index)

    def _ended(self, task: asyncio.Task[int]) -> None:
        self._running = None
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, DiskFull):
            # The log is kept instead; the next snapshot tries again.
            _logger.warning("no snapshot was taken: %s", error)
        elif error is not None:
            self._failed(error)


class _SinkStream(io.RawIOBase):
    """A sink as a stream that can be written."""

    def __init__(self, sink: SnapshotSink) -> None:
        super().__init__()
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        return self._sink.write(bytes(data))


def _writer(content: io.BytesIO) -> Callable[[BinaryIO], object]:
    return lambda stream: stream.write(content.getvalue())


def _raiser(error: Exception) -> Callable[[BinaryIO], object]:
    def write(_: BinaryIO) -> None:
        raise error

    return write
