# SPDX-License-Identifier: Apache-2.0
"""KV.RangeStream (etcd 3.7): a range's answer in parts of bounded size, all at one revision.

The first part is read as the caller asked; its revision is then pinned, so that later writes are not seen, and the
other parts are this member's own state. Only the last part has the header, ``more`` and ``count``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from tricord.base.context import Context
from tricord.base.errors import NotOfThisModel, Unimplemented
from tricord.base.keyspaces import Model
from tricord.base.levels import Level, Stamp
from tricord.base.operations import KeyValue, Range, RangeResult, SortOrder, SortTarget
from tricord.server.engine import Engine
from tricord.wire.etcd.responses import encode_range_end, encode_range_part

PART_KEYS_FIRST = 10
PART_KEYS_MAX = 10_000
PART_SIZE = 1_572_864
"""Bytes that a part aims at: the largest request, so that one value always fits."""

_SORT_ORDERS = frozenset(map(int, SortOrder))
_SORT_TARGETS = frozenset(map(int, SortTarget))


def refuse(request: Range) -> None:
    """Raise Unimplemented for what cannot be answered in key order, part by part."""
    in_key_order = request.sort_order == SortOrder.NONE or (
        request.sort_order == SortOrder.ASCEND and request.sort_target == SortTarget.KEY
    )
    if not in_key_order:
        raise Unimplemented("RangeStream does not support custom sort orders")
    if (
        request.min_mod_revision
        or request.max_mod_revision
        or request.min_create_revision
        or request.max_create_revision
    ):
        raise Unimplemented("RangeStream does not support revision filters")


def next_part_keys(keys: int, size: int) -> int:
    """How many keys to ask for after a part of ``keys`` keys had ``size`` bytes: doubled, halved or kept."""
    if size < PART_SIZE // 2:
        return min(keys * 2, PART_KEYS_MAX)
    if size > PART_SIZE * 2:
        return max(keys // 2, 1)
    return keys


def _after(record: KeyValue) -> bytes:
    return record.key + b"\0"


async def range_stream(engine: Engine, request: Range, context: Context) -> AsyncIterator[bytes]:
    """RangeStreamResponse messages, one at a time. Raises TricordError."""
    record = engine.keyspace(context.keyspace)
    if record is not None and record.model is not Model.STRONG:
        raise NotOfThisModel(
            f"keyspace {record.name!r} is {record.model.value} and keeps no revision at which the parts of a stream"
            " could be read: read it in pages, with Range and a limit"
        )
    if request.key and request.sort_order in _SORT_ORDERS and request.sort_target in _SORT_TARGETS:
        refuse(request)  # else the engine says what is wrong with it
    if request.count_only:
        result, stamp = await _ask(engine, request, context)
        yield encode_range_end(RangeResult([], False, result.count), stamp)
        return
    left = request.limit if request.limit > 0 else None
    keys = PART_KEYS_FIRST
    part = request
    pinned: Stamp | None = None
    total = 0
    while True:
        part = replace(part, limit=keys if left is None else min(keys, left))
        result, stamp = await _ask(engine, part, context)
        if pinned is None:
            pinned, total = stamp, result.count
            part = replace(part, revision=request.revision or stamp.revision)
            context.level = Level.ANY
        if left is not None:
            left -= len(result.kvs)
        if not result.more or left == 0 or not result.kvs:
            yield encode_range_end(RangeResult(result.kvs, result.more, total), pinned)
            return
        encoded = encode_range_part(result.kvs)
        yield encoded
        part = replace(part, key=_after(result.kvs[-1]))
        keys = next_part_keys(keys, len(encoded))


async def _ask(engine: Engine, request: Range, context: Context) -> tuple[RangeResult, Stamp]:
    result, stamp = await engine.ask(request, context)
    assert isinstance(result, RangeResult)
    return result, stamp
