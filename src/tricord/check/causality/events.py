# SPDX-License-Identifier: Apache-2.0
"""A history as single reads and writes of keys, for the models that ask who read from whom.

``put`` and ``delete`` write (a delete writes null, which is also what every key holds at the start); ``get`` reads.
``cas`` that answered true reads what it expects, then writes; answered false it reads anything else. ``append`` reads
its output without its input, then writes its output; where its output is not known it writes something that ends in
its input. ``txn`` does its micro-operations one after the other (lists are appended to element by element).

A client's operations follow one another in the order of their calls. One that is ``unknown`` follows what its client
had done before, but nothing that the client does later follows it: it may take effect later still, or never. So it
stands beside its client's row, as a *branch*. What is ``fail`` is left out: it had no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tricord.check.history import FAIL, OK, BadHistory, Operation

Value: TypeAlias = Hashable


class _Word:
    """A mark that equals no value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


ABSENT: Final = _Word("ABSENT")
"""Of an event that does not write, or does not read."""
SOMETHING: Final = _Word("SOMETHING")
"""What an append wrote whose output is not known, and what it read."""
EMPTY: Final = _Word("EMPTY")
"""Read by an append: no key, or an empty string."""


@dataclass(frozen=True, slots=True)
class Other:
    """Read by a cas that answered false: anything but this."""

    value: Value


def value_of(raw: Any) -> Value:
    """A JSON value as one that can be compared and looked up; an empty list is as good as no key."""
    if raw is None or isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return ("bool", raw)
    if isinstance(raw, list | tuple):
        return tuple(value_of(one) for one in raw) or None
    if isinstance(raw, dict):
        return ("map", tuple(sorted((name, value_of(one)) for name, one in raw.items())))
    return raw if isinstance(raw, Hashable) else repr(raw)


class Events:
    """Reads and writes in an order where each comes after the one that its client did before.

    The lists run in parallel, an entry for each event.
    """

    def __init__(self) -> None:
        self.operation: list[int] = []
        """The index of the operation that it belongs to."""
        self.key: list[int] = []
        self.session: list[int] = []
        self.previous: list[int] = []
        """The event of the same client, or of the same branch, just before; the first of a branch follows its client's
        last. -1: none."""
        self.branch: list[int] = []
        """-1, or the number of the unknown operation that it is part of, from 0."""
        self.wanted: list[Any] = []
        """What it read: a value, ``Other``, ``EMPTY``, ``SOMETHING``, or ``ABSENT`` where it writes."""
        self.written: list[Any] = []
        """What it wrote: a value, ``SOMETHING``, or ``ABSENT`` where it reads."""
        self.appended: dict[int, Value] = {}
        """By the write of an append whose result is not known: what it added at the end."""
        self.at_once: set[int] = set()
        """Reads of operations that write at the same moment, as the next event."""
        self.impossible: list[int] = []
        """Reads of appends whose output does not end in their input."""
        self.sessions: dict[int | str, int] = {}
        self.keys: dict[str | None, int] = {}
        self.branches = 0
        self._last: list[int] = []
        self._now = (0, 0, -1)  # operation, session, branch
        self._before = -1

    def begin(self, one: Operation) -> None:
        session = self.sessions.get(one.client)
        if session is None:
            session = self.sessions[one.client] = len(self.sessions)
            self._last.append(-1)
        branch = -1
        if one.status != OK:
            branch = self.branches
            self.branches += 1
        self._now = (one.index, session, branch)
        self._before = self._last[session]

    def end(self) -> None:
        _, session, branch = self._now
        if branch < 0:
            self._last[session] = self._before

    def add(self, key: str | None, wanted: Any, written: Any) -> int:
        operation, session, branch = self._now
        event = len(self.operation)
        number = self.keys.get(key)
        if number is None:
            number = self.keys[key] = len(self.keys)
        self.operation.append(operation)
        self.key.append(number)
        self.session.append(session)
        self.previous.append(self._before)
        self.branch.append(branch)
        self.wanted.append(wanted)
        self.written.append(written)
        self._before = event
        return event

    def append(self, key: str | None, added: Value, after: Value, known: bool) -> None:
        """``after``: the whole value after it, where that is ``known``."""
        if not known:
            self.at_once.add(self.add(key, SOMETHING, ABSENT))
            self.appended[self.add(key, ABSENT, SOMETHING)] = added
            return
        before = without(after, added)
        read = self.add(key, before, ABSENT)
        if before is ABSENT:
            self.impossible.append(read)
        self.at_once.add(read)
        self.add(key, ABSENT, after)


def without(after: Value, added: Value) -> Any:
    """What was there before ``added`` came to its end; ``ABSENT`` if it is not at its end."""
    if isinstance(after, str) and isinstance(added, str) and after.endswith(added):
        return after[: len(after) - len(added)] or EMPTY
    if isinstance(after, tuple) and after and after[-1] == added:
        return after[:-1] or None
    return ABSENT


def _bad(one: Operation, what: str) -> BadHistory:
    return BadHistory(f"line {one.index + 1}: {what}")


def _put(events: Events, one: Operation) -> None:
    events.add(one.key, ABSENT, value_of(one.input))


def _get(events: Events, one: Operation) -> None:
    if one.status == OK:
        events.add(one.key, value_of(one.output), ABSENT)


def _delete(events: Events, one: Operation) -> None:
    events.add(one.key, ABSENT, None)


def _cas(events: Events, one: Operation) -> None:
    if not isinstance(one.input, dict) or not {"expect", "value"} <= one.input.keys():
        raise _bad(one, 'the input of cas is {"expect": ..., "value": ...}')
    expect = value_of(one.input["expect"])
    if one.status == OK and one.output is False:
        events.add(one.key, Other(expect), ABSENT)
        return
    if one.status == OK and one.output is not True:
        raise _bad(one, "cas answers true or false")
    events.at_once.add(events.add(one.key, expect, ABSENT))
    events.add(one.key, ABSENT, value_of(one.input["value"]))


def _append(events: Events, one: Operation) -> None:
    known = one.status == OK and one.output is not None
    events.append(one.key, value_of(one.input), value_of(one.output), known)


def _txn(events: Events, one: Operation) -> None:
    moves = one.output if one.status == OK else one.input
    if not isinstance(moves, list) or not all(isinstance(move, list | tuple) and len(move) == 3 for move in moves):
        raise _bad(one, 'a txn is a list of ["r" | "w" | "append", key, value], its output too where it is ok')
    for name, key, raw in moves:
        if name == "w":
            events.add(key, ABSENT, value_of(raw))
        elif name == "append":
            events.append(key, value_of(raw), None, False)
        elif name != "r":
            raise _bad(one, f"a txn reads (r), writes (w) and appends: not {name!r}")
        elif one.status == OK:
            events.add(key, value_of(raw), ABSENT)


_KINDS: Final[dict[str, Callable[[Events, Operation], None]]] = {
    "put": _put,
    "get": _get,
    "delete": _delete,
    "cas": _cas,
    "append": _append,
    "txn": _txn,
}


def take(events: Events, one: Operation) -> None:
    """Raises BadHistory for an operation that is no read or write of keys."""
    kind = _KINDS.get(one.op)
    if kind is None:
        raise _bad(one, f"this model judges {', '.join(_KINDS)}: not {one.op!r}")
    if one.status != FAIL:
        events.begin(one)
        kind(events, one)
        events.end()
