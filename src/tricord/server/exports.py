# SPDX-License-Identifier: Apache-2.0
"""Copies of the whole state in a door's file format: made from a view of the backend while the member serves on.

A file is written slice by slice on a lane of its own, one file at a time, into the directory of snapshots; it goes when
its reader is done with it, or at the next start.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterator

from tricord.base.environment import Environment, File
from tricord.base.errors import DiskFull, Stopping, StorageError, TooManyRequests
from tricord.base.export import Export, ExportForm, KeptChange, KeptLease
from tricord.base.members import MemberRecord
from tricord.base.ordered import Backend, BackendView, Table
from tricord.lease.records import decode_lease, lease_id
from tricord.mvcc.kept import Sort, kept_changes
from tricord.mvcc.keyspace import keyspace_in
from tricord.server.drain import Drain
from tricord.server.pacing import Pacing
from tricord.statemachine.alarms import read_alarms
from tricord.statemachine.marks import read_applied_mark
from tricord.storage.external_sort import ExternalSort

LANE = "export"
OPEN_MAX = 8
"""Files that are made or read at once; each takes as much of the disk as the data."""
DURABLE_SECONDS = 0.5
ROOM_BYTES = 16 << 20
"""What must be left of the disk beside a copy: the member goes on writing its log."""


class _State:
    """What a view shows, as a ``StateExport``."""

    def __init__(self, view: BackendView, sort: Sort, members: list[MemberRecord]) -> None:
        mark = read_applied_mark(view)
        self.index = mark.index
        self.term = mark.term
        self.members = members
        self.alarms = list(read_alarms(view))
        self._view = view
        self._sort = sort
        self._space = keyspace_in(view, 0)
        self.compacted = self._space.compacted

    def leases(self) -> Iterator[KeptLease]:
        for key, value in self._view.scan(Table.LEASES, b"", None):
            record = decode_lease(value)
            yield KeptLease(lease_id(key), record.ttl, record.remaining)

    def changes(self) -> Iterator[KeptChange]:
        return kept_changes(self._space, self._sort)


class _Making:
    """A file in the making. But for ``__init__``, on the lane."""

    def __init__(self, environment: Environment, path: str, view: BackendView) -> None:
        self._disk = environment.disk
        self._path = path
        self.view = view
        self.sort = ExternalSort(self._disk, f"{path}.sort.snap")
        self._file: File | None = None
        self._pieces: Iterator[tuple[int, bytes]] = iter(())
        self.size = 0

    def begin(self, pieces: Iterator[tuple[int, bytes]]) -> None:
        self._file = self._disk.open(f"{self._path}.snap", create=True)
        self._file.truncate(0)
        self._pieces = pieces

    def step(self) -> bool:
        """Make and write one piece; False: there was none left."""
        assert self._file is not None
        piece = next(self._pieces, None)
        if piece is None:
            return False
        offset, data = piece
        self._file.pwrite(data, offset)
        self.size = max(self.size, offset + len(data))
        return True

    def finish(self) -> File:
        """The file, whole."""
        file, self._file = self._file, None
        assert file is not None
        return file

    def end(self) -> None:
        """Give back what it stood on; the file too, where it did not become whole."""
        self._pieces = iter(())
        self.view.close()
        self.sort.close()
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._disk.remove(f"{self._path}.snap")


class SpooledExport:
    """An ``Export``: a whole file of this member's disk."""

    def __init__(self, exports: Exports, path: str, file: File, size: int) -> None:
        self._exports = exports
        self.path = path
        self.file = file
        self.size = size

    async def read(self, offset: int, size: int) -> bytes:
        return await self._exports.read(self, offset, size)

    def close(self) -> None:
        self._exports.closed(self)


class Exports:
    """Of one member; on the loop."""

    def __init__(
        self,
        environment: Environment,
        directory: str,
        backend: Callable[[], Backend],
        drain: Drain,
        applied_index: Callable[[], int],
        members: Callable[[], list[MemberRecord]],
        requests: Callable[[], int],
    ) -> None:
        """``directory`` is that of snapshots, which is tidied at a start; ``requests`` as for ``Pacing``."""
        self._environment = environment
        self._tasks = environment.tasks
        self._directory = directory
        self._backend = backend
        self._drain = drain
        self._applied_index = applied_index
        self._members = members
        self._requests = requests
        self._turn = asyncio.Lock()
        self._wanted = 0
        self._made = 0
        self._open: dict[SpooledExport, None] = {}
        self._stopped = False

    async def open(self, form: ExportForm) -> Export:
        """The state as of now, or a little later, as a file of this form.

        Raises TooManyRequests, DiskFull, StorageError, CorruptData, Stopping.
        """
        if self._wanted + len(self._open) >= OPEN_MAX:
            raise TooManyRequests(f"too many requests: {OPEN_MAX} copies of the data are on their way already")
        self._wanted += 1
        try:
            async with self._turn:
                await self._until_durable(self._applied_index())
                return await self._make(form)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"{self._directory}: no room for a copy of the data") from error
            raise StorageError(f"a copy of the data could not be made: {error}") from error
        finally:
            self._wanted -= 1

    async def stop(self) -> None:
        """Give up what is being made and what is being read."""
        self._stopped = True
        for export in list(self._open):
            self.closed(export)
        async with self._turn:
            await self._tasks.in_lane(LANE, lambda: None)

    def abandon(self) -> None:
        """Do nothing more. The files go at the next start."""
        self._stopped = True

    async def read(self, export: SpooledExport, offset: int, size: int) -> bytes:
        """Part of a file that is open. Raises Stopping, OSError."""
        if export not in self._open:
            raise Stopping
        return await self._tasks.in_lane(LANE, export.file.pread, size, offset)

    def closed(self, export: SpooledExport) -> None:
        """Nobody reads it any more. Twice is fine."""
        if export in self._open:
            del self._open[export]
            self._tasks.in_lane_then(LANE, self._remove, (export,), _ignored)

    def _remove(self, export: SpooledExport) -> None:
        export.file.close()
        self._environment.disk.remove(export.path)

    async def _until_durable(self, index: int) -> None:
        while self._drain.durable_index < index and not self._stopped:
            if self._drain.disk_full:
                raise DiskFull(f"{self._directory}: no room for a copy of the data")
            try:
                async with asyncio.timeout(DURABLE_SECONDS):
                    await self._drain.until_durable(index)
            except TimeoutError:
                pass  # the disk may be full by now
        if self._stopped:
            raise Stopping

    async def _make(self, form: ExportForm) -> Export:
        free = await self._tasks.in_lane(LANE, self._environment.disk.free_bytes, self._directory)
        if free < self._drain.used_bytes + ROOM_BYTES:
            raise DiskFull(f"{self._directory}: no room for a copy of {self._drain.used_bytes} bytes")
        self._made += 1
        path = f"{self._directory}/export-{self._made}"
        making = _Making(self._environment, path, self._backend().view())
        try:
            state = _State(making.view, making.sort.sort, self._members())
            await self._tasks.in_lane(LANE, lambda: making.begin(form(state)))
            pacing = Pacing(self._requests)
            clock = self._environment.clock
            while True:
                started = clock.monotonic()
                if not await self._tasks.in_lane(LANE, making.step):
                    break
                if self._stopped:
                    raise Stopping
                await pacing.after(clock.monotonic() - started)
            export = SpooledExport(self, f"{path}.snap", making.finish(), making.size)
            self._open[export] = None
            return export
        finally:
            # In order: behind the step that a caller who went away left running.
            self._tasks.in_lane_then(LANE, making.end, (), _ignored)


def _ignored(result: None, error: BaseException | None) -> None:
    """What could not be removed goes at the next start."""
