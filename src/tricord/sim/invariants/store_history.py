# SPDX-License-Identifier: Apache-2.0
"""All that the store ever held, by revision, as the first member to apply it had it; and what clients may see of it.

Revisions give the order of all writes, and each answer says at which revision it was given. So whether a history is
linearizable is checked as it happens: an answer must hold what the store held at its revision, and be of no older
revision than any answer that was given before it was asked for.
"""

from __future__ import annotations

from bisect import bisect_right

from tricord.base.operations import Event, EventKind
from tricord.sim.invariants.broken import Broken
from tricord.statemachine.machine import Applied

CHECKER = "linearizability"

_DELETE = EventKind.DELETE


class StoreHistory:
    """Events by revision, and each key's values."""

    __slots__ = ("_keys", "_once", "events", "first_revision", "floor")

    def __init__(self) -> None:
        self.events: list[list[Event]] = []
        """Of the revisions from ``first_revision`` on."""
        self.first_revision = 2
        self._keys: dict[bytes, tuple[list[int], list[bytes | None]]] = {}
        self._once: dict[bytes, int] = {}
        self.floor = 0
        """The newest revision that anybody was told of: whoever asks from now on sees it."""

    @property
    def revision(self) -> int:
        """The newest."""
        return self.first_revision + len(self.events) - 1

    def applied(self, applied: list[Applied]) -> None:
        """A member applied these. Raises Broken where a value that is written once comes a second time."""
        for one in applied:
            if one.events and one.revision == self.revision + 1:
                self.events.append(one.events)
                for event in one.events:
                    self._note(event, one.revision)

    def value_at(self, key: bytes, revision: int) -> bytes | None:
        """What the key held at a revision."""
        known = self._keys.get(key)
        if known is None:
            return None
        place = bisect_right(known[0], revision)
        return known[1][place - 1] if place else None

    def next_change(self, key: bytes, revision: int) -> int:
        """The first revision after this one that changed the key; 0: none did."""
        known = self._keys.get(key)
        if known is None:
            return 0
        place = bisect_right(known[0], revision)
        return known[0][place] if place < len(known[0]) else 0

    def written_at(self, value: bytes) -> int:
        """The revision at which this value, which nobody else writes, was written; 0: never."""
        return self._once.get(value, 0)

    def answered(self, revision: int, floor: int, words: str) -> None:
        """An answer of this revision, to what was asked when ``floor`` was the newest known. Raises Broken."""
        if revision < floor:
            raise Broken(CHECKER, f"{words} was answered at revision {revision}, and {floor} was known when it began")
        if revision > self.revision:
            raise Broken(CHECKER, f"{words} was answered at revision {revision}, which nobody has applied")
        self.floor = max(self.floor, revision)

    def read(self, key: bytes, value: bytes | None, revision: int, words: str) -> None:
        """A read at a revision gave this. Raises Broken."""
        expected = self.value_at(key, revision)
        if value != expected:
            raise Broken(CHECKER, f"{words} gave {value!r} at revision {revision}, where the store held {expected!r}")

    def wrote(self, key: bytes, value: bytes | None, revision: int, floor: int, words: str) -> None:
        """A client was told that it wrote this (None: deleted it) at this revision. Raises Broken."""
        if value is not None and revision <= floor:
            raise Broken(CHECKER, f"{words} took effect at revision {revision}, and {floor} was known when it began")
        if self.value_at(key, revision) != value:
            raise Broken("durability", f"{words} was acknowledged, and is not there at revision {revision}")

    def _note(self, event: Event, revision: int) -> None:
        revisions, values = self._keys.setdefault(event.key, ([], []))
        value = None if event.kind == _DELETE else event.kv.value
        revisions.append(revision)
        values.append(value)
        if value is not None and self._once.setdefault(value, revision) != revision:
            raise Broken(CHECKER, f"{value!r} was written once, and took effect twice: {self._once[value]}, {revision}")
