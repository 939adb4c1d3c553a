# SPDX-License-Identifier: Apache-2.0
"""How keys of each table are written, so that byte order is the order that scans need.

HEAD keeps keys as they are. HISTORY appends a revision to a key, and keys are of any length, so a key is escaped there:
a zero byte becomes ``00 ff`` and the end is ``00 01``. No escaped key is a prefix of another and their order is the
keys' order. Then comes the place of the change, inverted, so that a key's newest version comes first: four times the
revision, plus the turn (0 for the key's first change in that revision; a transaction makes at most three).
"""

from __future__ import annotations

from struct import Struct

from tricord.base.operations import EventKind

KEYSPACE_BYTES = 4
FROM_KEY = b"\x00"

TURNS = 4

_INVERT = (1 << 64) - 1
_REVISION = Struct(">QI")
_pack_revision = _REVISION.pack
_unpack_revision = _REVISION.unpack_from
_KINDS = (EventKind.PUT, EventKind.DELETE)
_CHANGES = [bytes((kind | turn << 1,)) for turn in range(TURNS) for kind in (0, 1)]


def keyspace_prefix(keyspace: int) -> bytes:
    """What all keys of the keyspace begin with."""
    return keyspace.to_bytes(KEYSPACE_BYTES, "big")


def keyspace_stop(keyspace: int) -> bytes | None:
    """The first key after all keys of the keyspace; None for the last keyspace."""
    return None if keyspace == 0xFFFF_FFFF else keyspace_prefix(keyspace + 1)


def escape(key: bytes) -> bytes:
    """``key`` with its end marked, in an order that keeps the keys' order."""
    return key.replace(b"\x00", b"\x00\xff") + b"\x00\x01"


def unescape(escaped: bytes) -> bytes:
    """The key that ``escape`` was given."""
    return escaped[:-2].replace(b"\x00\xff", b"\x00")


def history_key(prefix: bytes, key: bytes, revision: int, turn: int = 0) -> bytes:
    """Where HISTORY keeps the version of ``key`` written at ``revision``."""
    place = (_INVERT - (revision * TURNS + turn)).to_bytes(8, "big")
    return prefix + key.replace(b"\x00", b"\x00\xff") + b"\x00\x01" + place


def inverted_place(revision: int, turn: int) -> bytes:
    """The end of a HISTORY key; a smaller one is a later change."""
    return (_INVERT - (revision * TURNS + turn)).to_bytes(8, "big")


def history_end(prefix: bytes, key: bytes) -> bytes:
    """The first HISTORY key after all versions of ``key``."""
    return prefix + key.replace(b"\x00", b"\x00\xff") + b"\x00\x02"


def revision_key(prefix: bytes, revision: int, sub: int) -> bytes:
    """Where REVISIONS keeps the ``sub``-th change of ``revision``."""
    return prefix + _pack_revision(revision, sub)


def split_revision_key(key: bytes) -> tuple[int, int]:
    """(revision, sub) of a REVISIONS key."""
    revision, sub = _unpack_revision(key, KEYSPACE_BYTES)
    return revision, sub


def encode_change(kind: int, turn: int, key: bytes) -> bytes:
    """A REVISIONS value: what happened to which key, and the how manyth change of it in the revision that was."""
    return _CHANGES[kind | turn << 1] + key


def decode_change(value: bytes) -> tuple[EventKind, int, bytes]:
    """(kind, turn, key) of a REVISIONS value."""
    return _KINDS[value[0] & 1], value[0] >> 1, value[1:]


def lease_key(lease: int) -> bytes:
    """A lease's key in LEASES, and the start of its keys in LEASE_KEYS."""
    return (lease & _INVERT).to_bytes(8, "big")
