# SPDX-License-Identifier: Apache-2.0
"""What calls answer. Every reply carries its stamp (who answered, in which term, at which revision)."""

from __future__ import annotations

from collections.abc import Iterator

from tricord.base.levels import Stamp
from tricord.base.message import message
from tricord.base.operations import (
    DeleteRangeResult,
    KeyValue,
    OperationResult,
    PutResult,
    RangeResult,
)


@message
class PutReply:
    """``previous`` is what the key held, if that was asked for and there was something."""

    revision: int
    previous: KeyValue | None
    stamp: Stamp


@message
class DeleteReply:
    """True when a key was deleted. ``previous`` holds what they were, in key order, if that was asked for."""

    revision: int
    deleted: int
    previous: list[KeyValue]
    stamp: Stamp

    def __bool__(self) -> bool:
        return self.deleted > 0


@message
class RangeReply:
    """The keys found, iterable. ``count`` is what the range holds whatever the limit; ``more``: the limit cut."""

    kvs: list[KeyValue]
    more: bool
    count: int
    revision: int
    stamp: Stamp

    def __iter__(self) -> Iterator[KeyValue]:
        return iter(self.kvs)

    def __len__(self) -> int:
        return len(self.kvs)


@message
class CompactReply:
    """The store's revision when the compaction was accepted."""

    revision: int
    stamp: Stamp


def put_reply(result: OperationResult, stamp: Stamp) -> PutReply:
    """Dress a put's result."""
    assert type(result) is PutResult
    return PutReply(stamp.revision, result.previous, stamp)


def delete_reply(result: OperationResult, stamp: Stamp) -> DeleteReply:
    """Dress a delete's result."""
    assert type(result) is DeleteRangeResult
    return DeleteReply(stamp.revision, result.deleted, result.previous, stamp)


def range_reply(result: OperationResult, stamp: Stamp) -> RangeReply:
    """Dress a range's result."""
    assert type(result) is RangeResult
    return RangeReply(result.kvs, result.more, result.count, stamp.revision, stamp)


def only_key(result: OperationResult, stamp: Stamp) -> KeyValue | None:
    """The one key of a get, or None."""
    assert type(result) is RangeResult
    return result.kvs[0] if result.kvs else None


def is_there(result: OperationResult, stamp: Stamp) -> bool:
    """Whether a count found any."""
    return key_count(result, stamp) > 0


def key_count(result: OperationResult, stamp: Stamp) -> int:
    """How many keys a count found."""
    assert type(result) is RangeResult
    return result.count


__all__ = [
    "CompactReply",
    "DeleteReply",
    "PutReply",
    "RangeReply",
    "delete_reply",
    "is_there",
    "key_count",
    "only_key",
    "put_reply",
    "range_reply",
]
