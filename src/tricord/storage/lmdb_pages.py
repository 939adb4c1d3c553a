# SPDX-License-Identifier: Apache-2.0
"""Walks the trees of an LMDB file page by page, without the library, and compares everything with everything.

The library trusts its file: a damaged page can crash it, and a damaged separator hides keys without any sign. So a
file that nothing vouches for is walked first. Checked are: both meta pages; each reachable page (number, kind,
bounds, nodes that fill it exactly, keys in order and within what the branches above say); the counters of each tree;
the list of free pages, which with the reachable ones must cover the file exactly; and per table the count and the sum
of hashes of all records.

The layout is that of LMDB 0.9 (``mdb.c``) on a 64-bit machine, numbers in the machine's byte order:

```
page    number 8, pad 2, flags 2, lower 2, upper 2 (an overflow page: count of pages 4), then offsets of nodes, 2 each
node    size low 2, size high 2, flags 2, size of key 2, key, value   (a branch: page number in the first three)
tree    pad 4, flags 2, depth 2, branch pages 8, leaf pages 8, overflow pages 8, entries 8, root 8
meta    magic 4, version 4, address 8, map size 8, tree of free pages, main tree, last page 8, transaction 8
```

Costs about 1.2 us a record, and little memory: pages are read, not mapped.
"""

from __future__ import annotations

import sys
from operator import lt
from struct import Struct

from xxhash import xxh3_64_intdigest

from tricord.base.environment import File
from tricord.base.errors import CorruptData
from tricord.base.message import message
from tricord.storage.lmdb_sums import HASH_MASK

META_BYTES = 16 + 24 + 2 * 48 + 16

_PAGE = Struct("=QHHHH")
_OVERFLOW = Struct("=QHHI")
_NODE = Struct("=HHHH")
_TREE = Struct("=IHHQQQQQ")
_META = Struct("=IIQQ")
_LAST = Struct("=QQ")
_NUMBER = Struct("=Q")

_HEADER_BYTES = 16
_BRANCH, _LEAF, _OVERFLOWS, _IS_META = 1, 2, 4, 8
_BIG, _SUBTREE = 1, 2
_MAGIC = 0xBEEFC0DE
_VERSION = 1
_INTEGER_KEYS = 8
_NO_PAGE = (1 << 64) - 1
_DEPTH_MAX = 32
_TAIL_PAGES_MAX = 1 << 16
_MAIN_NAME = "the table of tables"
_FREE_NAME = "the list of free pages"


@message
class Tree:
    """A tree's record."""

    page_size: int
    flags: int
    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    root: int


@message
class Meta:
    """The newest state of a file."""

    page_size: int
    transaction: int
    free: Tree
    main: Tree
    pages: int


def read_meta(path: str, file: File, size: int) -> Meta | None:
    """The newest meta page, after checking both; None: the file never held anything. Raises CorruptData."""
    if size == 0:
        return None
    head = file.pread(META_BYTES, 0)
    if len(head) < META_BYTES:
        raise CorruptData(path, 0, "the file ends within its first meta page")
    page_size: int = _TREE.unpack_from(head, _HEADER_BYTES + 24)[0]
    if page_size not in (4096, 8192, 16384, 32768):
        raise CorruptData(path, 0, f"the meta page names a page size of {page_size}")
    metas = []
    for place in range(2):
        at = place * page_size
        page = file.pread(META_BYTES, at)
        if len(page) < META_BYTES:
            raise CorruptData(path, at, "the file ends within its second meta page")
        number, _, flags, _, _ = _PAGE.unpack_from(page)
        magic, version, _, _ = _META.unpack_from(page, _HEADER_BYTES)
        free = Tree(*_TREE.unpack_from(page, _HEADER_BYTES + 24))
        main = Tree(*_TREE.unpack_from(page, _HEADER_BYTES + 72))
        last, transaction = _LAST.unpack_from(page, _HEADER_BYTES + 120)
        if (number, flags, magic, version) != (place, _IS_META, _MAGIC, _VERSION):
            raise CorruptData(path, at, "this is no meta page")
        # These flags change how the library maps and compares.
        if free.page_size != page_size or free.flags != _INTEGER_KEYS or main.flags:
            raise CorruptData(path, at, "the meta page asks for what was never set")
        metas.append(Meta(page_size, transaction, free, main, last + 1))
    newest = max(metas, key=lambda meta: meta.transaction)
    if newest.transaction == 0:
        if size > 2 * page_size:
            raise CorruptData(path, 0, "the meta pages name no transaction, but there is content")
        return None
    # Transaction n writes meta page n % 2, so the two always hold neighbours.
    if (
        metas[newest.transaction % 2] is not newest
        or metas[0].transaction + metas[1].transaction + 1 != 2 * newest.transaction
    ):
        raise CorruptData(
            path, 0, f"the meta pages name transactions {metas[0].transaction} and {metas[1].transaction}"
        )
    # A page that was freed before it was ever written may lie behind the file's end.
    if not 2 <= newest.pages <= size // page_size + _TAIL_PAGES_MAX:
        at = newest.transaction % 2 * page_size
        raise CorruptData(path, at, f"the meta page names {newest.pages} pages, the file has {size // page_size}")
    return newest


@message
class Content:
    """What a tree holds: how many records, the sum of their hashes, and the first one's value."""

    count: int
    total: int
    first: bytes


class PageWalk:
    """One verification of one file."""

    def __init__(self, path: str, file: File, meta: Meta, names: list[bytes]) -> None:
        self._path = path
        self._file = file
        self._meta = meta
        self._names = names
        self._page_size = meta.page_size
        self._seen = bytearray(meta.pages)
        self._seen[0] = self._seen[1] = 1

    def content(self) -> dict[bytes, Content]:
        """Verify all; gives the content of each named tree. Raises CorruptData."""
        free = _Walk(_FREE_NAME, self._meta.free)
        self._walk(free)
        main = _Walk(_MAIN_NAME, self._meta.main)
        self._walk(main)
        if sorted(main.records) != sorted(self._names):
            raise self._damaged(self._meta.main.root, f"it holds the tables {sorted(main.records)}")
        found = {}
        for name, record in main.records.items():
            tree = Tree(*_TREE.unpack(record))
            if tree.page_size or tree.flags:
                raise self._damaged(self._meta.main.root, f"table {name!r} asks for what was never set")
            walk = _Walk(f"table {name!r}", tree)
            self._walk(walk)
            found[name] = Content(tree.entries, walk.total & HASH_MASK, walk.first)
        self._check_free(free)
        return found

    def _walk(self, walk: _Walk) -> None:
        tree = walk.tree
        if tree.root != _NO_PAGE:
            self._page(walk, tree.root, 1, b"", None)
        found = (walk.depth, walk.branches, walk.leaves, walk.overflows, walk.entries)
        if found != (tree.depth, tree.branches, tree.leaves, tree.overflows, tree.entries):
            raise self._damaged(
                0 if tree.root == _NO_PAGE else tree.root, f"{walk.name} has other counts than recorded"
            )

    def _page(self, walk: _Walk, number: int, depth: int, low: bytes, high: bytes | None) -> None:
        self._see(number, 1, walk.name)
        page = self._file.pread(self._page_size, number * self._page_size)
        if len(page) < self._page_size:
            raise self._damaged(number, "the file ends within the page")
        named, _, flags, lower, upper = _PAGE.unpack_from(page)
        if named != number:
            raise self._damaged(number, f"the page says that it is page {named}")
        if not _HEADER_BYTES < lower <= upper <= self._page_size or lower % 2 or flags not in (_BRANCH, _LEAF):
            raise self._damaged(number, "the page's header is damaged")
        if depth > _DEPTH_MAX:
            raise self._damaged(number, "the tree is too deep")
        count = (lower - _HEADER_BYTES) >> 1
        places = Struct(f"={count}H").unpack_from(page, _HEADER_BYTES)
        if min(places) < upper or max(places) > self._page_size - 8:
            raise self._damaged(number, "a node lies outside its page")
        walk.depth = max(walk.depth, depth)
        if flags == _BRANCH:
            self._branch(walk, number, page, places, upper, depth, low, high)
        else:
            self._leaf(walk, number, page, places, upper, low, high)

    def _branch(
        self,
        walk: _Walk,
        number: int,
        page: bytes,
        places: tuple[int, ...],
        upper: int,
        depth: int,
        low: bytes,
        high: bytes | None,
    ) -> None:
        walk.branches += 1
        keys: list[bytes] = []
        children: list[int] = []
        used = 0
        for place in places:
            size_low, size_high, flags, key_size = _NODE.unpack_from(page, place)
            children.append(size_low | size_high << 16 | flags << 32)
            keys.append(page[place + 8 : place + 8 + key_size])
            used += 8 + key_size + (key_size & 1)
        if used != self._page_size - upper:
            raise self._damaged(number, "the nodes do not fill the page")
        if walk.name == _FREE_NAME:
            keys = [_as_text(key) for key in keys]
        # The first key of a branch is never looked at: the first child takes all that comes before the second key.
        keys[0] = low
        self._check_order(walk, number, keys, low, high)
        for place, child in enumerate(children):
            self._page(walk, child, depth + 1, keys[place], keys[place + 1] if place + 1 < len(keys) else high)

    def _leaf(
        self,
        walk: _Walk,
        number: int,
        page: bytes,
        places: tuple[int, ...],
        upper: int,
        low: bytes,
        high: bytes | None,
    ) -> None:
        walk.leaves += 1
        walk.entries += len(places)
        unpack = _NODE.unpack_from
        keys: list[bytes] = []
        records: list[bytes] = []
        used = 0
        for place in places:
            size, size_high, flags, key_size = unpack(page, place)
            value_at = place + 8 + key_size
            key = page[place + 8 : value_at]
            keys.append(key)
            if flags == 0 and not size_high:
                end = value_at + size
                used += (end - place + 1) & ~1
                records.append(page[place + 8 : end])
                continue
            size |= size_high << 16
            if flags == _BIG:
                used += (8 + key_size + 8 + 1) & ~1
                value = self._overflow(walk, number, page[value_at : value_at + 8], size)
            elif flags == _SUBTREE and walk.name == _MAIN_NAME and size == _TREE.size:
                used += (8 + key_size + size + 1) & ~1
                value = page[value_at : value_at + size]
            else:
                raise self._damaged(number, "a node is of a kind that was never written")
            records.append(key + value)
        if used != self._page_size - upper:
            raise self._damaged(number, "the nodes do not fill the page")
        if walk.name == _FREE_NAME:
            if any(len(key) != 8 for key in keys):
                raise self._damaged(number, "a key of the list of free pages is no number")
            self._check_order(walk, number, [_as_text(key) for key in keys], low, high)
        else:
            self._check_order(walk, number, keys, low, high)
        walk.total += sum(map(xxh3_64_intdigest, records))
        if not walk.first:
            walk.first = records[0][len(keys[0]) :]
        if walk.keep:
            for key, record in zip(keys, records, strict=True):
                walk.records[key] = record[len(key) :]

    def _check_order(self, walk: _Walk, number: int, keys: list[bytes], low: bytes, high: bytes | None) -> None:
        if keys[0] < low or (high is not None and keys[-1] >= high) or not all(map(lt, keys, keys[1:])):
            raise self._damaged(number, f"keys of {walk.name} are not in their order")

    def _overflow(self, walk: _Walk, number: int, pointer: bytes, size: int) -> bytes:
        if len(pointer) < 8:
            raise self._damaged(number, "a node lies outside its page")
        (first,) = _NUMBER.unpack(pointer)
        self._see(first, 1, walk.name)
        data = self._file.pread(_HEADER_BYTES + size, first * self._page_size)
        if len(data) < _HEADER_BYTES + size:
            raise self._damaged(first, "the file ends within a large value")
        named, _, flags, pages = _OVERFLOW.unpack_from(data)
        # More pages than the value needs: it was made shorter before its transaction ended.
        if named != first or flags != _OVERFLOWS or pages * self._page_size < len(data):
            raise self._damaged(first, "this is not the large value that a node names")
        if pages > 1:
            self._see(first + 1, pages - 1, walk.name)
        walk.overflows += pages
        return data[_HEADER_BYTES:]

    def _see(self, number: int, pages: int, name: str) -> None:
        if not 2 <= number <= self._meta.pages - pages:
            raise self._damaged(0, f"{name} names page {number}, which is not there")
        if any(self._seen[number : number + pages]):
            raise self._damaged(number, f"{name} names a page that is used already")
        self._seen[number : number + pages] = b"\1" * pages

    def _check_free(self, free: _Walk) -> None:
        root = self._meta.free.root
        newest = self._meta.transaction
        for key, record in free.records.items():
            if not 0 < _NUMBER.unpack(key)[0] <= newest:
                raise self._damaged(root, "pages are free since a transaction that never was")
            if len(record) < 8 or len(record) != 8 * (_NUMBER.unpack_from(record)[0] + 1):
                raise self._damaged(root, "a list of free pages has another length than it says")
            numbers = Struct(f"={len(record) // 8 - 1}Q").unpack_from(record, 8)
            if not all(map(lt, numbers[1:], numbers)):
                raise self._damaged(root, "a list of free pages is not in its order")
            for number in numbers:
                self._see(number, 1, _FREE_NAME)
        if not all(self._seen):
            raise self._damaged(self._seen.index(0), "the page is neither used nor free")

    def _damaged(self, number: int, text: str) -> CorruptData:
        return CorruptData(self._path, number * self._page_size, text)


def _as_text(number: bytes) -> bytes:
    """A number of the machine's byte order as bytes that sort as it does."""
    return number[::-1] if sys.byteorder == "little" else number


class _Walk:
    """What was found on the way through one tree."""

    def __init__(self, name: str, tree: Tree) -> None:
        self.name = name
        self.tree = tree
        self.keep = name in (_FREE_NAME, _MAIN_NAME)
        self.records: dict[bytes, bytes] = {}
        self.depth = 0
        self.branches = 0
        self.leaves = 0
        self.overflows = 0
        self.entries = 0
        self.total = 0
        self.first = b""
