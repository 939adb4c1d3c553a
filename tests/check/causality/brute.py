# SPDX-License-Identifier: Apache-2.0
"""Causal consistency by its definitions: is there a causal order, among all there are, that explains every answer?

For each choice of the unknown operations that took effect, every partial order that contains the clients' own orders
is tried. CC: for each operation some order of its past gives its answer. CCv: one order of all does. CM: for each
operation some order of its past gives its answer and those of what its client did before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

from tricord.check.history import Operation


@dataclass(slots=True)
class Step:
    """A read or a write of one key."""

    key: Any
    write: bool
    value: Any
    """Written, or read; a function of what was found for reads that allow several values."""
    client: Any
    unknown: bool
    before: int = -1
    """The step of the same client, or operation, before it."""


@dataclass(slots=True)
class Steps:
    steps: list[Step] = field(default_factory=list)
    last: dict[Any, int] = field(default_factory=dict)

    def add(self, one: Operation, moves: list[tuple[Any, bool, Any]]) -> None:
        unknown = one.status != "ok"
        before = self.last.get(one.client, -1)
        for key, write, value in moves:
            self.steps.append(Step(key, write, value, one.client, unknown, before))
            before = len(self.steps) - 1
        if not unknown:
            self.last[one.client] = before


def _moves(one: Operation) -> list[tuple[Any, bool, Any]]:
    """Key, whether it writes, the value."""
    key, ok = one.key, one.status == "ok"
    if one.op == "put":
        return [(key, True, one.input)]
    if one.op == "delete":
        return [(key, True, None)]
    if one.op == "get":
        return [(key, False, one.output)]
    if one.op == "cas":
        expect = one.input["expect"]
        if ok and one.output is False:
            return [(key, False, lambda found: found != expect)]
        return [(key, False, expect), (key, True, one.input["value"])]
    if one.op == "append":
        rest = one.output[: len(one.output) - len(one.input)]
        return [(key, False, lambda found: (found or "") == rest), (key, True, one.output)]
    return [(move[1], move[0] == "w", move[2]) for move in one.output]


def choices(operations: list[Operation]) -> Iterator[list[Step]]:
    """Each way in which unknown operations took effect or did not. Unknown gets and appends are not taken."""
    unknown = [one.index for one in operations if one.status == "unknown" and one.op not in ("get", "append", "txn")]
    for taken in product((False, True), repeat=len(unknown)):
        chosen = {index for index, yes in zip(unknown, taken, strict=True) if yes}
        steps = Steps()
        for one in operations:
            if one.status == "ok" or one.index in chosen:
                steps.add(one, _moves(one))
        yield steps.steps


@cache
def orders(count: int) -> list[tuple[int, ...]]:
    """All partial orders: for each element the bits of those before it."""
    if not count:
        return [()]
    found = []
    new = count - 1
    for smaller in orders(new):
        after = [sum(1 << other for other in range(new) if smaller[other] >> one & 1) for one in range(new)]
        for below in range(1 << new):
            if any(below >> one & 1 and smaller[one] & ~below for one in range(new)):
                continue
            for above in range(1 << new):
                if above & below or any(above >> one & 1 and after[one] & ~above for one in range(new)):
                    continue
                if any(above >> one & 1 and below & ~smaller[one] for one in range(new)):
                    continue
                found.append((*(mask | (above >> one & 1) << new for one, mask in enumerate(smaller)), below))
    return found


def _own(steps: list[Step]) -> list[int]:
    own: list[int] = []
    for step in steps:
        own.append(own[step.before] | 1 << step.before if step.before >= 0 else 0)
    return own


def _linear(members: int, order: tuple[int, ...]) -> Iterator[list[int]]:
    """The ways to put members into one line."""
    if not members:
        yield []
        return
    for one in range(len(order)):
        if members >> one & 1 and not any(
            members >> other & 1 and order[other] >> one & 1 for other in range(len(order))
        ):
            for line in _linear(members & ~(1 << one), order):
                yield [*line, one]


def _right(step: Step, state: dict[Any, Any]) -> bool:
    found = state.get(step.key)
    return bool(step.value(found)) if callable(step.value) else bool(found == step.value)


def _explains(line: list[int], steps: list[Step], judged: int) -> bool:
    """Whether this order gives the answers of those that are judged."""
    state: dict[Any, Any] = {}
    for one in line:
        step = steps[one]
        if step.write:
            state[step.key] = step.value
        elif judged >> one & 1 and not _right(step, state):
            return False
    return True


def _cc(steps: list[Step], order: tuple[int, ...], own: list[int]) -> bool:
    return all(
        any(_explains([*line, one], steps, 1 << one) for line in _linear(order[one], order))
        for one, step in enumerate(steps)
        if not step.write
    )


def _cm(steps: list[Step], order: tuple[int, ...], own: list[int]) -> bool:
    return _cc(steps, order, own) and all(
        any(_explains([*line, one], steps, own[one] | 1 << one) for line in _linear(order[one], order))
        for one in range(len(steps))
    )


def _ccv(steps: list[Step], order: tuple[int, ...], own: list[int]) -> bool:
    everything = (1 << len(steps)) - 1
    return any(
        all(
            _explains([other for other in line if order[one] >> other & 1] + [one], steps, 1 << one)
            for one, step in enumerate(steps)
            if not step.write
        )
        for line in _linear(everything, order)
    )


LEVELS: dict[str, Callable[[list[Step], tuple[int, ...], list[int]], bool]] = {"cc": _cc, "ccv": _ccv, "cm": _cm}


def holds(operations: list[Operation]) -> dict[str, bool]:
    """By level."""
    left = set(LEVELS)
    for steps in choices(operations):
        own = _own(steps)
        for order in orders(len(steps)):
            if any(mine & ~mask for mine, mask in zip(own, order, strict=True)) or not _cc(steps, order, own):
                continue
            left -= {name for name in left if LEVELS[name](steps, order, own)}
            if not left:
                return dict.fromkeys(LEVELS, True)
    return {name: name not in left for name in LEVELS}
