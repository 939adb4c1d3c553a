# SPDX-License-Identifier: Apache-2.0
"""What calls on typed values answer, as plain Python: bytes, int, frozenset, dict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from tricord.base.errors import TypeMismatch
from tricord.base.levels import Stamp
from tricord.base.message import message
from tricord.base.values import DataType, Shown

PlainValue: TypeAlias = "bytes | int | frozenset[bytes] | dict[bytes, PlainValue]"
"""Of a register, a counter, a set, a map."""


@message
class UpdateReply:
    """The change is durable at ``acks`` replicas; ``sequence`` is the delivery sequence of the one that answered."""

    sequence: int
    acks: int
    stamp: Stamp


@message
class Found:
    """What a key holds; false for nothing. ``context`` is for writes that are to replace exactly this: ``seen=``."""

    key: bytes
    shown: Shown | None
    context: bytes

    def __bool__(self) -> bool:
        return self.shown is not None

    @property
    def type(self) -> DataType | None:
        """The type of what is shown."""
        return None if self.shown is None else self.shown.type

    @property
    def value(self) -> PlainValue | None:
        """What is shown, as Python: of concurrent values the one that each replica picks."""
        return None if self.shown is None else plain_value(self.shown)

    @property
    def text(self) -> str:
        """A register's value as UTF-8 text. Raises TypeMismatch, UnicodeDecodeError."""
        if not isinstance(value := self.value, bytes):
            raise TypeMismatch(f"the key holds {_name(self.type)}, which is no text")
        return value.decode()

    @property
    def siblings(self) -> list[bytes]:
        """All concurrent values of a register, the one that is shown first."""
        return [] if self.shown is None else [one.value for one in self.shown.siblings]

    @property
    def conflict(self) -> bool:
        """Whether concurrent writes stand side by side, and wait for somebody to settle them."""
        return self.shown is not None and self.shown.conflict


@message
class FetchReply:
    """The keys found, iterable. ``more``: there are further ones behind the last."""

    keys: list[Found]
    more: bool
    sequence: int
    stamp: Stamp

    def __iter__(self) -> Iterator[Found]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)


@message
class RegisterValue:
    """A register's value; ``siblings`` has all concurrent ones, this first. Give it as ``seen=`` to replace them."""

    value: bytes
    siblings: list[bytes]
    context: bytes

    @property
    def text(self) -> str:
        """The value as UTF-8 text. Raises UnicodeDecodeError where it is not."""
        return self.value.decode()

    @property
    def conflict(self) -> bool:
        """Whether there are several."""
        return len(self.siblings) > 1


@message
class ValueBatch:
    """What keys hold after some deliveries: iterable. Keys of one write stand in one batch.

    ``resynced``: what was missed is not known one by one any more, so these are all keys that there are now; what is
    not among them is gone. ``resume`` begins a later watch behind this batch.
    """

    keys: list[Found]
    sequence: int
    resynced: bool
    resume: str

    def __iter__(self) -> Iterator[Found]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)


def plain_value(shown: Shown) -> PlainValue:
    """As Python."""
    value = shown.value
    if isinstance(value, list):
        return frozenset(value)
    if isinstance(value, dict):
        return {name: plain_value(field) for name, field in value.items()}
    return value


def part_of(shown: Shown | None, path: tuple[bytes, ...], wanted: DataType) -> Shown | None:
    """What stands at the end of the path, as that type; None: nothing does. Raises TypeMismatch for another type."""
    for name in path:
        shown = _of_type(shown, DataType.MAP)
        if shown is not None:
            assert isinstance(shown.value, dict)
            shown = shown.value.get(name)
    return _of_type(shown, wanted)


def _of_type(shown: Shown | None, wanted: DataType) -> Shown | None:
    """Of what was written as several types at the same time, that one."""
    if shown is None or shown.type == wanted:
        return shown
    for other in shown.others:
        if other.type == wanted:
            return other
    raise TypeMismatch(f"there is {_name(shown.type)}, not {_name(wanted)}")


def _name(kind: DataType | None) -> str:
    return "nothing" if kind is None else f"a {kind.name.lower().replace('_', '-')}"
