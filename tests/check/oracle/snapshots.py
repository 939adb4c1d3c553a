# SPDX-License-Identifier: Apache-2.0
"""Snapshot isolation by its operational definition (Berenson et al. 1995, with any snapshot: Elnikety et al. 2005)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.check.oracle.meaning import State, apply, completions
from tricord.check.history import History, Operation


@dataclass(frozen=True)
class _Running:
    """A transaction between its start and its commit."""

    index: int
    versions: dict[str, int]
    """Of the keys it writes: how often each had been written at its start."""
    written: dict[str, Any]


def snapshot_isolation(history: History) -> bool:
    """Some order of starts and commits explains all answers.

    Each transaction answers from the state at its start, and commits only if nobody committed a write of one of its
    keys since.
    """
    return any(_goes_on(operations, [], {}, {}) for operations in completions(history))


def _goes_on(waiting: list[Operation], running: list[_Running], state: State, versions: dict[str, int]) -> bool:
    if not waiting and not running:
        return True
    for one in waiting:
        after = apply(state, one)
        if after is None:
            continue
        written = {key: after.get(key) for key in written_keys(one, state)}
        begun = _Running(one.index, {key: versions.get(key, 0) for key in written}, written)
        rest = [other for other in waiting if other is not one]
        if _goes_on(rest, [*running, begun] if written else running, state, versions):
            return True
    for one_running in running:
        if all(versions.get(key, 0) == version for key, version in one_running.versions.items()):
            left = [other for other in running if other is not one_running]
            newer = {key: version + 1 for key, version in one_running.versions.items()}
            if _goes_on(waiting, left, {**state, **one_running.written}, {**versions, **newer}):
                return True
    return False


def written_keys(operation: Operation, state: State) -> set[str]:
    """The keys that the operation writes, where it takes effect in this state."""
    if operation.op == "txn":
        return {key for kind, key, _ in operation.input if kind != "r"}
    key = operation.key
    assert key is not None
    if operation.op == "get":
        return set()
    if operation.op == "cas" and state.get(key) != operation.input["expect"]:
        return set()
    return {key}
