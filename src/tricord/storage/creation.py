# SPDX-License-Identifier: Apache-2.0
"""Makes a data directory. The identity is written last: without it a creation was cut off, and starts over."""

from __future__ import annotations

from tricord.base.environment import Disk
from tricord.base.errors import ConfigurationError, CorruptData
from tricord.base.ordered import META_CONFIGURATION, Table
from tricord.storage.identity import Identity, write_identity
from tricord.storage.wal import Wal
from tricord.storage.wal_format import BATCH_HEADER_BYTES, HEADER_BYTES
from tricord.storage.wal_scan import SUFFIX

EDGE_FILE = "edge"
"""What an edge's directory has in place of an identity."""


def make_durable_directory(disk: Disk, directory: str) -> None:
    """Make it and its parents so that a power cut does not take the name away with all that is in it."""
    path = directory.rstrip("/") or "/"
    # The last two always: the start that made them may have failed before its sync.
    to_sync = [path, _parent(path)]
    while not disk.exists(path) and _parent(path) != path:
        path = _parent(path)
        to_sync.append(_parent(path))
    disk.make_directory(directory)
    for name in dict.fromkeys(reversed(to_sync)):
        disk.sync_directory(name)


def _parent(path: str) -> str:
    above, slash, _ = path.rpartition("/")
    return above or slash or "."


def create_data_directory(
    disk: Disk, directory: str, identity: Identity, configuration: bytes, *, map_size: int, segment_bytes: int
) -> Identity:
    """Make backend and log anew. Without an identity nothing was ever acknowledged from here: leftovers go.

    Unless they show that something was: then it is the identity that got lost. Raises CorruptData; ConfigurationError
    for an edge's directory; OSError.
    """
    _refuse_to_discard(disk, directory)
    for part in ("wal", "backend"):
        disk.make_directory(f"{directory}/{part}")
        for name in disk.list(f"{directory}/{part}"):
            disk.remove(f"{directory}/{part}/{name}")
    backend = disk.open_backend(f"{directory}/backend", map_size=map_size)
    try:
        if configuration:
            backend.commit([(Table.META, META_CONFIGURATION, configuration)])
    finally:
        backend.close()
    wal = Wal.create(
        disk, f"{directory}/wal", cluster=identity.cluster, history=identity.history, segment_bytes=segment_bytes
    )
    wal.close()
    disk.sync_directory(directory)
    write_identity(disk, directory, identity)
    return identity


def _refuse_to_discard(disk: Disk, directory: str) -> None:
    if disk.exists(f"{directory}/{EDGE_FILE}"):
        raise ConfigurationError(f"{directory} is an edge's: open it with replicate_with, or name another directory")
    wal = f"{directory}/wal"
    used = disk.exists(f"{directory}/backend/seal")
    segments = [name for name in disk.list(wal) if name.endswith(SUFFIX)] if disk.exists(wal) else []
    # A creation that did not get to its end left at most one segment, without a batch.
    if len(segments) == 1:
        file = disk.open(f"{wal}/{segments[0]}")
        try:
            used = used or any(file.pread(BATCH_HEADER_BYTES, HEADER_BYTES))
        finally:
            file.close()
    if used or len(segments) > 1:
        raise CorruptData(f"{directory}/identity", 0, "the identity is gone, but log and backend hold data")
