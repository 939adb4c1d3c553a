# SPDX-License-Identifier: Apache-2.0
"""A copy of the whole state for the world outside, in a door's own file format.

The engine gives the state as records, a *form* makes the bytes of a file of them, and the engine keeps the file until
it was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias

from tricord.base.alarms import AlarmKind
from tricord.base.members import MemberRecord
from tricord.base.message import message
from tricord.base.operations import KeyValue


@message
class KeptChange:
    """A change of a key that can still be read. ``sub`` tells changes of one revision apart, in their order.

    Of a deletion ``record`` has the key alone.
    """

    revision: int
    sub: int
    deleted: bool
    record: KeyValue


@message
class KeptLease:
    """Seconds; ``remaining`` is what the newest checkpoint left to it, 0: the full time to live."""

    id: int
    ttl: int
    remaining: int


class StateExport(Protocol):
    """The state of the default keyspace at one index of the log. Each method is called once, on one thread."""

    @property
    def index(self) -> int:
        """The entry applied last."""

    @property
    def term(self) -> int:
        """Its term."""

    @property
    def compacted(self) -> int:
        """Below this revision nothing can be read; -1: all can."""

    @property
    def members(self) -> list[MemberRecord]:
        """The members of the cluster."""

    @property
    def alarms(self) -> list[tuple[int, AlarmKind]]:
        """(member, kind) of those that are raised."""

    def leases(self) -> Iterator[KeptLease]:
        """All leases; in no order that a format could rely on."""

    def changes(self) -> Iterator[KeptChange]:
        """What readers and watchers of kept revisions see, by (revision, sub)."""


ExportForm: TypeAlias = Callable[[StateExport], Iterator[tuple[int, bytes]]]
"""Gives (offset, bytes) of a file, in pieces of some 100 KiB: it is left and taken up again between them."""


class Export(Protocol):
    """A whole file, to be read and then closed."""

    @property
    def size(self) -> int:
        """In bytes."""

    async def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes. Raises OSError."""

    def close(self) -> None:
        """It is not read any more: its space is given back."""
