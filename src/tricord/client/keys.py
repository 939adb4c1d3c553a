# SPDX-License-Identifier: Apache-2.0
"""What callers may give as keys and values, and the ranges that keys span (etcd KV API, "key ranges")."""

from __future__ import annotations

from typing import TypeAlias

Data: TypeAlias = str | bytes
"""A key or value: text goes in as UTF-8."""

FROM_HERE_ON = b"\0"
"""As a range's end: every key from its start on."""
EMPTY_RANGE = (b"\x02", b"\x01")
"""It ends before it begins: no key, and no error."""


def to_bytes(data: Data) -> bytes:
    """The bytes of a key or value. Raises TypeError for anything but str and bytes (also bytearray, memoryview)."""
    if type(data) is bytes:
        return data
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"a key or value is str or bytes, not {type(data).__name__}")


def quoted(key: bytes) -> str:
    """A key as messages name it: its text in quotes, or its bytes where it is not UTF-8."""
    try:
        return repr(key.decode())
    except UnicodeDecodeError:
        return repr(key)


def prefix_range(prefix: Data) -> tuple[bytes, bytes]:
    """(key, range_end) of all keys that begin with ``prefix``; of all keys when it is empty."""
    start = to_bytes(prefix)
    if not start:
        return b"\0", FROM_HERE_ON
    kept = start.rstrip(b"\xff")
    if not kept:
        return start, FROM_HERE_ON
    return start, kept[:-1] + bytes([kept[-1] + 1])


def span(start: Data, end: Data | None) -> tuple[bytes, bytes]:
    """(key, range_end) of the keys from ``start`` (empty: the first) to before ``end`` (None: to the last)."""
    key = to_bytes(start) or b"\0"
    if end is None:
        return key, FROM_HERE_ON
    range_end = to_bytes(end)
    if range_end in (b"", FROM_HERE_ON):
        # No key lies before these, but on the wire they mean "one key" and "to the last".
        return EMPTY_RANGE
    return key, range_end
