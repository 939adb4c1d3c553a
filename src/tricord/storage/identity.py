# SPDX-License-Identifier: Apache-2.0
"""The identity file of a data directory: whose data this is.

It is written last when a directory is created, so its presence says that the creation was completed.
"""

from __future__ import annotations

import struct

from crc32c import crc32c

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData, NewerFormat
from tricord.base.message import message

FORMAT_VERSION = 1

_MAGIC = b"tricmemb"
_FIELDS = struct.Struct(">8sIQQQQH")
_CHECK = struct.Struct(">I")


@message
class Identity:
    """Who this member is. Ids are 64 bits and not 0.

    ``history`` changes with a restore or a forced new cluster; ``incarnation`` with each new data directory.
    """

    cluster: int
    member: int
    history: int
    incarnation: int
    name: str


def write_identity(disk: Disk, directory: str, identity: Identity) -> None:
    """Write the file durably, whole or not at all. Raises OSError."""
    name = identity.name.encode()
    data = _FIELDS.pack(
        _MAGIC, FORMAT_VERSION, identity.cluster, identity.member, identity.history, identity.incarnation, len(name)
    )
    data += name
    data += _CHECK.pack(crc32c(data))
    file = disk.open(f"{directory}/identity.new", create=True)
    try:
        file.truncate(0)
        file.pwrite(data, 0)
        file.datasync()
    finally:
        file.close()
    disk.rename(f"{directory}/identity.new", f"{directory}/identity")
    disk.sync_directory(directory)


def read_identity(disk: Disk, directory: str) -> Identity | None:
    """None where there is none. Raises CorruptData, NewerFormat."""
    path = f"{directory}/identity"
    if not disk.exists(path):
        return None
    file = disk.open(path)
    try:
        data = file.pread(file.size(), 0)
    finally:
        file.close()
    size = _FIELDS.size
    if len(data) < size + _CHECK.size or data[-4:] != _CHECK.pack(crc32c(data[:-4])):
        raise CorruptData(path, 0, "the identity does not match its checksum")
    magic, version, cluster, member, history, incarnation, length = _FIELDS.unpack_from(data)
    if magic != _MAGIC:
        raise CorruptData(path, 0, "this is no identity file")
    if version > FORMAT_VERSION:
        raise NewerFormat(f"{path} has format {version}; this version knows up to {FORMAT_VERSION}")
    if len(data) != size + length + _CHECK.size:
        raise CorruptData(path, size, "the identity has another length than it says")
    return Identity(cluster, member, history, incarnation, data[size : size + length].decode())
