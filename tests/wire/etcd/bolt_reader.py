# SPDX-License-Identifier: Apache-2.0
"""Reads a bbolt file whole, and checks what the format promises on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import unpack_from

from tricord.wire.etcd.bolt_file import PAGE_BYTES, Piece, bolt_file, fnv_1a

Buckets = dict[bytes, dict[bytes, bytes]]


@dataclass(slots=True)
class Meta:
    """What a meta page says."""

    root: int
    free: int
    pages: int
    transaction: int


def assembled(pieces: Iterable[Piece]) -> bytes:
    """The file that the pieces make; each goes on where the one before ended, but the last."""
    data = bytearray(2 * PAGE_BYTES)
    for at, piece in pieces:
        assert at == len(data) or (at == 0 and len(piece) == 2 * PAGE_BYTES)
        data[at : at + len(piece)] = piece
    return bytes(data)


def written(buckets: Buckets) -> bytes:
    """A file with these buckets."""
    return assembled(bolt_file([(name, sorted(pairs.items())) for name, pairs in sorted(buckets.items())]))


class BoltReader:
    """One file."""

    def __init__(self, data: bytes) -> None:
        assert len(data) % PAGE_BYTES == 0
        self.data = data
        self.metas = [self._meta(page) for page in (0, 1)]
        self.meta = max(self.metas, key=lambda meta: meta.transaction)
        self.reached = {0, 1}
        self.depth = 0

    def buckets(self) -> Buckets:
        """All there is. Every page of the file must be reached once."""
        found: Buckets = {}
        for flags, name, value in self._tree(self.meta.root, 1):
            assert flags == 1, "the first tree holds buckets alone"
            root, sequence = unpack_from("<QQ", value)
            assert not sequence
            if root:
                assert len(value) == 16
                elements = list(self._tree(root, 1))
            else:
                elements = list(self._leaf(value[16:]))
            assert not any(element[0] for element in elements)
            keys = [key for _, key, _ in elements]
            assert keys == sorted(set(keys))
            found[name] = {key: value for _, key, value in elements}
        assert self.reached == set(range(self.meta.pages))
        assert len(self.data) == self.meta.pages * PAGE_BYTES
        return found

    def _meta(self, page: int) -> Meta:
        data = self.data[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]
        assert unpack_from("<QHHI", data) == (page, 4, 0, 0)
        magic, version, size, flags, root, sequence, free, pages, transaction, check = unpack_from(
            "<IIIIQQQQQQ", data, 16
        )
        assert (magic, version, size, flags, sequence) == (0xED0CDAED, 2, 4096, 0, 0)
        assert check == fnv_1a(data[16:72])
        return Meta(root, free, pages, transaction)

    def _tree(self, number: int, depth: int) -> Iterator[tuple[int, bytes, bytes]]:
        at = number * PAGE_BYTES
        own, kind, count, over = unpack_from("<QHHI", self.data, at)
        assert own == number
        pages = set(range(number, number + 1 + over))
        assert not pages & self.reached
        self.reached |= pages
        self.depth = max(self.depth, depth)
        body = self.data[at : at + (1 + over) * PAGE_BYTES]
        if kind == 2:
            yield from self._leaf(body)
            return
        assert kind == 1 and count >= 1
        for element in range(count):
            place = 16 + 16 * element
            position, size, child = unpack_from("<IIQ", body, place)
            first = body[place + position : place + position + size]
            below = self._tree(child, depth + 1)
            flags, key, value = next(below)
            assert key == first, "a branch names the first key of each child"
            yield flags, key, value
            yield from below

    def _leaf(self, page: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        _, kind, count, _ = unpack_from("<QHHI", page)
        assert kind == 2
        for element in range(count):
            place = 16 + 16 * element
            flags, position, key_size, value_size = unpack_from("<IIII", page, place)
            start = place + position
            assert start + key_size + value_size <= len(page)
            yield flags, page[start : start + key_size], page[start + key_size : start + key_size + value_size]
