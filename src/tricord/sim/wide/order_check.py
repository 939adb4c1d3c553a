# SPDX-License-Identifier: Apache-2.0
"""Whether what clients saw fits the order in which the members applied it.

The members' own record gives every change its revision. An answer names the revision at which it was given, so each is
held against the state at that revision, and against real time: who called after another had its answer stands behind
it. This is a whole check of linearizability, in one pass, where the record is to be had.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from tricord.base.operations import EventKind
from tricord.check.history import OK, UNKNOWN, Operation
from tricord.sim.watch_account import RevisionHistory

WRITES = frozenset(("put", "delete", "append", "txn"))


class States:
    """What each key held, revision by revision."""

    def __init__(self, history: RevisionHistory) -> None:
        self._revisions: dict[str, list[int]] = {}
        self._values: dict[str, list[str | None]] = {}
        self.writer: dict[str, int] = {}
        """The revision that wrote a text, by the last of its words."""
        for revision, events in zip(history.revisions, history.events, strict=True):
            for event in events:
                text = event.kv.value.decode() if event.kind == EventKind.PUT else None
                key = event.kv.key.decode()
                self._revisions.setdefault(key, []).append(revision)
                self._values.setdefault(key, []).append(text)
                if text is not None:
                    self.writer[text.rpartition(" ")[2]] = revision

    def names(self) -> list[str]:
        """All that were ever written."""
        return list(self._values)

    def at(self, key: str, revision: int) -> str | None:
        """The key's value when the store was at this revision."""
        place = bisect_right(self._revisions.get(key, []), revision)
        return self._values[key][place - 1] if place else None


def violations(operations: list[Operation], history: RevisionHistory) -> list[tuple[str, str]]:
    """Which checker, and what it says of each operation that does not fit."""
    states = States(history)
    found: list[tuple[str, str]] = []
    for one in operations:
        if one.status == OK:
            wrong = _answer(one, states)
            if wrong:
                found.append(("linearizability" if one.op == "get" else "durability", f"{_words(one)}: {wrong}"))
        elif one.status != UNKNOWN and (text := _written(one)) in states.writer:
            found.append(("linearizability", f"{_words(one)}: failed, and yet revision {states.writer[text]} wrote it"))
    return found + _real_time(operations)


def _answer(one: Operation, states: States) -> str:
    key, revision = one.key or "", one.revision
    if one.op == "get":
        there = states.at(key, revision)
        return "" if one.output == there else f"at revision {revision} it was {there!r}"
    if one.op == "put":
        return _holds(states, key, revision, one.input)
    if one.op == "delete":
        return _holds(states, key, revision, None)
    if one.op == "append":
        whole = (states.at(key, revision - 1) or "") + one.input
        return _holds(states, key, revision, one.output) or ("" if whole == one.output else f"not {whole!r}")
    if one.op == "cas":
        before = states.at(key, revision - 1 if one.output else revision)
        if one.output != (before == one.input["expect"]):
            return f"it was {before!r} then"
        return _holds(states, key, revision, one.input["value"]) if one.output else ""
    return _transaction(one.output, revision, states)


def _transaction(steps: list[list[Any]], revision: int, states: States) -> str:
    for kind, key, text in steps:
        if kind == "r" and states.at(key, revision - 1) != text:
            return f"{key} was {states.at(key, revision - 1)!r} before it"
        if kind == "w" and (wrong := _holds(states, key, revision, text)):
            return wrong
    return ""


def _holds(states: States, key: str, revision: int, text: str | None) -> str:
    there = states.at(key, revision)
    return "" if there == text else f"{key} is {there!r} at revision {revision}"


def _written(one: Operation) -> str:
    if one.op == "cas":
        return str(one.input["value"])
    if one.op == "txn":
        return str(one.input[-1][2])
    return str(one.input).strip()


def _real_time(operations: list[Operation]) -> list[tuple[str, str]]:
    """Answers never go back behind one that was given before the call; a write comes strictly after it."""
    found = []
    done = sorted((one for one in operations if one.status == OK), key=lambda one: one.return_ns or 0)
    place, newest, by = 0, 0, None
    for one in sorted((one for one in operations if one.status == OK), key=lambda one: one.call_ns):
        while place < len(done) and (done[place].return_ns or 0) < one.call_ns:
            if done[place].revision > newest:
                newest, by = done[place].revision, done[place]
            place += 1
        strictly = one.op in ("put", "append", "txn") or (one.op == "cas" and one.output)
        if by is not None and (one.revision < newest or (strictly and one.revision == newest)):
            found.append(
                ("linearizability", f"{_words(one)}: at revision {one.revision}, after {_words(by)} had {newest}")
            )
    return found


def _words(one: Operation) -> str:
    return f"{one.client} {one.op} {one.key or ''} {one.input if one.input is not None else ''} -> {one.output!r}"
