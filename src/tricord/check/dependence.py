# SPDX-License-Identifier: Apache-2.0
"""Which operations lose their meaning when another is left out of a history.

A history from which an operation is taken together with all that lose their meaning holds if the whole one did: a read
never becomes one of a value that nobody wrote. So a violation of what is left is one of the whole. Reads alone can be
left out always; a write goes with all reads of its value, and where what a write led to cannot be told by values
(appended texts, comparisons that failed, locks) all operations on its key go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tricord.check.history import OK, UNKNOWN, History, Operation

Value = tuple[Any, Any]
"""A key and what it held."""


class Dependence:
    """Of one history: ``with_all(indexes)`` are these operations and those that have no meaning without them."""

    def __init__(self, history: History) -> None:
        self._writes: dict[int, list[Value]] = {}
        self._readers: defaultdict[Value, list[int]] = defaultdict(list)
        self._of_key: defaultdict[Any, list[int]] = defaultdict(list)
        self._whole: set[Any] = set()
        """Keys of which a write goes with everything."""
        self._compared: defaultdict[Any, list[int]] = defaultdict(list)
        """Comparisons that failed: they read something, nobody says what."""
        self._comparisons: set[int] = set()
        self._eaters: set[int] = set()
        """Operations that change something which has no name."""
        self._keys = [list(self._note(one)) for one in history.operations]
        for index, keys in enumerate(self._keys):
            for key in keys:
                self._of_key[key].append(index)

    def with_all(self, indexes: Iterable[int]) -> set[int]:
        """The closure."""
        found: set[int] = set()
        waiting = list(indexes)
        values: set[Value] = set()
        keys: set[Any] = set()
        while waiting:
            index = waiting.pop()
            if index in found:
                continue
            found.add(index)
            for value in self._writes.get(index, ()):
                if value not in values:
                    values.add(value)
                    waiting += self._readers[value]
                    waiting += self._compared[value[0]]
            for key in self._keys[index]:
                changes = index in self._writes or index in self._eaters
                if changes and key in self._whole and key not in keys:
                    keys.add(key)
                    waiting += self._of_key[key]
        return found

    def what_it_stands_on(self, indexes: Iterable[int]) -> set[int]:
        """These operations, those without which some of them had no meaning, and so on."""
        backwards: defaultdict[int, set[int]] = defaultdict(set)
        writers: defaultdict[Value, list[int]] = defaultdict(list)
        for index, values in self._writes.items():
            for value in values:
                writers[value].append(index)
        for value, readers in self._readers.items():
            for reader in readers:
                backwards[reader].update(writers[value])
        found: set[int] = set()
        waiting = list(indexes)
        while waiting:
            index = waiting.pop()
            if index in found:
                continue
            found.add(index)
            waiting += backwards[index]
            for key in self._keys[index]:
                if key in self._whole or index in self._comparisons:
                    waiting += [each for each in self._of_key[key] if each in self._writes or each in self._eaters]
        return found

    def keys_of(self, index: int) -> list[Any]:
        """What the operation is about."""
        return self._keys[index]

    def _note(self, one: Operation) -> set[Any]:
        """Take down what the operation reads and writes; the keys that it is about."""
        key, index = one.key, one.index
        if one.op == "txn":
            return self._note_txn(one)
        if one.op == "get":
            if one.status == OK:
                self._read(index, key, one.output)
        elif one.op in ("put", "delete"):
            self._write(index, key, one.input if one.op == "put" else None)
        elif one.op == "cas" and one.status == OK and one.output is False:
            self._compared[key].append(index)
            self._comparisons.add(index)
        elif one.op == "cas":
            self._readers[key, one.input["expect"]].append(index)
            self._write(index, key, one.input["value"])
        elif one.op == "enqueue":
            self._write(index, key, _named(one.input))
            self._readers[key, ("taken", _named(one.input))].append(index)
        elif one.op == "dequeue" and one.status != UNKNOWN:
            self._note_dequeue(one)
        else:
            self._whole.add(key)
            self._eaters.add(index)
        return {key}

    def _note_dequeue(self, one: Operation) -> None:
        if one.status == OK and one.output is not None:
            value = _named(one.output)
            self._readers[one.key, value].append(one.index)
            self._write(one.index, one.key, ("taken", value))
            self._readers[one.key, ("taken", value)].append(one.index)

    def _note_txn(self, one: Operation) -> set[Any]:
        answered = one.output if one.status == OK else one.input
        for kind, key, value in answered:
            if kind != "r":
                self._write(one.index, key, _named(value))
            elif one.status == OK:
                self._read(one.index, key, value)
        return {step[1] for step in answered}

    def _read(self, index: int, key: Any, value: Any) -> None:
        for each in value if isinstance(value, list) else (value,):
            self._readers[key, _named(each)].append(index)

    def _write(self, index: int, key: Any, value: Any) -> None:
        self._writes.setdefault(index, []).append((key, value))


def _named(value: Any) -> Any:
    """Something hashable that is the same for equal values."""
    return value if value is None or isinstance(value, str) else repr(value)
