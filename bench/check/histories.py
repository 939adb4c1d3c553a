# SPDX-License-Identifier: Apache-2.0
"""Histories to measure checkers with: what a store that makes no mistakes could have answered, and six mistakes.

Clients call one operation after the other; each takes effect at a random moment between its call and its return, and
the answers are those of a store that runs them in the order of these moments. So a history is linearizable until a bug
is planted. A planted bug changes a few answers in the middle so that no order explains them (where writes are unique;
where values repeat, another write may excuse it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy

from tricord.check.history import FAIL, OK, UNKNOWN, Operation

PUT, GET, CAS, APPEND, DELETE = range(5)
NAMES: Final = ("put", "get", "cas", "append", "delete")
MIXES: Final = {
    "register": (0.5, 0.5, 0.0, 0.0, 0.0),
    "deletes": (0.4, 0.5, 0.0, 0.0, 0.1),
    "cas": (0.2, 0.4, 0.4, 0.0, 0.0),
    "append": (0.0, 0.5, 0.0, 0.5, 0.0),
}
"""How often each kind of operation is drawn."""
FEW_VALUES: Final = 10
"""Where values repeat."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What to make. Equal shapes give equal histories."""

    operations: int
    clients: int = 10
    keys: int = 1
    unique: bool = True
    mix: str = "register"
    bug: str = ""
    seed: int = 1
    unknown: float = 0.002
    fail: float = 0.001

    @property
    def name(self) -> str:
        """Of its file."""
        values = "unique" if self.unique else "repeated"
        return f"{self.mix}-{self.operations}-{self.clients}-{self.keys}-{values}-{self.bug or 'correct'}"


def history(shape: Shape) -> list[Operation]:
    """The operations in the order of their calls."""
    random = numpy.random.default_rng(shape.seed)
    calls, returns, clients = _times(shape, random)
    moments = calls + random.random(shape.operations) * (returns - calls)
    kinds = random.choice(len(NAMES), shape.operations, p=MIXES[shape.mix])
    keys = random.integers(shape.keys, size=shape.operations)
    luck = random.random(shape.operations)
    values = random.integers(FEW_VALUES, size=shape.operations)
    made: list[Operation] = []
    state: dict[str, Any] = {}
    for number in numpy.argsort(moments).tolist():
        one = Operation(
            client=int(clients[number]), op=NAMES[kinds[number]], key=f"k{keys[number]}", call_ns=int(calls[number])
        )
        one.return_ns = int(returns[number])
        _run(one, state, f"v{number}" if shape.unique else f"v{values[number]}", luck[number], shape)
        made.append(one)
    if shape.bug:
        BUGS[shape.bug](made)
    made.sort(key=lambda one: one.call_ns)
    return made


def _times(shape: Shape, random: numpy.random.Generator) -> tuple[Any, Any, Any]:
    """Calls, returns and clients, in nanoseconds from 0."""
    each = -(-shape.operations // shape.clients)
    steps = random.exponential(1_000_000, (shape.clients, each, 2)).astype(numpy.int64) + 1
    ends = numpy.cumsum(steps.reshape(shape.clients, -1), axis=1).reshape(shape.clients, each, 2)
    clients = numpy.repeat(numpy.arange(shape.clients), each)
    size = shape.operations
    return ends[:, :, 0].reshape(-1)[:size], ends[:, :, 1].reshape(-1)[:size], clients[:size]


def _run(one: Operation, state: dict[str, Any], value: str, luck: float, shape: Shape) -> None:
    """Give an operation its input and its answer."""
    key = str(one.key)
    now = state.get(key)
    if one.op in ("put", "append"):
        one.input = value
    elif one.op == "cas":
        one.input = {"expect": now if luck < 0.7 else value, "value": value}
    if luck > 1 - shape.fail:
        one.status = FAIL
        return
    effect = luck > shape.unknown / 2
    if luck < shape.unknown:
        one.status, one.return_ns = UNKNOWN, None
    if effect:
        answer = now
        if one.op == "put":
            state[key], answer = value, None
        elif one.op == "delete":
            state[key], answer = None, None
        elif one.op == "cas":
            answer = one.input["expect"] == now
            state[key] = value if answer else now
        elif one.op == "append":
            answer = state[key] = (now or "") + value
        one.output = answer if one.status == OK else None


def _writes_and_reads(made: list[Operation]) -> Iterator[tuple[Operation, Operation, list[Operation]]]:
    """From the middle on, for each key: a write, the write after it, and the reads that saw the second."""
    last: dict[str, list[tuple[Operation, list[Operation]]]] = {}
    for one in made[len(made) // 2 :]:
        if one.status != OK or one.op == "delete":
            continue
        runs = last.setdefault(str(one.key), [])
        if one.op == "get":
            if runs:
                runs[-1][1].append(one)
            continue
        if one.op == "cas" and one.output is not True:
            continue
        if len(runs) > 1:
            yield runs[-2][0], runs[-1][0], runs[-1][1]
            del runs[0]
        runs.append((one, []))


def _before(one: Operation, other: Operation) -> bool:
    return one.return_ns is not None and one.return_ns < other.call_ns


def _written(one: Operation) -> Any:
    """The value that a write left."""
    return one.input["value"] if one.op == "cas" else one.output if one.op == "append" else one.input


def _stale_read(made: list[Operation]) -> None:
    """One read sees what was overwritten before it was called."""
    for older, newer, reads in _writes_and_reads(made):
        for read in reads:
            if _before(older, newer) and _before(newer, read) and _written(older) != _written(newer):
                read.output = _written(older)
                return
    raise ValueError("no place for a stale read")


def _lost_write(made: list[Operation]) -> None:
    """An acknowledged write has no effect: all reads after it see the one before."""
    for older, newer, reads in _writes_and_reads(made):
        late = [read for read in reads if _before(newer, read)]
        if _before(older, newer) and late and _written(older) != _written(newer):
            for read in reads:
                read.output = _written(older)
            return
    raise ValueError("no place for a lost write")


def _failed_write(made: list[Operation]) -> None:
    """A write is said to have failed, and is read."""
    for _, newer, reads in _writes_and_reads(made):
        if reads and newer.op != "append":
            newer.status, newer.output = FAIL, None
            return
    raise ValueError("no place for a failed write")


def _phantom_value(made: list[Operation]) -> None:
    """A read sees what nobody wrote."""
    read = next(one for one in made[len(made) // 2 :] if one.op == "get" and one.status == OK)
    read.output = "ghost"


def _reordered_reads(made: list[Operation]) -> None:
    """One read sees the new value, a later one the old."""
    for older, newer, reads in _writes_and_reads(made):
        for first in reads:
            for second in reads:
                if _before(first, second) and _before(older, first) and _written(older) != _written(newer):
                    second.output = _written(older)
                    return
    raise ValueError("no place for reordered reads")


def _applied_twice(made: list[Operation]) -> None:
    """A write is applied again after the one that followed it; of two cas that expect the same, both succeed."""
    for older, newer, reads in _writes_and_reads(made):
        if newer.op == "cas" and older.op != "append" and _before(older, newer):
            again = next(
                (one for one in made if one.op == "cas" and one.key == newer.key and _before(newer, one)), None
            )
            if again is not None and again.status == OK:
                again.input, again.output = {"expect": newer.input["expect"], "value": again.input["value"]}, True
                return
        late = [read for read in reads if _before(newer, read) and read is reads[-1]]
        if late and newer.op == "append" and newer.output is not None:
            late[0].output = newer.output + newer.input
            return
        if late and newer.op == "put" and _before(older, newer) and _written(older) != _written(newer):
            late[0].output = _written(older)
            return
    raise ValueError("no place for a write applied twice")


BUGS: Final[dict[str, Callable[[list[Operation]], None]]] = {
    "stale-read": _stale_read,
    "lost-write": _lost_write,
    "failed-write": _failed_write,
    "phantom-value": _phantom_value,
    "reordered-reads": _reordered_reads,
    "applied-twice": _applied_twice,
}
"""Each changes the operations, which are in the order in which they took effect."""
