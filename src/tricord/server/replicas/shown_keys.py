# SPDX-License-Identifier: Apache-2.0
"""What keys of a causal or eventual keyspace hold, as readers see it; that of keys read lately is kept at hand."""

from __future__ import annotations

from dataclasses import dataclass

from tricord.base.environment import Clock
from tricord.base.errors import UnknownType
from tricord.base.operations import KeyValue
from tricord.base.typed import TypedKey, key_in_words
from tricord.base.values import Shown, plain
from tricord.crdt.cell import Cell, entries_of
from tricord.crdt.changed import Changed
from tricord.crdt.read_context import encode_read_context
from tricord.crdt.shown import show
from tricord.server.replicas.keyspace_replica import KeyspaceReplica

KEPT_KEYS = 4096
KEPT_VALUE_BYTES = 4096
"""Larger values are not kept: looking at them anew costs little beside sending them."""


@dataclass(slots=True)
class ShownKey:
    """One key. ``record`` is what etcd's clients see of it, None where it holds nothing; ``siblings``: how many values
    stand beside that one. ``until``: milliseconds since 1970 from which it has to be looked at anew; 0: never."""

    record: KeyValue | None
    siblings: int
    until: int
    typed: TypedKey | None = None


class ShownKeys:
    """Of one replica. What is kept counts only while watchers know of all that reads show (``told``)."""

    def __init__(self, clock: Clock, replica: KeyspaceReplica) -> None:
        self._clock = clock
        self._replica = replica
        self._kept: dict[bytes, ShownKey] = {}
        self.told = replica.sequence
        """All changes up to this sequence were told here."""

    def changed(self, changes: list[Changed]) -> None:
        """What these keys held is old."""
        kept = self._kept
        if kept:
            for change in changes:
                kept.pop(change.key, None)
        self.told = changes[-1].sequence

    def resynced(self) -> None:
        """All may be old."""
        self._kept.clear()
        self.told = self._replica.sequence

    def get(self, key: bytes) -> ShownKey:
        """What the key holds. Raises UnknownType. Cost: 0.5 us where it was read lately, else 6 us."""
        replica = self._replica
        if replica.sequence != self.told:
            return self.of(key, replica.cell(key))
        kept = self._kept
        found = kept.get(key)
        if found is not None and (not found.until or found.until > self.now()):
            return found
        found = self.of(key, replica.cell(key))
        if found.record is None or len(found.record.value) <= KEPT_VALUE_BYTES:
            if len(kept) >= KEPT_KEYS:
                del kept[next(iter(kept))]
            kept[key] = found
        return found

    def get_typed(self, key: bytes) -> TypedKey:
        """As ``get``, of the value itself."""
        found = self.get(key)
        if found.typed is None:
            found.typed = self.typed_of(key, self._replica.cell(key))
        return found.typed

    def of(self, key: bytes, cell: Cell, sequence: int = 0) -> ShownKey:
        """What a cell shows now; ``sequence``: with which it changed, 0: not known, so that of now stands for it."""
        if not cell:
            return ShownKey(None, 0, 0)
        now = self.now()
        shown = _show(key, cell, now)
        ends = [entry.expires for _, entry in entries_of(cell) if entry.expires > now]
        until = min(ends) if ends else 0
        if shown is None:
            return ShownKey(None, 0, until)
        revision = sequence or self._replica.sequence
        return ShownKey(KeyValue(key, plain(shown), revision, revision, 1), beside(shown), until)

    def typed_of(self, key: bytes, cell: Cell) -> TypedKey:
        """What a cell shows now, and the context of who reads that."""
        return TypedKey(key, _show(key, cell, self.now()), encode_read_context(cell)) if cell else TypedKey(key, None)

    def now(self) -> int:
        """Milliseconds since 1970."""
        return self._clock.wall_ns() // 1_000_000


def _show(key: bytes, cell: Cell, now: int) -> Shown | None:
    try:
        return show(cell, now)
    except UnknownType as error:
        raise UnknownType(f"{key_in_words(key)}: {error}") from None  # it may be one of many


def beside(shown: Shown) -> int:
    """How many concurrent values stand beside what is shown, in the fields of a map too."""
    count = max(0, len(shown.siblings) - 1) + len(shown.unknown)
    if shown.others:
        count += sum(1 + beside(other) for other in shown.others)
    if isinstance(shown.value, dict):
        count += sum(map(beside, shown.value.values()))
    return count
