# SPDX-License-Identifier: Apache-2.0
"""Metadata: the header fields that belong to the application, and the percent-encoding of grpc-message.

Names that end in ``-bin`` carry bytes, in base64 with or without padding; all others carry printable ASCII.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from tricord.wire.http2.header_validation import Field

_PRINTABLE = bytes(range(0x20, 0x7F))
_RESERVED = frozenset((b"te", b"content-type", b"user-agent"))


class Metadata:
    """A read-only multi-map, in the order received. Names are lower case."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[tuple[str, str | bytes]] = ()) -> None:
        self._items = tuple(items)

    def get(self, name: str) -> str | bytes | None:
        """The last value of ``name``: bytes for names in -bin, else str; None if absent."""
        found = None
        for key, value in self._items:
            if key == name:
                found = value
        return found

    def all(self, name: str) -> list[str | bytes]:
        """All values of ``name``, in order."""
        return [value for key, value in self._items if key == name]

    def __iter__(self) -> Iterator[tuple[str, str | bytes]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Metadata({[name for name, _ in self._items]})"  # values may be secrets


EMPTY = Metadata()


def decode_metadata(fields: Iterable[Field]) -> Metadata:
    """The application's fields of a header list; gRPC's own are left out. Raises ValueError for base64 that is none."""
    items: list[tuple[str, str | bytes]] = []
    for name, value in fields:
        if name.startswith(b"grpc-") or name in _RESERVED:
            continue
        text = name.decode("ascii")
        if name.endswith(b"-bin"):
            items.extend((text, _decode_binary(part)) for part in value.split(b","))
        else:
            items.append((text, value.decode("latin-1")))
    return Metadata(items) if items else EMPTY


def encode_metadata(items: Iterable[tuple[str, str | bytes]]) -> list[Field]:
    """Fields to send. Raises ValueError for what cannot be sent."""
    fields: list[Field] = []
    for name, value in items:
        key = name.lower().encode("ascii")
        if key.startswith((b"grpc-", b":")) or not key:
            raise ValueError(f"metadata name {name!r} is reserved")
        if key.endswith(b"-bin"):
            raw = value if isinstance(value, bytes) else value.encode()
            fields.append((key, base64.b64encode(raw).rstrip(b"=")))
        else:
            text = value if isinstance(value, bytes) else value.encode("ascii")
            if text.translate(None, _PRINTABLE):
                raise ValueError(f"metadata value of {name!r} is not printable ASCII")
            fields.append((key, text.strip()))
    return fields


def _decode_binary(value: bytes) -> bytes:
    stripped = value.strip().rstrip(b"=")
    try:
        return base64.b64decode(stripped + b"=" * (-len(stripped) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None


def encode_message(text: str) -> bytes:
    """grpc-message: all but printable ASCII, and the percent sign, percent-encoded."""
    raw = text.encode("utf-8", "replace")
    return b"".join([bytes((byte,)) if 0x20 <= byte <= 0x7E and byte != 0x25 else b"%%%02X" % byte for byte in raw])


def decode_message(value: bytes) -> str:
    """The text again; malformed escapes are kept as they are."""
    return unquote_to_bytes(value).decode("utf-8", "replace")
