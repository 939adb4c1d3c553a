# SPDX-License-Identifier: Apache-2.0
"""A replica that was retired comes back under a new number: empty, but for the writes that nobody else has.

It first has a whole round with each other replica. Then it knows which of its former writes reached somebody; the
others get new names and are made again. What was removed meanwhile stays removed: it brings nothing else along.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.base.dots import Dot
from tricord.base.message import message
from tricord.crdt.cell import Delta
from tricord.crdt.renaming import renamed_delta
from tricord.eventual.agreement import Agreement
from tricord.eventual.state import State
from tricord.eventual.writing import Writing


@message
class Former:
    """What a replica brings along: its former number, and its unsent writes (``ReplicaStore.unsent``), in order."""

    replica: int
    unsent: list[tuple[int, int, bytes, Delta]] = field(default_factory=list)


@dataclass(slots=True)
class Returning:
    """Takes the former writes over when it is time, once."""

    state: State
    agreement: Agreement
    writing: Writing
    former: Former | None

    def tick(self) -> None:
        """Take them over if nothing is missing for it."""
        state, former = self.state, self.former
        if former is None or not self.agreement.complete():
            return
        self.former = None
        if not state.store.has_adopted(former.replica):
            names: dict[Dot, Dot] = {}
            for incarnation, counter, key, delta in former.unsent:
                dot = Dot(former.replica, incarnation, counter)
                if dot not in state.known:
                    self._make(key, delta, dot, names)
            state.store.put_adopted(former.replica)
        state.output.adopted = True

    def _make(self, key: bytes, delta: Delta, dot: Dot, names: dict[Dot, Dot]) -> None:
        def write(_cell: object, new: Dot, _stamp: object) -> Delta:
            names[dot] = new
            return renamed_delta(delta, names)

        self.writing.make(key, write)
