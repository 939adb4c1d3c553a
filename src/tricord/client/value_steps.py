# SPDX-License-Identifier: Apache-2.0
"""What each call on typed values asks, and how its answer reads: for the async client and the blocking one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from tricord.base.levels import Stamp
from tricord.base.typed import Fetch, FetchResult, KeyChange, TypedKey, TypedRequest, TypedResult, Update, UpdateResult
from tricord.base.values import DataType, Shown
from tricord.client.keys import Data, to_bytes
from tricord.client.steps import Step
from tricord.client.value_results import (
    FetchReply,
    Found,
    PlainValue,
    RegisterValue,
    UpdateReply,
    part_of,
    plain_value,
)

R = TypeVar("R")


class ValueStep(Generic[R]):
    """One request, and how its answer reads."""

    __slots__ = ("operation", "read")

    def __init__(self, operation: TypedRequest, read: Callable[[TypedResult, Stamp], R]) -> None:
        self.operation = operation
        self.read = read


AnyStep: TypeAlias = Step[R] | ValueStep[R]


def update(changes: Sequence[KeyChange], acks: int) -> ValueStep[UpdateReply]:
    """Change keys."""

    def read(result: Any, stamp: Stamp) -> UpdateReply:
        assert type(result) is UpdateResult
        return UpdateReply(result.sequence, result.acks, stamp)

    return ValueStep(Update(list(changes), acks), read)


def fetch(key: Data, replicas: int) -> ValueStep[Found]:
    """Read a key."""
    name = to_bytes(key)

    def read(result: Any, _: Stamp) -> Found:
        assert type(result) is FetchResult
        return found(result.keys[0]) if result.keys else Found(name, None, b"")

    return ValueStep(Fetch(name, replicas=replicas), read)


def fetch_range(bounds: tuple[bytes, bytes], limit: int) -> ValueStep[FetchReply]:
    """Read a range of keys."""

    def read(result: Any, stamp: Stamp) -> FetchReply:
        assert type(result) is FetchResult
        return FetchReply([found(one) for one in result.keys], result.more, result.sequence, stamp)

    return ValueStep(Fetch(*bounds, limit=limit), read)


def register(key: Data, path: tuple[bytes, ...], replicas: int) -> ValueStep[RegisterValue | None]:
    """Read a register, there or in a field."""

    def read(shown: Shown | None, context: bytes) -> RegisterValue | None:
        if shown is None:
            return None
        assert isinstance(shown.value, bytes)
        return RegisterValue(shown.value, [one.value for one in shown.siblings] or [shown.value], context)

    return _part(key, path, DataType.REGISTER, replicas, read)


def last_writer(key: Data, path: tuple[bytes, ...], replicas: int) -> ValueStep[bytes | None]:
    """Read a last-writer register."""

    def read(shown: Shown | None, _: bytes) -> bytes | None:
        if shown is None:
            return None
        assert isinstance(shown.value, bytes)
        return shown.value

    return _part(key, path, DataType.LAST_WRITER, replicas, read)


def counter(key: Data, path: tuple[bytes, ...], replicas: int) -> ValueStep[int]:
    """Read a counter: 0 where there is none."""

    def read(shown: Shown | None, _: bytes) -> int:
        if shown is None:
            return 0
        assert isinstance(shown.value, int)
        return shown.value

    return _part(key, path, DataType.COUNTER, replicas, read)


def elements(key: Data, path: tuple[bytes, ...], replicas: int) -> ValueStep[frozenset[bytes]]:
    """Read a set: empty where there is none."""

    def read(shown: Shown | None, _: bytes) -> frozenset[bytes]:
        if shown is None:
            return frozenset()
        assert isinstance(shown.value, list)
        return frozenset(shown.value)

    return _part(key, path, DataType.SET, replicas, read)


def fields(key: Data, path: tuple[bytes, ...], replicas: int) -> ValueStep[dict[bytes, PlainValue]]:
    """Read a map: empty where there is none."""

    def read(shown: Shown | None, _: bytes) -> dict[bytes, PlainValue]:
        if shown is None:
            return {}
        assert isinstance(shown.value, dict)
        return {name: plain_value(field) for name, field in shown.value.items()}

    return _part(key, path, DataType.MAP, replicas, read)


def found(one: TypedKey) -> Found:
    """As clients have it."""
    return Found(one.key, one.value, one.context)


def _part(
    key: Data, path: tuple[bytes, ...], wanted: DataType, replicas: int, dress: Callable[[Shown | None, bytes], R]
) -> ValueStep[R]:
    step = fetch(key, replicas)

    def read(result: TypedResult, stamp: Stamp) -> R:
        whole = step.read(result, stamp)
        return dress(part_of(whole.shown, path, wanted), whole.context)

    return ValueStep(step.operation, read)
