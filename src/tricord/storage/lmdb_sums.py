# SPDX-License-Identifier: Apache-2.0
"""The record of sums that each transaction leaves in the backend file.

Per database: the count of records and the sum of their hashes (xxh3, 64 bit, over physical key and stored value)
modulo 2**64. A sum is commutative: it follows the changes alone, whatever their order. Accidents are what it finds,
not an adversary.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import crc32c

FORMAT_VERSION = 1
SUMS_KEY = b"sums"
HASH_MASK = (1 << 64) - 1

_HEAD = struct.Struct(">8sIIQQ")
_PAIR = struct.Struct(">QQ")
_CHECK = struct.Struct(">I")
_MAGIC = b"tricsums"


@dataclass(slots=True)
class Sums:
    """What the databases hold as of ``transaction``. ``next_node`` names the next layer of long keys."""

    version: int
    transaction: int
    next_node: int
    counts: list[int]
    hashes: list[int]

    @classmethod
    def empty(cls, databases: int) -> Sums:
        """The sums of a new file."""
        return cls(FORMAT_VERSION, 0, 1, [0] * databases, [0] * databases)

    def copy(self) -> Sums:
        """One that can change by itself."""
        return Sums(self.version, self.transaction, self.next_node, list(self.counts), list(self.hashes))

    def encode(self) -> bytes:
        """Bytes, ending in their own CRC-32C."""
        data = _HEAD.pack(_MAGIC, self.version, len(self.counts), self.transaction, self.next_node)
        data += b"".join(map(_PAIR.pack, self.counts, self.hashes))
        return data + _CHECK.pack(crc32c.crc32c(data))

    @classmethod
    def decode(cls, data: bytes, databases: int) -> Sums | None:
        """None where the bytes are not what was encoded. A newer version is given without its sums."""
        if len(data) < _HEAD.size + _CHECK.size or data[-4:] != _CHECK.pack(crc32c.crc32c(data[:-4])):
            return None
        magic, version, count, transaction, next_node = _HEAD.unpack_from(data)
        if magic != _MAGIC:
            return None
        if version > FORMAT_VERSION:
            return cls(version, transaction, next_node, [], [])
        if count != databases or len(data) != _HEAD.size + count * _PAIR.size + _CHECK.size:
            return None
        pairs = list(_PAIR.iter_unpack(data[_HEAD.size : -4]))
        return cls(version, transaction, next_node, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
