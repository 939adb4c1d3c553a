# SPDX-License-Identifier: Apache-2.0
"""How keys of each table are written, so that byte order is the order that scans need.

HEAD keeps keys as they are. HISTORY appends a revision to a key, and keys are of any length, so a key is escaped there:
a zero byte becomes ``00 ff`` and the end is ``00 01``. No escaped key is a prefix of another and their order is the
keys' order. The revision is inverted, so that a key's newest version comes first.

A range ``[key, range_end)`` becomes a ``Span``: unescaped bounds, where ``end`` None means "to the end".
"""

from __future__ import annotations

from struct import Struct

from tricord.base.operations import EventKind

KEYSPACE_BYTES = 4
FROM_KEY = b"\x00"

_INVERT = (1 << 64) - 1
_REVISION = Struct(">QI")
_pack_revision = _REVISION.pack
_unpack_revision = _REVISION.unpack_from
_KINDS = (EventKind.PUT, EventKind.DELETE)

REVISION_KEY_BYTES = KEYSPACE_BYTES + _REVISION.size


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


def history_key(prefix: bytes, key: bytes, revision: int) -> bytes:
    """Where HISTORY keeps the version of ``key`` written at ``revision``."""
    return prefix + key.replace(b"\x00", b"\x00\xff") + b"\x00\x01" + (_INVERT - revision).to_bytes(8, "big")


def history_end(prefix: bytes, key: bytes) -> bytes:
    """The first HISTORY key after all versions of ``key``."""
    return prefix + key.replace(b"\x00", b"\x00\xff") + b"\x00\x02"


def split_history_key(history: bytes) -> tuple[bytes, int]:
    """(key, revision) of a HISTORY key."""
    return unescape(history[KEYSPACE_BYTES:-8]), _INVERT - int.from_bytes(history[-8:], "big")


def revision_key(prefix: bytes, revision: int, sub: int) -> bytes:
    """Where REVISIONS keeps the ``sub``-th change of ``revision``."""
    return prefix + _pack_revision(revision, sub)


def split_revision_key(key: bytes) -> tuple[int, int]:
    """(revision, sub) of a REVISIONS key."""
    revision, sub = _unpack_revision(key, KEYSPACE_BYTES)
    return revision, sub


def encode_change(kind: int, key: bytes) -> bytes:
    """A REVISIONS value: what happened to which key."""
    return (b"\x01" if kind else b"\x00") + key


def decode_change(value: bytes) -> tuple[EventKind, bytes]:
    """(kind, key) of a REVISIONS value."""
    return _KINDS[value[0]], value[1:]


def lease_key(lease: int) -> bytes:
    """A lease's key in LEASES, and the start of its keys in LEASE_KEYS."""
    return (lease & _INVERT).to_bytes(8, "big")


def span_holds(key: bytes, range_end: bytes, candidate: bytes) -> bool:
    """Whether ``candidate`` lies in ``[key, range_end)``."""
    if not range_end:
        return candidate == key
    return candidate >= key and (range_end == FROM_KEY or candidate < range_end)
