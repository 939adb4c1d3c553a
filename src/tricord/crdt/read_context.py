# SPDX-License-Identifier: Apache-2.0
"""What a reader of a key has seen, as opaque bytes that it gives back with a write: that replaces exactly this.

Layout: the bytes of a causal context (format version first), CRC-32C (4 bytes, big-endian). Given back with another
key it replaces nothing: the dots do not stand there.
"""

from __future__ import annotations

from typing import Any

from crc32c import crc32c

from tricord.base.dots import PROVISIONAL, CausalContext, Origin
from tricord.base.errors import MalformedEncoding, ReadContextDamaged
from tricord.crdt.cell import Cell, dots_of

_CHECK = 4


def encode_read_context(cell: Cell) -> bytes:
    """The context of a read of the cell. Equal reads, equal bytes; a few bytes for each write that stands there."""
    data = CausalContext(dots_of(cell)).encode()
    return data + crc32c(data).to_bytes(_CHECK, "big")


def decode_read_context(data: bytes, replica: int = PROVISIONAL) -> CausalContext:
    """What was seen, for ``Write.seen`` at that replica. What an edge showed before it had a number has other names
    now: those of its number. Raises ``ReadContextDamaged``."""
    body = data[:-_CHECK]
    if crc32c(body) != int.from_bytes(data[-_CHECK:], "big"):
        raise ReadContextDamaged("the context's checksum does not match: its bytes were changed or cut")
    try:
        seen = CausalContext.decode(body)
    except MalformedEncoding as error:
        raise ReadContextDamaged(f"the context cannot be read: {error}") from error
    if replica != PROVISIONAL:
        for part in (seen.vector.entries, seen.cloud):
            _rename(part, replica)
    return seen


def _rename(part: dict[Origin, Any], replica: int) -> None:
    for origin in [origin for origin in part if origin[0] == PROVISIONAL]:
        part[Origin(replica, origin.incarnation)] = part.pop(origin)
