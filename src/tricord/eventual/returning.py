# SPDX-License-Identifier: Apache-2.0
"""A replica that was retired comes back under a new number: empty, but for the writes that nobody else has.

It first has a whole round with each other replica. Then it knows which of its former writes reached somebody; the
others get new names and are made again, and what the former were to replace goes. What was removed meanwhile stays
removed: it brings nothing else along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tricord.base.dots import Dot
from tricord.base.message import message
from tricord.base.ordered import OrderedStore, Table
from tricord.base.reachable import reachable
from tricord.crdt.cell import Delta, dots_of
from tricord.crdt.renaming import renamed_delta
from tricord.eventual.agreement import Agreement
from tricord.eventual.state import State
from tricord.eventual.store import adopted_in, unsent_in
from tricord.eventual.writing import Writing


@message
class Former:
    """What a replica brings along: its former number, and its unsent writes (``ReplicaStore.unsent``), in order.
    ``unheard``: its last start, where that was one that others held for past (``superseded``): they know all of it, as
    they count, and have heard none of it. 0: it was not."""

    replica: int
    unsent: list[tuple[int, int, bytes, Delta]] = field(default_factory=list)
    unheard: int = 0


def formers_in(
    stores: Sequence[tuple[int, OrderedStore]], table: Table, unheard: Mapping[int, int] | None = None
) -> list[Former]:
    """What to bring along from the stores of former numbers, the oldest first: one that a later one took over already
    is left out. ``unheard``: see ``Former``, by number."""
    adopted = {replica for _, store in stores for replica in adopted_in(store, table)}
    return [
        Former(replica, list(unsent_in(store, table)), (unheard or {}).get(replica, 0))
        for replica, store in stores
        if replica not in adopted
    ]


@dataclass(slots=True)
class Returning:
    """Takes the former writes over when it is time, once. Several: it was retired before it had done so."""

    state: State
    agreement: Agreement
    writing: Writing
    formers: Sequence[Former]

    def tick(self) -> None:
        """Take them over if nothing is missing for it."""
        if not self.formers or not self.agreement.complete():
            return
        names: dict[Dot, Dot] = {}
        for former in self.formers:
            self._take_over(former, names)
        self.formers = ()
        self.state.returning = False
        self.state.output.adopted = True

    @property
    def unsent(self) -> int:
        """How many writes wait to be taken over."""
        return sum(len(former.unsent) for former in self.formers)

    def _take_over(self, former: Former, names: dict[Dot, Dot]) -> None:
        state = self.state
        if not state.store.has_adopted(former.replica):
            known = self._known_of(former)
            for incarnation, counter, key, delta in former.unsent:
                dot = Dot(former.replica, incarnation, counter)
                if dot in known:
                    self._finish(key, delta)
                else:
                    self._make(key, delta, dot, names)
            state.store.put_adopted(former.replica)

    def _known_of(self, former: Former) -> set[Dot]:
        """Of its writes those that others know, and what these had replaced: that others need not have heard of."""
        known: set[Dot] = set()
        for incarnation, counter, _, delta in reversed(former.unsent):
            dot = Dot(former.replica, incarnation, counter)
            is_heard = incarnation != former.unheard and dot in self.state.known
            if dot in known and not is_heard:
                reachable("a write that others know as replaced did not come back")
            if dot in known or is_heard:
                known |= delta.dots
        return known

    def _make(self, key: bytes, delta: Delta, dot: Dot, names: dict[Dot, Dot]) -> None:
        def write(_cell: object, new: Dot, _stamp: object) -> Delta:
            names[dot] = new
            return renamed_delta(delta, names)

        self.writing.make(key, write)

    def _finish(self, key: bytes, delta: Delta) -> None:
        """Others know of the write by what came after it, which need not have told them what it had replaced."""
        gone = frozenset(dots_of(self.state.store.cell(key)) & delta.dots) - delta_entries(delta)
        if gone:
            reachable("a write known to others had not yet replaced what it was to replace")
            self.writing.make(key, lambda _cell, new, _stamp: Delta({}, gone | {new}))


def delta_entries(delta: Delta) -> frozenset[Dot]:
    """The dots that the delta brings, not those that it takes away."""
    return frozenset(dots_of(delta.cell))
