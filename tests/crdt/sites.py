# SPDX-License-Identifier: Apache-2.0
"""Replicas for stories: they write where they are, and hear what they are told to hear."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.dots import Dot, Seen
from tricord.base.hybrid_clock import hybrid_time
from tricord.base.values import Shown, Value
from tricord.crdt import add_wins_set, counter, last_writer, register, removal
from tricord.crdt.cell import Cell, Delta, Write, dots_of
from tricord.crdt.keyspace_state import KeyspaceState
from tricord.crdt.shown import show

NOON = 1_700_000_000_000
"""Milliseconds since 1970."""

Made = tuple[bytes, Delta]
Mutate = Callable[[Cell, Write], Delta]


class Site:
    """One replica. All keys are ``k`` unless a test says otherwise."""

    def __init__(self, number: int, incarnation: int = 1) -> None:
        self.number, self.incarnation = number, incarnation
        self.state = KeyspaceState()
        self.count = 0

    def write(
        self, mutate: Mutate, key: bytes = b"k", at: int = NOON, seen: Seen | None = None, expires: int = 0
    ) -> Made:
        """Write here, at a time in milliseconds."""
        dot = Dot(self.number, self.incarnation, self.count + 1)
        delta = mutate(self.state.cell(key), Write(dot, hybrid_time(at), seen, expires))
        self.count += 1
        self.state.apply([(key, delta)])
        return key, delta

    def hears(self, *made: Made) -> None:
        """Deltas arrive."""
        self.state.apply(made)

    def cell(self, key: bytes = b"k") -> Cell:
        return self.state.cell(key)

    def reads(self, key: bytes = b"k") -> frozenset[Dot]:
        """The context of a read."""
        return dots_of(self.cell(key))

    def shown(self, key: bytes = b"k", now: int = NOON) -> Shown:
        """What is shown; something is."""
        found = show(self.cell(key), now)
        assert found is not None
        return found

    def value(self, key: bytes = b"k", now: int = NOON) -> Value | None:
        found = show(self.cell(key), now)
        return None if found is None else found.value

    def siblings(self, now: int = NOON) -> list[bytes]:
        return [sibling.value for sibling in self.shown(now=now).siblings]


def put(value: bytes) -> Mutate:
    return lambda cell, write: register.put(cell, write, value)


def last(value: bytes) -> Mutate:
    return lambda cell, write: last_writer.put(cell, write, value)


def add(amount: int) -> Mutate:
    return lambda cell, write: counter.add(cell, write, amount)


def include(element: bytes) -> Mutate:
    return lambda cell, write: add_wins_set.add(cell, write, element)


def exclude(element: bytes) -> Mutate:
    return lambda cell, write: add_wins_set.remove(cell, write, element)


def remove(cell: Cell, write: Write) -> Delta:
    return removal.remove(cell, write)


def meet(*sites: Site) -> None:
    """Each hears all that the others have."""
    for site in sites:
        for other in sites:
            site.state.merge(other.state)
    for site in sites:
        site.state.merge(sites[-1].state)
    assert len({site.state.encode() for site in sites}) == 1
