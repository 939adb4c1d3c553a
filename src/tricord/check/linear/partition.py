# SPDX-License-Identifier: Apache-2.0
"""Which operations have to be looked at together: those of one key, or of keys that transactions tie to each other.

A history is linearizable if and only if each object's part of it is (Herlihy and Wing 1990).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tricord.check.history import FAIL, UNKNOWN, BadHistory, Operation
from tricord.check.linear.move import Move, line
from tricord.check.linear.objects import LOCK, QUEUE, REGISTER
from tricord.check.linear.store import micro_operations, store_move

FAMILIES: Final = {op: family for family in (REGISTER, LOCK, QUEUE) for op in family}


@dataclass(slots=True)
class Partition:
    """Operations on one object."""

    name: str
    operations: list[Operation] = field(default_factory=list)
    """All of them, the failed too."""
    keys: list[str] = field(default_factory=list)
    """Of a store: its keys, sorted. Of anything else: nothing."""

    @property
    def is_register(self) -> bool:
        """One key with a value."""
        return not self.keys and self.operations[0].op in REGISTER

    @property
    def initial(self) -> Hashable:
        """The state before all operations."""
        if self.keys:
            return (None,) * len(self.keys)
        return () if self.operations[0].op in QUEUE else None

    def moves(self) -> list[Move]:
        """What took effect for sure or perhaps. An unknown pure one says nothing and is left out."""
        places = {key: place for place, key in enumerate(self.keys)}
        found = []
        for one in self.operations:
            if one.status == FAIL or (one.op == "get" and (one.status == UNKNOWN or one.return_ns is None)):
                continue
            found.append(store_move(one, places) if self.keys else FAMILIES[one.op][one.op](one))
        return found


def partitions(operations: Iterable[Operation]) -> list[Partition]:
    """In the order of their first operations. Raises BadHistory for an operation that is none of ours."""
    operations = list(operations)
    ties = Ties()
    for one in operations:
        if one.op == "txn":
            for micro in micro_operations(one):
                ties.tie(micro_operations(one)[0][1], micro[1])
        elif one.op not in FAMILIES:
            raise BadHistory(f"{line(one)}: linearizability knows no operation {one.op!r}")
        elif one.key is None:
            raise BadHistory(f"{line(one)}: {one.op} needs a key")
    found: dict[tuple[str, str], Partition] = {}
    for one in operations:
        if one.op == "txn":
            micros = micro_operations(one)
            if micros:
                tied = ties.of(micros[0][1])
                found.setdefault(("store", tied), Partition(tied)).operations.append(one)
            continue
        key = str(one.key)
        family = FAMILIES[one.op]
        kind = "lock" if family is LOCK else "queue" if family is QUEUE else "store" if key in ties else "register"
        name = ties.of(key) if kind == "store" else key
        found.setdefault((kind, name), Partition(name)).operations.append(one)
    for (kind, name), partition in found.items():
        if kind == "store":
            partition.keys = ties.beside(name)
            partition.name = ", ".join(partition.keys)
            _one_kind_of_append(partition)
    return list(found.values())


def _one_kind_of_append(partition: Partition) -> None:
    """A key holds strings or lists. Raises BadHistory where both kinds of operation are used on it."""
    lists = {m[1] for one in partition.operations if one.op == "txn" for m in micro_operations(one) if m[0] == "append"}
    for one in partition.operations:
        written = [m[1] for m in micro_operations(one) if m[0] == "w"] if one.op == "txn" else []
        if one.op in ("put", "cas", "append"):
            written.append(str(one.key))
        if lists.intersection(written):
            raise BadHistory(f"{line(one)}: it writes a scalar to a key that transactions append to")


class Ties:
    """Keys that belong together (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._parent

    def of(self, key: str) -> str:
        """The one that stands for all tied to it."""
        root = key
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[key] != root:
            self._parent[key], key = root, self._parent[key]
        return root

    def tie(self, one: str, other: str) -> None:
        """These two belong together."""
        for key in (one, other):
            self._parent.setdefault(key, key)
        self._parent[self.of(other)] = self.of(one)

    def beside(self, key: str) -> list[str]:
        """All tied to it, sorted."""
        root = self.of(key)
        return sorted(one for one in list(self._parent) if self.of(one) == root)
