# SPDX-License-Identifier: Apache-2.0
"""How a version of a key is written into HEAD and HISTORY.

The first byte says what follows: a tombstone is that byte alone; a version has create revision, mod revision and
version (8 bytes each, big endian), its lease where it has one, then the value. A superseded version moves from HEAD to
HISTORY byte for byte.
"""

from __future__ import annotations

from struct import Struct

from tricord.base.operations import KeyValue

TOMBSTONE = b"\x00"
PLAIN = 1
LEASED = 2

_PLAIN = Struct(">BQQQ")
_LEASED = Struct(">BQQQq")
_PLAIN_SIZE = _PLAIN.size
_LEASED_SIZE = _LEASED.size
_pack_plain = _PLAIN.pack
_pack_leased = _LEASED.pack
_unpack_plain = _PLAIN.unpack_from
_unpack_leased = _LEASED.unpack_from
_MOD_REVISION = slice(9, 17)


def encode_record(create_revision: int, mod_revision: int, version: int, lease: int, value: bytes) -> bytes:
    """The bytes of one version."""
    if lease:
        return _pack_leased(LEASED, create_revision, mod_revision, version, lease) + value
    return _pack_plain(PLAIN, create_revision, mod_revision, version) + value


def decode_record(key: bytes, record: bytes) -> KeyValue:
    """The version of ``key`` that ``record`` (never a tombstone) holds."""
    if record[0] == PLAIN:
        _, create_revision, mod_revision, version = _unpack_plain(record)
        return KeyValue(key, record[_PLAIN_SIZE:], create_revision, mod_revision, version)
    assert record[0] == LEASED, f"record of unknown kind {record[0]}"
    _, create_revision, mod_revision, version, lease = _unpack_leased(record)
    return KeyValue(key, record[_LEASED_SIZE:], create_revision, mod_revision, version, lease)


def mod_revision_of(record: bytes) -> int:
    """The mod revision alone, without building a KeyValue."""
    return int.from_bytes(record[_MOD_REVISION], "big")
