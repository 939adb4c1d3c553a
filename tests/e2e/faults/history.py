# SPDX-License-Identifier: Apache-2.0
"""What clients did, one operation a line, kept for checkers (`tricord.check.history` has the form); and the check that
revisions make simple.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tricord.base.operations import Event, EventKind
from tricord.check.history import Operation
from tricord.check.reading import line_of


class Recorder:
    """Collects operations and writes them to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.operations: list[Operation] = []
        self._file = path.open("wb")

    def add(
        self, client: int | str, op: str, key: str, given: Any, output: Any, call_ns: int, status: str, at: int = 0
    ) -> None:
        """An operation ended just now; ``at`` is the revision of its answer."""
        one = Operation(client, op, key, given, output, call_ns, time.monotonic_ns(), status, at)
        self.operations.append(one)
        self._file.write(line_of(one))

    def close(self) -> None:
        """Nothing more comes."""
        self._file.close()


class States:
    """What each key held at each revision, from all events there were, in their order."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._revisions: dict[str, list[int]] = {}
        self._values: dict[str, list[str | None]] = {}
        for event in events:
            key = event.kv.key.decode()
            self._revisions.setdefault(key, []).append(event.kv.mod_revision)
            self._values.setdefault(key, []).append(event.kv.value.decode() if event.kind == EventKind.PUT else None)

    def at(self, key: str, revision: int) -> str | None:
        """The value then; None where the key was absent."""
        place = bisect_right(self._revisions.get(key, []), revision)
        return self._values[key][place - 1] if place else None

    def changed_at(self, key: str, revision: int) -> bool:
        """Whether the revision changed the key."""
        revisions = self._revisions.get(key, [])
        place = bisect_right(revisions, revision)
        return place > 0 and revisions[place - 1] == revision


def check_registers(operations: list[Operation], states: States) -> int:
    """Linearizability, by the order that revisions give: each answer is right at its revision, and no operation has an
    older revision than one that had returned before it was called. The number of operations that were judged."""
    judged = [one for one in operations if one.status == "ok" and one.revision]
    for one in judged:
        _check_answer(one, states)
    returns = sorted(judged, key=_returned)
    newest, place = 0, 0
    for one in sorted(judged, key=lambda one: one.call_ns):
        while _returned(returns[place]) < one.call_ns:
            newest = max(newest, returns[place].revision)
            place += 1
        assert one.revision >= newest, f"older than what had returned before (revision {newest}): {one}"
    return len(judged)


def _returned(one: Operation) -> int:
    assert one.return_ns is not None
    return one.return_ns


def _check_answer(one: Operation, states: States) -> None:
    assert one.key is not None
    held = states.at(one.key, one.revision)
    if one.op == "get":
        assert held == one.output, f"a read of what was not there: {one}"
    elif one.op == "put":
        assert states.changed_at(one.key, one.revision), f"a write without its revision: {one}"
        assert held == one.input, f"an acknowledged write is lost: {one}"
    elif one.op == "delete":
        assert held is None, f"an acknowledged delete is lost: {one}"
    elif one.op == "append":
        before = states.at(one.key, one.revision - 1) or ""
        assert held == one.output == before + one.input, f"an append to another string: {one}"
    elif one.op == "cas":
        before_it = states.at(one.key, one.revision - 1 if one.output else one.revision)
        assert (before_it == one.input["expect"]) == one.output, f"a wrong comparison: {one}"
        if one.output:
            assert held == one.input["value"], f"an acknowledged write is lost: {one}"
