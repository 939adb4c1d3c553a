# SPDX-License-Identifier: Apache-2.0
"""Runs operations again in a given order, and compares all answers: the proof of ``holds``.

It knows nothing of versions or graphs: a mistake there can make a verdict undecided, never wrongly ``holds``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tricord.check.history import OK, History, Operation
from tricord.check.transactions import frozen

Effects = dict[Any, tuple[bool, Any]]
"""By key: whether the value is appended to a list, and the value (or the items)."""


class Replay:
    """A store that takes one transaction after the other."""

    def __init__(self, history: History) -> None:
        self.operations = history.operations
        self.state: dict[Any, Any] = {}
        self.started: dict[int, Effects] = {}
        self.held: set[Any] = set()

    def serial(self, indexes: Iterable[int]) -> int | None:
        """Runs operations one by one. Gives the index of the first whose answer was another, None if there is none."""
        for index in indexes:
            if not (self.start(index) and self.commit(index)):
                return index
        return None

    def start(self, index: int) -> bool:
        """Reads at this moment. False: the answers were other ones, or another writes the same key now."""
        operation = self.operations[index]
        effects = self._transaction(operation) if operation.op == "txn" else self._single(operation)
        if effects is None or not self.held.isdisjoint(effects):
            return False
        self.held.update(effects)
        self.started[index] = effects
        return True

    def commit(self, index: int) -> bool:
        """Writes at this moment."""
        effects = self.started.pop(index)
        for key, (appended, value) in effects.items():
            if appended:
                self.state.setdefault(key, []).extend(value)
            else:
                self.state[key] = value
        self.held.difference_update(effects)
        return True

    def _single(self, operation: Operation) -> Effects | None:
        key, known = operation.key, operation.status == OK
        now = self.state.get(key)
        if operation.op == "get":
            return {} if not known or _alike(now, operation.output) else None
        if operation.op == "append":
            whole = (now or "") + operation.input
            return {key: (False, whole)} if not known or operation.output in (None, whole) else None
        if operation.op == "cas":
            happened = frozen(now) == frozen(operation.input["expect"])
            if known and happened != operation.output:
                return None
            return {key: (False, operation.input["value"])} if happened else {}
        return {key: (False, operation.input if operation.op == "put" else None)}

    def _transaction(self, operation: Operation) -> Effects | None:
        effects: Effects = {}
        known = operation.status == OK
        for place, (what, key, value) in enumerate(operation.input):
            if what == "w":
                effects[key] = (False, value)
            elif what == "append":
                effects.setdefault(key, (True, []))[1].append(value)
            elif known and not self._same(effects, key, operation.output[place][2]):
                return None
        return effects

    def _same(self, effects: Effects, key: Any, seen: Any) -> bool:
        appended, own = effects.get(key, (True, []))
        if not appended:
            return bool(frozen(own) == frozen(seen))
        now = self.state.get(key)
        if not own:
            return _alike(now, seen)
        now, seen = now or [], seen or []
        return len(now) + len(own) == len(seen) and frozen(seen) == frozen([*now, *own])


def _alike(now: Any, seen: Any) -> bool:
    """Whether a read of a key that holds ``now`` may say ``seen``: an empty list is null, an empty text is not."""
    return frozen(now) == frozen(seen) or (now in (None, []) and seen in (None, []))
