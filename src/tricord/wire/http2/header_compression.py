# SPDX-License-Identifier: Apache-2.0
"""Header lists into blocks (HPACK, RFC 7541): by the ``hpack`` library, with a memory of whole blocks around it.

What ``HeaderEncoder`` gives must be sent in the order in which it was encoded, for it refers to the table that the peer
builds along. A list means the same block for as long as that table stays as it is: a block that did not change the
table is remembered, and all is forgotten when the table changes.

What ``literal_block`` gives refers to the static table only: it can wait in a queue behind data, be made once and be
sent on any connection. Servers answer with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hpack import Encoder

from tricord.wire.http2.header_validation import Field

_REMEMBERED_BLOCKS = 256


class HeaderEncoder:
    """Header lists in, blocks out."""

    __slots__ = ("_encoder", "_known", "_table")

    def __init__(self) -> None:
        self._encoder = Encoder()
        self._table = self._encoder.header_table
        self._known: dict[tuple[Field, ...], bytes] = {}

    def set_table_size(self, size: int) -> None:
        """The peer's decoder has a table of ``size`` bytes; ours never uses more than the default 4,096."""
        if (size := min(size, 4096)) != self._encoder.header_table_size:
            self._encoder.header_table_size = size
            self._known.clear()

    def encode(self, repeated: tuple[Field, ...], varying: Sequence[Field] = ()) -> bytes:
        """A block. ``repeated`` fields, likely sent again as a whole, may enter the table; ``varying`` never do.

        It must be sent before the next one is encoded.
        """
        block = self._known.get(repeated)
        if block is None:
            block = self._encode_repeated(repeated)
        if varying:
            return block + literal_block(varying)
        return block

    def _encode_repeated(self, repeated: tuple[Field, ...]) -> bytes:
        entries = self._table.dynamic_entries
        resized = self._table.resized
        before = (entries[0] if entries else None, len(entries))
        block: bytes = self._encoder.encode(repeated, huffman=False)
        changed = resized or (entries[0] if entries else None) is not before[0] or len(entries) != before[1]
        if changed or len(self._known) >= _REMEMBERED_BLOCKS:
            self._known.clear()
        if not changed:
            self._known[repeated] = block
        return block


_STATUS_INDEX = {b"200": 8, b"204": 9, b"206": 10, b"304": 11, b"400": 12, b"404": 13, b"500": 14}
_NAME_INDEX = {b"content-type": 31, b"content-length": 28, b"date": 33, b"allow": 22, b"server": 54}


def literal_block(fields: Iterable[Field]) -> bytes:
    """A block that leaves both tables alone: fields of the static table by index, all others as literals."""
    parts = []
    for name, value in fields:
        if name == b":status" and value in _STATUS_INDEX:
            parts.append(bytes((0x80 | _STATUS_INDEX[value],)))
            continue
        index = 8 if name == b":status" else _NAME_INDEX.get(name, 0)
        if index == 0:
            parts.append(b"\x00" + _integer(len(name)) + name)
        elif index < 15:
            parts.append(bytes((index,)))
        else:
            parts.append(bytes((15, index - 15)))
        parts.append(_integer(len(value)) + value)
    return b"".join(parts)


def _integer(number: int) -> bytes:
    """A length with a prefix of 7 bits (RFC 7541, section 5.1), not Huffman-coded."""
    if number < 127:
        return bytes((number,))
    out = bytearray((127,))
    number -= 127
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
