# SPDX-License-Identifier: Apache-2.0
"""Takes a snapshot now and then, and cuts the log behind it (section 7 of the paper).

The state is written to memory between two turns, so it is the state after exactly one entry; the disk is slow on
another thread. One snapshot is under way at a time. The log is cut only when the snapshot is durable.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

from tricord.base.environment import Environment
from tricord.base.errors import DiskFull
from tricord.raft_node.config import NodeConfig
from tricord.raft_node.state_machine import AppliedLog
from tricord.raft_node.stores import Snapshot, Stores


class Snapshots:
    """Decides when, and does it."""

    def __init__(
        self,
        environment: Environment,
        stores: Stores,
        config: NodeConfig,
        applied: AppliedLog,
        index: int,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._tasks = environment.tasks
        self._stores = stores
        self._config = config
        self._applied = applied
        self._failed = failed
        self._running: asyncio.Task[None] | None = None
        self._next_index = index + config.snapshot_entries
        self.index = index
        """The index of the newest durable snapshot (0: none)."""

    def applied(self) -> None:
        """Entries were applied. Cheap, unless a snapshot is due."""
        if self._applied.applied_index < self._next_index or self._running is not None:
            return
        index = self._applied.applied_index
        self._next_index = index + self._config.snapshot_entries
        stream = io.BytesIO()
        try:
            self._applied.machine.snapshot(stream)
        except Exception as error:
            self._failed(error)
            return
        kept_from = max(self._stores.log.first_index, index - self._config.trailing_entries + 1)
        snapshot = Snapshot(index, self._applied.applied_term, kept_from, stream.getvalue())
        self._running = self._tasks.spawn(self._save(snapshot), "snapshot")

    async def close(self) -> None:
        """Wait for the one under way."""
        if self._running is not None:
            await self._running

    async def _save(self, snapshot: Snapshot) -> None:
        try:
            await self._tasks.in_lane("backend", self._stores.snapshots.save, snapshot)
            self.index = snapshot.index
            await self._tasks.in_lane("wal", self._stores.log.cut_before, snapshot.kept_from)
        except DiskFull:
            pass  # the log is kept instead; the next snapshot tries again
        except Exception as error:
            self._failed(error)
        finally:
            self._running = None
