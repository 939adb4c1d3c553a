# SPDX-License-Identifier: Apache-2.0
"""Answering a Range: bounds, revision, filters, order, limit.

As etcd does, and for its clients' sake with its corners: ``count`` ignores limit and filters; a limit without order
and filters stops the scan one key later (to know ``more``); an order or a filter needs the whole range first. A sort
target without an order sorts ascending, but only what the limit let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

from tricord.base.errors import InvalidSortOption, KeyNotProvided
from tricord.base.operations import KeyValue, Range, RangeResult, SortOrder, SortTarget
from tricord.base.ordered import Table, View
from tricord.mvcc.keys import FROM_KEY, KEYSPACE_BYTES
from tricord.mvcc.past import scan_at, version_at
from tricord.mvcc.records import decode_record

HEAD = Table.HEAD
_LIMIT_MAX = 1 << 30
"""A limit from here on is none: no answer has as many keys."""

SORT_KEYS: dict[int, Callable[[KeyValue], int | bytes]] = {
    SortTarget.KEY: lambda kv: kv.key,
    SortTarget.VERSION: lambda kv: kv.version,
    SortTarget.CREATE: lambda kv: kv.create_revision,
    SortTarget.MOD: lambda kv: kv.mod_revision,
    SortTarget.VALUE: lambda kv: kv.value,
}


BYTES_AT_MOST = 1 << 20
"""A read that is bounded in keys looks at no more bytes of records either: to answer a MiB takes about a
millisecond."""


class TooWide(Exception):
    """The read looks at more than it was allowed to: carry it out where it holds up nobody."""


class Bounds(Protocol):
    """What a read must know of its keyspace."""

    prefix: bytes
    stop: bytes | None
    revision: int

    def check_revision(self, revision: int) -> None:
        """Raise unless ``revision`` can be read."""

    def total(self, view: View) -> int | None:
        """How many keys ``view`` has, where that is known without counting."""


def read_range(view: View, space: Bounds, request: Range, at_most: int = 0) -> RangeResult:
    """Answer ``request``; ``view`` is the keyspace's HEAD as the reader should see it.

    Raises TooWide where more than ``at_most`` keys would be looked at, or ``BYTES_AT_MOST`` (0: no bound).
    """
    key = request.key
    if not key:
        raise KeyNotProvided
    revision = request.revision
    if revision > 0:
        space.check_revision(revision)
        if revision != space.revision:
            return _read(_Past(view, space.prefix, revision), space, request, at_most)
    if not request.range_end:
        record = view.get(HEAD, space.prefix + key)
        if record is None:
            return RangeResult([], False, 0)
        found = [decode_record(key, record)]
        is_plain = not (request.count_only or request.keys_only or _filters(request))
        return RangeResult(found, False, 1) if is_plain else _finish(found, 1, request)
    return _read(_Now(view, space), space, request, at_most)


class _Now:
    """HEAD as it is."""

    __slots__ = ("_space", "_view")

    def __init__(self, view: View, space: Bounds) -> None:
        self._view = view
        self._space = space

    def get(self, key: bytes) -> bytes | None:
        return self._view.get(HEAD, self._space.prefix + key)

    def scan(self, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        return self._view.scan(HEAD, start, end)

    def known_count(self, start: bytes, end: bytes | None) -> int | None:
        """The count where it costs nothing: that of all keys."""
        space = self._space
        if end == space.stop and start <= space.prefix + FROM_KEY:
            return space.total(self._view)
        return None

    def count(self, start: bytes, end: bytes | None) -> int:
        known = self.known_count(start, end)
        return self._view.count(HEAD, start, end) if known is None else known


class _Past:
    """HEAD as it was at a revision."""

    __slots__ = ("_prefix", "_revision", "_view")

    def __init__(self, view: View, prefix: bytes, revision: int) -> None:
        self._view = view
        self._prefix = prefix
        self._revision = revision

    def get(self, key: bytes) -> bytes | None:
        return version_at(self._view, self._prefix, key, self._revision)

    def scan(self, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        return scan_at(self._view, start, end, self._revision)

    def known_count(self, start: bytes, end: bytes | None) -> int | None:
        return None

    def count(self, start: bytes, end: bytes | None) -> int:
        return sum(1 for _ in self.scan(start, end))


def _read(heads: _Now | _Past, space: Bounds, request: Range, at_most: int) -> RangeResult:
    key = request.key
    range_end = request.range_end
    if not range_end:
        record = heads.get(key)
        return RangeResult([], False, 0) if record is None else _finish([decode_record(key, record)], 1, request)
    end = space.stop if range_end == FROM_KEY else space.prefix + range_end
    start = space.prefix + key
    if end is not None and end <= start:
        return RangeResult([], False, 0)
    limit = request.limit
    cut = 0 < limit < _LIMIT_MAX and _is_cut(request)
    if at_most:
        # Where the count is known, few keys may be looked at, however many there are.
        few = request.count_only or (cut and limit <= at_most)
        if not few or heads.known_count(start, end) is None:
            return _of_pairs(_at_hand(heads.scan(start, end), at_most), request)
    if request.count_only:
        return RangeResult([], False, heads.count(start, end))
    pairs = heads.scan(start, end)
    if cut:
        pairs = islice(pairs, limit + 1)
    if at_most:
        pairs = iter(_at_hand(pairs, at_most + 1))
    kvs = [decode_record(head[KEYSPACE_BYTES:], record) for head, record in pairs]
    count = heads.count(start, end) if cut and len(kvs) > limit else len(kvs)
    return _finish(kvs, count, request)


def _at_hand(pairs: Iterator[tuple[bytes, bytes]], at_most: int) -> list[tuple[bytes, bytes]]:
    """All of them. Raises TooWide as soon as they are too many, or too large."""
    found, room = [], BYTES_AT_MOST
    for pair in pairs:
        found.append(pair)
        room -= len(pair[1])
        if room < 0 or len(found) > at_most:
            raise TooWide
    return found


def _of_pairs(pairs: list[tuple[bytes, bytes]], request: Range) -> RangeResult:
    """The answer when the whole range is at hand."""
    limit = request.limit
    cut = 0 < limit < len(pairs) and _is_cut(request)
    wanted = pairs[: limit + 1] if cut else pairs
    kvs = [] if request.count_only else [decode_record(head[KEYSPACE_BYTES:], record) for head, record in wanted]
    return _finish(kvs, len(pairs), request)


def _is_cut(request: Range) -> bool:
    """Whether a limit cuts the scan itself, not what was filtered and sorted."""
    return request.sort_order == SortOrder.NONE and not _filters(request)


def _filters(request: Range) -> bool:
    return bool(
        request.min_mod_revision
        or request.max_mod_revision
        or request.min_create_revision
        or request.max_create_revision
    )


def _finish(kvs: list[KeyValue], count: int, request: Range) -> RangeResult:
    """Filter, sort, cut and strip what was found."""
    if request.count_only:
        return RangeResult([], False, count)
    if _filters(request):
        kvs = _filtered(kvs, request)
    if request.sort_order or request.sort_target:
        _sort(kvs, request.sort_order, request.sort_target)
    more = False
    if 0 < request.limit < len(kvs):
        more = True
        del kvs[request.limit :]
    if request.keys_only:
        kvs = [KeyValue(kv.key, b"", kv.create_revision, kv.mod_revision, kv.version, kv.lease) for kv in kvs]
    return RangeResult(kvs, more, count)


def _filtered(kvs: list[KeyValue], request: Range) -> list[KeyValue]:
    if request.max_mod_revision:
        kvs = [kv for kv in kvs if kv.mod_revision <= request.max_mod_revision]
    if request.min_mod_revision:
        kvs = [kv for kv in kvs if kv.mod_revision >= request.min_mod_revision]
    if request.max_create_revision:
        kvs = [kv for kv in kvs if kv.create_revision <= request.max_create_revision]
    if request.min_create_revision:
        kvs = [kv for kv in kvs if kv.create_revision >= request.min_create_revision]
    return kvs


def _sort(kvs: list[KeyValue], order: int, target: int) -> None:
    """Sort in place; equals keep the keys' order, in either direction."""
    by = SORT_KEYS.get(target)
    if by is None or order not in (SortOrder.NONE, SortOrder.ASCEND, SortOrder.DESCEND):
        raise InvalidSortOption
    if target != SortTarget.KEY or order == SortOrder.DESCEND:
        kvs.sort(key=by, reverse=order == SortOrder.DESCEND)
