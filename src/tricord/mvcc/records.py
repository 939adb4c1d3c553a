# SPDX-License-Identifier: Apache-2.0
"""How a version of a key is written into HEAD and HISTORY.

The first byte says what follows: a tombstone is that byte alone; a version has create revision, mod revision and
version (8 bytes each, big endian), its lease where it has one, then the value. A superseded version moves from HEAD to
HISTORY byte for byte.

A transaction may delete a key, put it and delete it again. Such changes share a revision and are told apart by their
turn: 0 for a key's first change in a revision. The first byte holds the turn of a version beside its kind.
"""

from __future__ import annotations

from struct import Struct

from tricord.base.operations import KeyValue

TOMBSTONE = b"\x00"
PLAIN = 1
LEASED = 2
TURN_SHIFT = 2

_PLAIN = Struct(">BQQQ")
_LEASED = Struct(">BQQQq")
_PLAIN_SIZE = _PLAIN.size
_LEASED_SIZE = _LEASED.size
_pack_plain = _PLAIN.pack
_pack_leased = _LEASED.pack
_unpack_plain = _PLAIN.unpack_from
_unpack_leased = _LEASED.unpack_from
_MOD_REVISION = slice(9, 17)


def encode_record(
    create_revision: int, mod_revision: int, version: int, lease: int, value: bytes, turn: int = 0
) -> bytes:
    """The bytes of one version."""
    if lease:
        kind = LEASED | turn << TURN_SHIFT
        return _pack_leased(kind, create_revision, mod_revision, version, lease) + value
    return _pack_plain(PLAIN | turn << TURN_SHIFT, create_revision, mod_revision, version) + value


def decode_record(key: bytes, record: bytes) -> KeyValue:
    """The version of ``key`` that ``record`` (never a tombstone) holds."""
    kind = record[0] & 3
    if kind == PLAIN:
        _, create_revision, mod_revision, version = _unpack_plain(record)
        return KeyValue(key, record[_PLAIN_SIZE:], create_revision, mod_revision, version)
    assert kind == LEASED, f"record of unknown kind {record[0]}"
    _, create_revision, mod_revision, version, lease = _unpack_leased(record)
    return KeyValue(key, record[_LEASED_SIZE:], create_revision, mod_revision, version, lease)


def mod_revision_of(record: bytes) -> int:
    """The mod revision alone, without building a KeyValue."""
    return int.from_bytes(record[_MOD_REVISION], "big")


def turn_of(record: bytes) -> int:
    """Which change of its key in its revision the version is."""
    return record[0] >> TURN_SHIFT
