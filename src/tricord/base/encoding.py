# SPDX-License-Identifier: Apache-2.0
"""Compact bytes with one form for each value: how vectors, contexts, deltas and tokens are written.

Numbers are base-128 varints of at most 64 bits, in their shortest form. A reader accepts what the writer writes and
nothing else, so equal values have equal bytes. Bytes may come from anywhere: what does not fit raises
``MalformedEncoding``, and no more memory is taken than the bytes themselves justify.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tricord.base.errors import MalformedEncoding

T = TypeVar("T")

NUMBER_BITS = 64


def put_number(out: bytearray, number: int) -> None:
    """Append a number from 0 to 2**64 - 1. Cost: about 0.1 us for each 7 bits."""
    if 0 <= number < 0x80:  # most numbers are small
        out.append(number)
        return
    if number < 0 or number >> NUMBER_BITS:
        raise ValueError(f"{number} is no unsigned number of 64 bits")
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def put_signed(out: bytearray, number: int) -> None:
    """Append a number from -2**63 to 2**63 - 1, small ones shortest: 0, -1, 1, -2 become 0, 1, 2, 3."""
    put_number(out, number << 1 if number >= 0 else (-number << 1) - 1)


def put_bytes(out: bytearray, data: bytes) -> None:
    """Append the length of ``data``, then ``data``."""
    length = len(data)
    if length < 0x80:
        out.append(length)
    else:
        put_number(out, length)
    out += data


class Reader:
    """Takes apart what the functions above wrote, front to back."""

    __slots__ = ("data", "end", "offset")

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data = data
        self.offset = offset
        self.end = len(data)

    def number(self, most: int = (1 << NUMBER_BITS) - 1) -> int:
        """An unsigned number that is at most ``most``."""
        data, offset = self.data, self.offset
        if offset < self.end and (byte := data[offset]) < 0x80 and byte <= most:
            self.offset = offset + 1  # most numbers are small
            return byte
        number = shift = 0
        while True:
            if offset >= self.end:
                raise MalformedEncoding(f"the bytes end inside a number at {self.offset}")
            byte = data[offset]
            offset += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= NUMBER_BITS:
                raise MalformedEncoding(f"the number at {self.offset} has more than 64 bits")
        if byte == 0 and shift:
            raise MalformedEncoding(f"the number at {self.offset} is not in its shortest form")
        if number > most:
            raise MalformedEncoding(f"the number at {self.offset} is {number}, more than {most}")
        self.offset = offset
        return number

    def signed(self) -> int:
        """A number of ``put_signed``."""
        number = self.number()
        return -((number + 1) >> 1) if number & 1 else number >> 1

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        start = self.offset
        if length > self.end - start:
            raise MalformedEncoding(f"{length} bytes announced at {start}, {self.end - start} are there")
        self.offset = start + length
        return self.data[start : self.offset]

    def bytes(self) -> bytes:
        """Bytes of ``put_bytes``."""
        return self.take(self.number(self.end))

    def count(self, each: int) -> int:
        """How many things follow, where each takes at least ``each`` bytes: never more than there is room for."""
        start = self.offset
        count = self.number(self.end)
        if count * each > self.end - self.offset:
            raise MalformedEncoding(f"{count} things announced at {start}, there is no room for them")
        return count

    def version(self, newest: int) -> int:
        """The byte of the format's version, from 1 to ``newest``."""
        found = self.number()
        if not 1 <= found <= newest:
            raise MalformedEncoding(f"format version {found}; this version of tricord reads 1 to {newest}")
        return found

    def finish(self) -> None:
        """Everything was read, or the bytes are wrong."""
        if self.offset != self.end:
            raise MalformedEncoding(f"{self.end - self.offset} bytes too many at {self.offset}")


def read_whole(data: bytes, read: Callable[[Reader], T], newest: int = 0) -> T:
    """What ``read`` takes of the bytes, which must be all of them; behind the byte of a format's version, where
    ``newest`` says up to which. Raises ``MalformedEncoding``."""
    reader = Reader(data)
    if newest:
        reader.version(newest)
    found = read(reader)
    reader.finish()
    return found
