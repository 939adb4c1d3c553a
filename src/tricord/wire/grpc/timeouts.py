# SPDX-License-Identifier: Apache-2.0
"""grpc-timeout: at most 8 digits and a unit. It is how long the caller still waits, not a point in time."""

from __future__ import annotations

_SECONDS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def decode_timeout(value: bytes) -> float | None:
    """Seconds, or None when malformed."""
    unit = _SECONDS.get(value[-1:])
    digits = value[:-1]
    if unit is None or not 1 <= len(digits) <= 8 or not digits.isdigit():
        return None
    return int(digits) * unit


def encode_timeout(seconds: float) -> bytes:
    """The finest unit that holds it, rounded up; nothing below zero."""
    if seconds <= 0:
        return b"0n"
    for unit, scale in ((b"n", 1e9), (b"u", 1e6), (b"m", 1e3), (b"S", 1.0), (b"M", 1 / 60)):
        count = int(seconds * scale)
        if count < 99_999_999:
            return b"%d%s" % (count + (count < seconds * scale), unit)
    return b"%dH" % min(99_999_999, int(seconds / 3600) + 1)
