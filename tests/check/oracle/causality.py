# SPDX-License-Identifier: Apache-2.0
"""Causal models, after Bouajjani, Enea, Guerraoui and Hamza, "On verifying causal consistency" (POPL 2017), and the
session guarantees (Terry et al. 1994), held together.

An operation here reads and writes at most one key. A causal order may be taken to be the closure of the program order
and of pairs (a write, an operation whose answer is checked): with any other order that explains the answers, the one
that keeps only such pairs of it does too, since each past has the same writes and fewer constraints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import permutations, product
from typing import Any

from tests.check.oracle.meaning import completions, program_order
from tricord.check.history import OK, History, Operation

Pairs = set[tuple[int, int]]


class Act:
    """One operation as a read with a condition on what it found, and a write."""

    def __init__(self, place: int, operation: Operation) -> None:
        self.place = place
        self.client = operation.client
        self.key = operation.key
        self.reads: Callable[[Any], bool] | None = None
        """Whether this is a value that it can have found; None: it found nothing, or nobody knows what."""
        self.writes = False
        self.value: Any = None
        known = operation.status == OK
        if operation.op == "put":
            self._write(operation.input)
        elif operation.op == "delete":
            self._write(None)
        elif operation.op == "get":
            self.reads = (lambda found: bool(found == operation.output)) if known else None
        elif operation.op == "cas":
            expected = operation.input["expect"]
            if known and not operation.output:
                self.reads = lambda found: bool(found != expected)
            else:  # an unknown one that took effect found what it expected
                self.reads = lambda found: bool(found == expected)
                self._write(operation.input["value"])
        else:
            assert operation.op == "append" and operation.output is not None, "its effect must be known"
            whole = operation.output
            self.reads = lambda found: bool((found or "") + operation.input == whole)
            self._write(whole)

    def _write(self, value: Any) -> None:
        self.writes, self.value = True, value


def causal(history: History) -> bool:
    """CC: each answer is explained by some order of what came causally before it."""
    return _some_order(history, _explains_each)


def causal_convergence(history: History) -> bool:
    """CCv: as CC, with one order of all writes for everybody."""
    return _some_order(history, _explains_converging)


def causal_memory(history: History) -> bool:
    """CM: as CC, where the order of one's past explains all one's own earlier answers, too."""
    return _some_order(history, _explains_own)


def _some_order(history: History, explains: Callable[[list[Act], Pairs, Pairs], bool]) -> bool:
    for operations in completions(history):
        acts = [Act(place, one) for place, one in enumerate(operations)]
        program = program_order(operations)
        free = [
            (one.place, other.place)
            for one in acts
            for other in acts
            if one.writes and other.reads is not None and one is not other and (one.place, other.place) not in program
        ]
        if any(explains(acts, order, program) for order in _orders_with(program, free, len(acts))):
            return True
    return False


def _orders_with(program: Pairs, free: list[tuple[int, int]], size: int) -> Iterator[Pairs]:
    """The transitive closures of the program order with any of the free pairs, each once. What comes after a place is a
    set of bits: to choose among twelve pairs is to close 4,096 sets."""
    begin = closure(program, size)
    assert begin is not None
    after = tuple(sum(1 << other for one, other in begin if one == place) for place in range(size))
    closed = {after}
    for one, other in free:
        closed |= {_with(order, one, other) for order in closed if not order[other] >> one & 1}
    for order in closed:
        yield {(one, other) for one in range(size) for other in range(size) if order[one] >> other & 1}


def _with(after: tuple[int, ...], one: int, other: int) -> tuple[int, ...]:
    added = after[other] | 1 << other
    return tuple(places | added if place == one or places >> one & 1 else places for place, places in enumerate(after))


def closure(pairs: Iterable[tuple[int, int]], size: int) -> Pairs | None:
    """The transitive closure; None where it has a cycle."""
    after = [set[int]() for _ in range(size)]
    for one, other in pairs:
        after[one].add(other)
    for middle in range(size):
        for place in range(size):
            if middle in after[place]:
                after[place] |= after[middle]
    if any(place in after[place] for place in range(size)):
        return None
    return {(one, other) for one in range(size) for other in after[one]}


def _orders(places: Iterable[int], order: Pairs) -> Iterator[list[int]]:
    """All orders of these places that keep the pairs."""
    left = sorted(places)
    if not left:
        yield []
    for place in left:
        if not any((other, place) in order for other in left):
            for rest in _orders([other for other in left if other != place], order):
                yield [place, *rest]


def _last(acts: list[Act], sequence: Iterable[int], key: str | None) -> Any:
    value = None
    for place in sequence:
        if acts[place].writes and acts[place].key == key:
            value = acts[place].value
    return value


def _past(acts: list[Act], order: Pairs, place: int) -> list[int]:
    return [other for other in range(len(acts)) if (other, place) in order]


def _explains_each(acts: list[Act], order: Pairs, program: Pairs) -> bool:
    return all(
        act.reads is None
        or any(act.reads(_last(acts, one, act.key)) for one in _orders(_past(acts, order, act.place), order))
        for act in acts
    )


def _explains_converging(acts: list[Act], order: Pairs, program: Pairs) -> bool:
    for whole in _orders(range(len(acts)), order):
        if all(
            act.reads is None
            or act.reads(_last(acts, [other for other in whole if (other, act.place) in order], act.key))
            for act in acts
        ):
            return True
    return False


def _explains_own(acts: list[Act], order: Pairs, program: Pairs) -> bool:
    for act in acts:
        own = {other for other, place in program if place == act.place} | {act.place}
        past = [*_past(acts, order, act.place), act.place]
        if not any(_answers(acts, one, own) for one in _orders(past, order)):
            return False
    return True


def _answers(acts: list[Act], sequence: list[int], checked: set[int]) -> bool:
    for position, place in enumerate(sequence):
        reads = acts[place].reads
        if place in checked and reads is not None and not reads(_last(acts, sequence[:position], acts[place].key)):
            return False
    return True


def sessions(history: History) -> bool:
    """Read your writes, monotonic reads, monotonic writes and writes follow reads, together.

    The causal order is the closure of the program order and of which write each read took its value from. For each
    session there is one order of all writes that extends it, such that each read of the session found the last write
    of its key in its causal past.
    """
    for operations in completions(history):
        acts = [Act(place, one) for place, one in enumerate(operations)]
        program = program_order(operations)
        for sources in _sources(acts):
            order = closure(program.union(sources), len(acts))
            if order is not None and all(_own_view(acts, order, client) for client in {act.client for act in acts}):
                return True
    return False


def _sources(acts: list[Act]) -> Iterator[Pairs]:
    """Every choice of whom each read took its value from (nobody: the key was absent)."""
    choices = []
    for act in acts:
        if act.reads is None:
            continue
        reads = act.reads
        own: list[tuple[int, int] | None] = [
            (other.place, act.place)
            for other in acts
            if other.writes and other is not act and other.key == act.key and reads(other.value)
        ]
        choices.append([*own, None] if reads(None) else own)
    for chosen in product(*choices):
        yield {pair for pair in chosen if pair is not None}


def _own_view(acts: list[Act], order: Pairs, client: int | str) -> bool:
    writes = [act.place for act in acts if act.writes]
    for view in permutations(writes):
        if any((other, one) in order for position, one in enumerate(view) for other in view[position + 1 :]):
            continue
        if all(
            act.client != client
            or act.reads is None
            or act.reads(_last(acts, [one for one in view if (one, act.place) in order], act.key))
            for act in acts
        ):
            return True
    return False
