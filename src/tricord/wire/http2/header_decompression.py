# SPDX-License-Identifier: Apache-2.0
"""Blocks into header lists (HPACK, RFC 7541, section 6), made for clients that repeat themselves.

The table and the Huffman code are the ``hpack`` library's. Its own decoder takes some 30 us for a gRPC request, more
than all else that we do for one; this one takes a few, and two memories spare most of the rest:

- By block: once a path, an authority and a user agent are in the table, each request is the same few index bytes. They
  mean the same for as long as the table stays as it is; all is forgotten when it changes.
- By list: grpc-timeout differs in each call, and most clients put each into the table, which moves all indexes. So it
  is kept apart (``HeaderBlock.timeout``), and what is known of the rest of the list is found again.
"""

from __future__ import annotations

from hpack import HPACKError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from tricord.wire.http2.errors import ErrorCode, PeerError
from tricord.wire.http2.header_validation import Field, HeaderBlock

_REMEMBERED = 256
_REMEMBERED_SIZE = 1024
"""Blocks longer than this are not worth remembering."""
_TABLE_SIZE = 4096
"""SETTINGS_HEADER_TABLE_SIZE: the default, we send no other."""
_TIMEOUT = b"grpc-timeout"


class HeaderDecoder:
    """Blocks in, header lists out."""

    __slots__ = ("_by_block", "_by_list", "_changed", "_entries", "_max_list_size", "_table")

    def __init__(self, max_header_list_size: int) -> None:
        self._max_list_size = max_header_list_size
        self._table = HeaderTable()
        self._entries = self._table.dynamic_entries
        self._changed = False
        self._by_block: dict[bytes, HeaderBlock] = {}
        self._by_list: dict[tuple[Field, ...], HeaderBlock] = {}

    def decode(self, block: bytes) -> HeaderBlock:
        """The list that ``block`` stands for; the same object for the same bytes. Raises PeerError."""
        found = self._by_block.get(block)
        if found is not None:
            return found
        self._changed = False
        try:
            fields = self._fields(block)
        except (HPACKError, IndexError) as error:
            raise PeerError(ErrorCode.COMPRESSION_ERROR, f"header block: {error}"[:200]) from None
        timeout = None
        for field in fields:
            if field[0] == _TIMEOUT:
                timeout = field[1]
                fields.remove(field)
                break
        decoded = self._known_list(tuple(fields), timeout, len(block))
        if self._changed:
            self._by_block.clear()
        elif len(block) <= _REMEMBERED_SIZE:
            if len(self._by_block) >= _REMEMBERED:
                self._by_block.clear()
            self._by_block[block] = decoded
        return decoded

    def _known_list(self, fields: tuple[Field, ...], timeout: bytes | None, block_size: int) -> HeaderBlock:
        found = self._by_list.get(fields)
        if found is None:
            found = HeaderBlock(fields)
            if block_size <= _REMEMBERED_SIZE and found.size <= 4 * _REMEMBERED_SIZE:
                if len(self._by_list) >= _REMEMBERED:
                    self._by_list.clear()
                self._by_list[fields] = found
        return found if timeout is None else found.with_timeout(timeout)

    def _fields(self, block: bytes) -> list[Field]:
        """Every representation of section 6. Raises HPACKError and IndexError for what is none."""
        fields: list[Field] = []
        size = 0
        position = 0
        while position < len(block):
            byte = block[position]
            if byte & 0x80:  # 6.1: indexed
                if byte == 0xFF:
                    index, position = _integer(block, position, 0x7F)
                else:
                    index = byte & 0x7F
                    position += 1
                field = self._entry(index)
            elif byte & 0x60 == 0x20:  # 6.3: size update
                if fields:
                    raise HPACKError("a size update after a field")
                position = self._resize(block, position)
                continue
            else:  # 6.2: literal, with or without entering the table
                enters = byte & 0x40
                index, position = _integer(block, position, 0x3F if enters else 0x0F)
                if index:
                    name = self._entry(index)[0]
                else:
                    name, position = _string(block, position)
                value, position = _string(block, position)
                field = (name, value)
                if enters:
                    self._changed = True
                    self._table.add(name, value)
            size += len(field[0]) + len(field[1]) + 32
            if size > self._max_list_size:
                raise PeerError(ErrorCode.ENHANCE_YOUR_CALM, "header list is larger than the limit")
            fields.append(field)
        return fields

    def _entry(self, index: int) -> Field:
        if index > 61:
            return self._entries[index - 62]
        return self._table.get_by_index(index)

    def _resize(self, block: bytes, position: int) -> int:
        size, position = _integer(block, position, 0x1F)
        if size > _TABLE_SIZE:
            raise HPACKError("a table larger than we allow")
        self._changed = True
        self._table.maxsize = size
        return position


def _integer(block: bytes, position: int, prefix: int) -> tuple[int, int]:
    """Section 5.1: the number and the position after it."""
    number = block[position] & prefix
    position += 1
    if number < prefix:
        return number, position
    shift = 0
    while True:
        byte = block[position]
        position += 1
        number += (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, position
        if shift > 28:
            raise HPACKError("a number that is too long")


def _string(block: bytes, position: int) -> tuple[bytes, int]:
    """Section 5.2: the string and the position after it."""
    huffman = block[position] & 0x80
    size, start = _integer(block, position, 0x7F)
    stop = start + size
    if stop > len(block):
        raise HPACKError("a string beyond the end of the block")
    raw = block[start:stop]
    return (decode_huffman(raw) if huffman else raw), stop
