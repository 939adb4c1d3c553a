# SPDX-License-Identifier: Apache-2.0
"""Writes a bbolt database file from sorted pairs, front to back, in the memory of one page a level.

The format is that of go.etcd.io/bbolt, version 2, all numbers little endian (docs/decisions/0017):

```
file       two meta pages, then pages of trees; a page that needs more room runs on over the next ones
page       id u64, kind u16, count u16, pages it runs on over u32; then ``count`` elements, then what they point at
meta       magic u32, version u32, page size u32, flags u32, root of the tree of buckets u64, sequence u64,
           page of free pages u64 (all ones: none is kept), pages in the file u64, transaction u64, FNV-1a u64 of these
branch     position u32, size of the key u32, page of the child u64; the key is the child's first
leaf       1 for a bucket u32, position u32, size of the key u32, size of the value u32
bucket     a value: page of its root u64, sequence u64; where the page is 0, its one small leaf follows
```

A position counts from the element's own first byte. A tree is loaded from below: a leaf that is full is written, and
its first key goes into the branch above, which is written when it is full in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

PAGE_BYTES = 4096
PIECE_BYTES = 128 << 10
"""Pages are handed out in pieces of about this size."""
KEY_BYTES_MAX = 32_768
INLINE_BYTES_MAX = PAGE_BYTES // 4
"""A bucket whose one leaf is no larger is kept inside the tree of buckets."""

_MAGIC = 0xED0CDAED
_VERSION = 2
_BRANCH, _LEAF, _META = 1, 2, 4
_BUCKET = 1
_NO_FREE_PAGES = (1 << 64) - 1
_FIRST_PAGE = 2

_PAGE = Struct("<QHHI")
_META_FIELDS = Struct("<IIIIQQQQQ")
_BRANCH_ELEMENT = Struct("<IIQ")
_LEAF_ELEMENT = Struct("<IIII")
_BUCKET_VALUE = Struct("<QQ")
_ELEMENT_BYTES = 16

Piece = tuple[int, bytes]
"""Where in the file, and what."""


def bolt_file(buckets: Iterable[tuple[bytes, Iterable[tuple[bytes, bytes]]]]) -> Iterator[Piece]:
    """The pieces of a file with these buckets: they and the pairs in each ascend strictly by name and key.

    Pieces go on where the one before ended, but the last: it belongs at the beginning, and without it the file is none.
    Costs about 1 us a pair. Keys are neither empty nor longer than KEY_BYTES_MAX.
    """
    pages = _Pages()
    tree = _Tree(pages)
    last = b""
    for name, pairs in buckets:
        assert name > last, "buckets ascend"
        last = name
        bucket = _Tree(pages)
        for key, value in pairs:
            bucket.add(key, value, 0)
            if pages.size >= PIECE_BYTES:
                yield pages.take()
        tree.add(name, bucket.as_value(), _BUCKET)
    root = tree.root()
    yield pages.take()
    yield 0, b"".join(_meta(page, root, pages.next) for page in range(_FIRST_PAGE))


class _Pages:
    """Pages that were written and not taken yet."""

    def __init__(self) -> None:
        self.next = _FIRST_PAGE
        self.size = 0
        self._parts: list[bytes] = []
        self._at = _FIRST_PAGE * PAGE_BYTES

    def write(self, kind: int, count: int, body: bytes) -> int:
        """The number of the new page."""
        page = self.next
        size = _PAGE.size + len(body)
        over = -(-size // PAGE_BYTES) - 1
        padding = bytes((over + 1) * PAGE_BYTES - size)
        self._parts += (_PAGE.pack(page, kind, count, over), body, padding)
        self.next = page + 1 + over
        self.size += size + len(padding)
        return page

    def take(self) -> Piece:
        """What was written since the last call."""
        data = b"".join(self._parts)
        at, self._at = self._at, self._at + len(data)
        self._parts, self.size = [], 0
        return at, data


class _Tree:
    """One B+ tree. Only the page that is being filled is in memory, of each level."""

    def __init__(self, pages: _Pages) -> None:
        self._pages = pages
        self._keys: list[bytes] = []
        self._values: list[bytes] = []
        self._flags = 0
        self._size = _PAGE.size
        self._last = b""
        self._branches: list[_Branch] = []

    def add(self, key: bytes, value: bytes, flags: int) -> None:
        assert self._last < key and len(key) <= KEY_BYTES_MAX, "keys ascend, and are neither empty nor too long"
        self._last = key
        size = _ELEMENT_BYTES + len(key) + len(value)
        if self._keys and self._size + size > PAGE_BYTES:
            self._write_leaf()
        self._keys.append(key)
        self._values.append(value)
        self._flags = flags
        self._size += size

    def as_value(self) -> bytes:
        """The whole tree as the value of a bucket."""
        if not self._branches and self._size <= INLINE_BYTES_MAX:
            return _BUCKET_VALUE.pack(0, 0) + _PAGE.pack(0, _LEAF, len(self._keys), 0) + self._leaf_body()
        return _BUCKET_VALUE.pack(self.root(), 0)

    def root(self) -> int:
        """Write what is left, and give the page that holds the tree."""
        if not self._branches:
            return self._pages.write(_LEAF, len(self._keys), self._leaf_body())
        self._write_leaf()
        level = 0
        while level < len(self._branches) - 1:
            self._up(level)
            level += 1
        return self._branches[-1].write(self._pages)

    def _write_leaf(self) -> None:
        first = self._keys[0]
        page = self._pages.write(_LEAF, len(self._keys), self._leaf_body())
        self._keys, self._values, self._size = [], [], _PAGE.size
        self._above(0, first, page)

    def _leaf_body(self) -> bytes:
        position = _ELEMENT_BYTES * len(self._keys)
        elements: list[bytes] = []
        for key, value in zip(self._keys, self._values, strict=True):
            elements.append(_LEAF_ELEMENT.pack(self._flags, position, len(key), len(value)))
            position += len(key) + len(value) - _ELEMENT_BYTES
        pairs = [part for pair in zip(self._keys, self._values, strict=True) for part in pair]
        return b"".join(elements + pairs)

    def _above(self, level: int, first: bytes, page: int) -> None:
        if level == len(self._branches):
            self._branches.append(_Branch())
        branch = self._branches[level]
        if branch.is_full(first):
            self._up(level)
        branch.add(first, page)

    def _up(self, level: int) -> None:
        branch = self._branches[level]
        first = branch.keys[0]
        self._above(level + 1, first, branch.write(self._pages))


class _Branch:
    """The page of one level above the leaves that is being filled."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self._children: list[int] = []
        self._size = _PAGE.size

    def is_full(self, key: bytes) -> bool:
        # With two children at least each level is smaller than the one below, however long the keys.
        return len(self.keys) >= 2 and self._size + _ELEMENT_BYTES + len(key) > PAGE_BYTES

    def add(self, key: bytes, page: int) -> None:
        self.keys.append(key)
        self._children.append(page)
        self._size += _ELEMENT_BYTES + len(key)

    def write(self, pages: _Pages) -> int:
        position = _ELEMENT_BYTES * len(self.keys)
        elements: list[bytes] = []
        for key, child in zip(self.keys, self._children, strict=True):
            elements.append(_BRANCH_ELEMENT.pack(position, len(key), child))
            position += len(key) - _ELEMENT_BYTES
        page = pages.write(_BRANCH, len(self.keys), b"".join(elements + self.keys))
        self.keys, self._children, self._size = [], [], _PAGE.size
        return page


def _meta(page: int, root: int, pages: int) -> bytes:
    """A meta page; the one whose transaction is higher counts, and both say the same."""
    fields = _META_FIELDS.pack(_MAGIC, _VERSION, PAGE_BYTES, 0, root, 0, _NO_FREE_PAGES, pages, page)
    data = _PAGE.pack(page, _META, 0, 0) + fields + fnv_1a(fields).to_bytes(8, "little")
    return data.ljust(PAGE_BYTES, b"\0")


def fnv_1a(data: bytes) -> int:
    """The FNV-1a hash of 64 bits (RFC 9923)."""
    number = 0xCBF29CE484222325
    for byte in data:
        number = (number ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return number
