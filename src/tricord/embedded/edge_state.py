# SPDX-License-Identifier: Apache-2.0
"""What an edge keeps of itself beside its replicas' data: who it is, which keyspaces it holds, under which numbers.

One small file, ``edge``, replaced as a whole: a line with a checksum, then JSON.
"""

from __future__ import annotations

import msgspec
from crc32c import crc32c

from tricord.base.edges import EdgeSet
from tricord.base.environment import Disk, Random
from tricord.base.errors import ConfigurationError, CorruptData, NewerFormat
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.values import DataType
from tricord.storage.creation import EDGE_FILE, make_durable_directory

FORMAT_VERSION = 1
IDENTITY_BITS = 128
PROVISIONAL_IDS = 1 << 32
"""A keyspace whose id nobody has said yet has this and its place: no cluster gives such an id."""


class KeptKeyspace(msgspec.Struct):
    """One keyspace. ``place`` names its directories; ``id`` 0: no cluster has said it yet. ``set``: the replica set as
    it was last told. ``dropped``: why it is no more, where a member said so. ``type``: of all keys; 0: of each its own.
    """

    place: int
    name: str
    model: str
    id: int = 0
    number: int = 0
    epoch: int = 0
    members: list[int] = []
    edges: list[int] = []
    next_number: int = 1
    dropped: str = ""
    type: int = 0

    @property
    def record(self) -> KeyspaceRecord:
        """As the catalogue has it, or with an id of its own until that is known."""
        kind = DataType(self.type) if self.type else None
        return KeyspaceRecord(self.id or PROVISIONAL_IDS + self.place, self.name, Model(self.model), kind)

    @property
    def replicas(self) -> EdgeSet:
        """The replica set."""
        return EdgeSet(self.epoch, self.members, self.edges, self.next_number)

    def know(self, replicas: EdgeSet) -> None:
        """The replica set is this now."""
        self.epoch, self.next_number = replicas.epoch, replicas.next_number
        self.members, self.edges = list(replicas.members), list(replicas.edges)


class EdgeState(msgspec.Struct):
    """All of an edge. ``cluster`` and ``history`` 0: it was never connected."""

    identity: str
    cluster: int = 0
    history: int = 0
    next_place: int = 1
    keyspaces: list[KeptKeyspace] = []
    format: int = FORMAT_VERSION


def open_state(disk: Disk, directory: str, random: Random) -> EdgeState:
    """What is kept there, or a new edge's. Raises CorruptData, NewerFormat, ConfigurationError (a member's directory),
    OSError."""
    path = f"{directory}/{EDGE_FILE}"
    if not disk.exists(path):
        if disk.exists(f"{directory}/identity") or disk.exists(f"{directory}/wal"):
            raise ConfigurationError(f"{directory} is a member's: give an edge a directory of its own")
        make_durable_directory(disk, directory)
        state = EdgeState(random.bits(IDENTITY_BITS).to_bytes(IDENTITY_BITS // 8).hex())
        write_state(disk, directory, state)
        return state
    file = disk.open(path)
    try:
        check, _, data = file.pread(file.size(), 0).partition(b"\n")
    finally:
        file.close()
    if check != _check(data):
        raise CorruptData(path, 0, "the edge's file does not match its checksum")
    try:
        version = msgspec.json.decode(data).get("format")
        if version != FORMAT_VERSION:
            raise NewerFormat(f"{path} has format {version}; this version knows {FORMAT_VERSION}")
        return msgspec.json.decode(data, type=EdgeState)
    except (msgspec.MsgspecError, AttributeError) as error:
        raise CorruptData(path, 0, f"the edge's file cannot be read: {error}") from None


def write_state(disk: Disk, directory: str, state: EdgeState) -> None:
    """Replace it durably. Raises OSError."""
    data = msgspec.json.encode(state)
    path = f"{directory}/{EDGE_FILE}"
    file = disk.open(f"{path}.new", create=True)
    try:
        file.truncate(0)
        file.pwrite(_check(data) + b"\n" + data, 0)
        file.datasync()
    finally:
        file.close()
    disk.rename(f"{path}.new", path)
    disk.sync_directory(directory)


def _check(data: bytes) -> bytes:
    return b"%08x" % crc32c(data)
