# SPDX-License-Identifier: Apache-2.0
"""Ranges of causal and eventual keyspaces: one moment of the replica, so each answer is made within one turn of the
loop, and is bounded. Who wants more reads in pages, each a moment of its own."""

from __future__ import annotations

from collections.abc import Iterator

from tricord.base.errors import NotOfThisModel, ResponseTooLarge, UnknownType
from tricord.base.operations import DeleteRange, KeyValue, Range, RangeResult, SortOrder, SortTarget
from tricord.base.typed import Fetch, TypedKey
from tricord.crdt.cell import Cell
from tricord.mvcc.keys import FROM_KEY
from tricord.mvcc.ranges import SORT_KEYS
from tricord.server.replicas.keyspace_replica import KeyspaceReplica
from tricord.server.replicas.shown_keys import ShownKeys

KEYS_MAX = 10_000
"""Keys that one answer may look at: about 0.1 s of the loop."""
BYTES_MAX = 16 << 20
FETCH_BYTES = 1 << 20
"""A fetch without a limit ends with the key that reaches this."""


def bounds(key: bytes, range_end: bytes) -> tuple[bytes, bytes | None]:
    """First key and first key behind the range; None: there is none."""
    if not range_end:
        return key, key + b"\0"
    return key, None if range_end == FROM_KEY else range_end


def check_range(request: Range) -> None:
    """Raise NotOfThisModel for what only a keyspace with revisions answers."""
    if request.revision:
        raise NotOfThisModel("the keyspace keeps no past: read it without a revision, or use a strong keyspace")
    if (
        request.min_mod_revision
        or request.max_mod_revision
        or request.min_create_revision
        or request.max_create_revision
    ):
        raise NotOfThisModel("revisions of the keyspace are each replica's own: no range is filtered by them")


def read_range(replica: KeyspaceReplica, keys: ShownKeys, request: Range) -> tuple[RangeResult, int]:
    """The answer, and how many concurrent values stand beside those in it.

    With a limit and no order it looks at no more keys than it needs, so ``count`` is then a lower bound where ``more``
    is set. Raises ResponseTooLarge, UnknownType.
    """
    if not (request.range_end or request.keys_only or request.count_only):
        one = keys.get(request.key)
        if one.record is None:
            return RangeResult([], False, 0), 0
        return RangeResult([one.record], False, 1), one.siblings
    limit = request.limit if request.limit > 0 else 0
    in_key_order = request.sort_order in (SortOrder.NONE, SortOrder.ASCEND) and request.sort_target == SortTarget.KEY
    enough = limit + 1 if limit and in_key_order and not request.count_only else 0
    found: list[KeyValue] = []
    siblings = size = 0
    for record, beside in _shown(replica, keys, request):
        found.append(record)
        size += 0 if request.keys_only or request.count_only else len(record.value)
        if len(found) == enough:
            break
        siblings += beside
        if size > BYTES_MAX:
            raise ResponseTooLarge(f"the answer is larger than {BYTES_MAX >> 20} MiB: read in pages, with a limit")
    if request.count_only:
        return RangeResult([], False, len(found)), 0
    if not in_key_order:
        found.sort(key=SORT_KEYS[request.sort_target], reverse=request.sort_order == SortOrder.DESCEND)
    count, more = len(found), bool(limit) and len(found) > limit
    if more:
        del found[limit:]
    if request.keys_only:
        found = [KeyValue(kv.key, b"", kv.create_revision, kv.mod_revision, kv.version) for kv in found]
    return RangeResult(found, more, count), siblings


def _shown(replica: KeyspaceReplica, keys: ShownKeys, request: Range) -> Iterator[tuple[KeyValue, int]]:
    if not request.range_end:
        one = keys.get(request.key)
        if one.record is not None:
            yield one.record, one.siblings
        return
    for key, cell in looked_at(replica, request.key, request.range_end):
        one = keys.of(key, cell)
        if one.record is not None:
            yield one.record, one.siblings


def looked_at(replica: KeyspaceReplica, key: bytes, range_end: bytes) -> Iterator[tuple[bytes, Cell]]:
    """The cells of a range. Raises ResponseTooLarge instead of one too many."""
    start, end = bounds(key, range_end)
    if end is not None and end <= start:
        return
    for count, found in enumerate(replica.cells(start, end)):
        if count >= KEYS_MAX:
            raise ResponseTooLarge(f"the range has more than {KEYS_MAX} keys: name a limit, or narrower ranges")
        yield found


def removed(keys: ShownKeys, key: bytes, cell: Cell, request: DeleteRange) -> KeyValue | None:
    """What a deletion takes away under a key; None: nothing is there. What cannot be shown can be removed all the same,
    unless it is to be shown. Raises UnknownType."""
    try:
        return keys.of(key, cell).record
    except UnknownType:
        if request.previous:
            raise
        return KeyValue(key, b"", 0, 0, 1)


def fetch_range(replica: KeyspaceReplica, keys: ShownKeys, request: Fetch) -> tuple[list[TypedKey], bool]:
    """Typed keys that hold something, and whether there are more behind the last one. Raises UnknownType."""
    start, end = bounds(request.key, request.range_end)
    found: list[TypedKey] = []
    if end is not None and end <= start:
        return found, False
    size = 0
    for key, cell in replica.cells(start, end):
        if size >= FETCH_BYTES or len(found) >= KEYS_MAX or 0 < request.limit <= len(found):
            return found, True
        typed = keys.typed_of(key, cell)
        if typed.value is not None:
            found.append(typed)
            size += size_of(typed)
    return found, False


def size_of(typed: TypedKey) -> int:
    """About how many bytes a typed key has."""
    shown = typed.value
    size = len(typed.key) + len(typed.context) + 64
    if shown is None:
        return size
    value = shown.value
    if isinstance(value, bytes):
        return size + sum(len(sibling.value) + 32 for sibling in shown.siblings)
    if isinstance(value, list):
        return size + sum(len(element) + 8 for element in value)
    if isinstance(value, dict):
        return size + sum(size_of(TypedKey(name, inner)) for name, inner in value.items())
    return size
