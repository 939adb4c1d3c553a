# SPDX-License-Identifier: Apache-2.0
"""How a lease is written into the LEASES table."""

from __future__ import annotations

from struct import Struct

from tricord.base.message import message

_RECORD = Struct(">BQQ")
_FORMAT = 1
_NEGATIVE = 1 << 63


@message
class LeaseRecord:
    """Whole seconds. ``remaining`` is what the newest checkpoint left to it; 0: the full time to live."""

    ttl: int
    remaining: int = 0


def encode_lease(record: LeaseRecord) -> bytes:
    """Its bytes."""
    return _RECORD.pack(_FORMAT, record.ttl, record.remaining)


def decode_lease(data: bytes) -> LeaseRecord:
    """The record in ``data``."""
    version, ttl, remaining = _RECORD.unpack(data)
    assert version == _FORMAT, f"a lease's record has format {version}"
    return LeaseRecord(ttl, remaining)


def lease_id(key: bytes) -> int:
    """The id whose key in LEASES this is: a signed 64-bit integer."""
    number = int.from_bytes(key, "big")
    return number - (1 << 64) if number & _NEGATIVE else number
