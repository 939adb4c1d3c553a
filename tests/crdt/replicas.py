# SPDX-License-Identifier: Apache-2.0
"""Replicas under test beside their histories: each write is made in both, and both are read alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from tests.crdt import history
from tests.crdt.history import COUNTER, LAST_WRITER, MAP, REGISTER, SET, History, Operation, Path
from tricord.base.dots import Dot, Origin, Seen
from tricord.base.errors import TypeMismatch
from tricord.base.hybrid_clock import HybridTime
from tricord.base.values import DataType, Shown
from tricord.crdt import add_wins_set, counter, last_writer, map, register, removal
from tricord.crdt.cell import Cell, Delta, Write
from tricord.crdt.keyspace_state import KeyspaceState
from tricord.crdt.shown import show

NAMES = {
    DataType.REGISTER: REGISTER,
    DataType.LAST_WRITER: LAST_WRITER,
    DataType.COUNTER: COUNTER,
    DataType.SET: SET,
    DataType.MAP: MAP,
}
KEYS = (b"k", b"l")
SOON = 50
"""Milliseconds since 1970: when values end that do."""
MAY_END = (REGISTER, LAST_WRITER, SET)
PLACES: tuple[Path, ...] = ((), ((MAP, b"f"),), ((MAP, b"g"),), ((MAP, b"f"), (MAP, b"h")))


@dataclass(frozen=True)
class Wish:
    """What a client asks of a replica: a type's write, or a removal of a key, a field or an element."""

    kind: str
    key: bytes
    path: Path
    value: Any
    stamp: int
    blind: bool = True
    expires: int = 0


@st.composite
def wishes(draw: st.DrawFn, kinds: tuple[str, ...] = (*history.ORDER[:4], "remove")) -> Wish:
    """Few keys, places, values and stamps, so that writes meet and stamps are equal."""
    kind = draw(st.sampled_from(kinds))
    value: Any = draw(st.sampled_from([1, 10, -2])) if kind == COUNTER else draw(st.sampled_from([b"a", b"b", b"c"]))
    return Wish(
        kind,
        draw(st.sampled_from((*KEYS, KEYS[0]))),
        draw(st.sampled_from(PLACES)),
        value,
        draw(st.integers(1, 3)),
        draw(st.booleans()),
        draw(st.sampled_from([0, 0, SOON])) if kind in MAY_END else 0,
    )


class Replica:
    """One replica, its history, and all it ever wrote, as deltas with their operations."""

    def __init__(self, number: int, incarnation: int = 5) -> None:
        self.origin = Origin(number, incarnation)
        self.state = KeyspaceState()
        self.history = History()
        self.written: list[tuple[bytes, Delta, Operation]] = []
        self.count = 0

    def fulfil(self, wish: Wish, seen: Seen | None = None) -> tuple[bytes, Delta, Operation] | None:
        """Write it here, in both worlds; None where the key holds another type."""
        dot = Dot(*self.origin, self.count + 1)
        write = Write(dot, HybridTime(wish.stamp), seen, wish.expires)
        try:
            delta = self._mutate(self.state.cell(wish.key), wish.path, write, wish)
        except TypeMismatch:
            return None
        self.count += 1
        operation = self._define(wish, dot, seen)
        made = (wish.key, delta, operation)
        self.written.append(made)
        self.take(made)
        return made

    def take(self, made: tuple[bytes, Delta, Operation]) -> None:
        """A delta arrives."""
        key, delta, operation = made
        self.state.apply([(key, delta)])
        self.history.knows([operation])

    def merge(self, other: Replica) -> None:
        """The other's whole state arrives."""
        self.state.merge(other.state)
        self.history.knows(other.history.operations.values())

    def _mutate(self, cell: Cell, path: Path, write: Write, wish: Wish) -> Delta:
        if not path:
            return MUTATORS[wish.kind](cell, write, wish.value)
        name = path[0][1]
        if len(path) == 1 and wish.kind == "remove":
            return map.remove_field(cell, write, name)
        return map.change(cell, write, name, lambda inner: self._mutate(inner, path[1:], write, wish))

    def _define(self, wish: Wish, dot: Dot, seen: Seen | None) -> Operation:
        path = wish.path if wish.kind not in (SET, "discard") else (*wish.path, (SET, wish.value))
        standing = self.history.standing(wish.key, path)
        gone = {operation.dot for operation in standing if seen is None or operation.dot in seen}
        kind = "" if wish.kind in ("remove", "discard") else wish.kind
        total = 0
        if kind == COUNTER:
            mine = [each for each in standing if each.dot.origin == self.origin and each.type == COUNTER]
            mine = [each for each in mine if each.path == path]
            total = wish.value + sum(each.total for each in mine)
            gone = {each.dot for each in mine}
        return Operation(dot, wish.key, path, kind, wish.value, wish.stamp, frozenset(gone), total, wish.expires)

    def check(self) -> None:
        """What is shown is what the history means."""
        for key in KEYS:
            for now in (0, SOON):
                assert plainly(show(self.state.cell(key), now)) == self.history.value(key, now)

    def copied(self) -> tuple[bytes, History]:
        """A backup of its disk."""
        return self.state.encode(), History(dict(self.history.operations))

    def restore(self, backup: tuple[bytes, History]) -> None:
        """It starts from the backup, so under a new incarnation. What it has sent since is still under way."""
        state, known = backup
        self.state = KeyspaceState.decode(state)
        self.history = History(dict(known.operations))
        self.origin = Origin(self.origin.replica, self.origin.incarnation + 1)
        self.count = 0


def plainly(shown: Shown | None) -> Any:
    """As ``history.value_of`` puts it."""
    if shown is None:
        return None
    value: Any = shown.value
    if isinstance(value, dict):
        value = {name: plainly(inner) for name, inner in value.items()}
    others = tuple(plainly(other)[:3] for other in shown.others)
    return NAMES[shown.type], value, [sibling.value for sibling in shown.siblings], others


MUTATORS: dict[str, Callable[[Cell, Write, Any], Delta]] = {
    REGISTER: register.put,
    LAST_WRITER: last_writer.put,
    COUNTER: counter.add,
    SET: add_wins_set.add,
    "discard": add_wins_set.remove,
    "remove": lambda cell, write, value: removal.remove(cell, write),
}


def without_maps(wish: Wish) -> Wish:
    """The wish, of the key itself."""
    return replace(wish, path=())
