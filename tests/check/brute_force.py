# SPDX-License-Identifier: Apache-2.0
"""The models by their definitions, tried out in every possible way: for histories of a handful of operations.

Serializable: an order of the transactions whose replay gives all answers. Snapshot isolation: an order of their starts
and commits, where each reads the state at its start, and of two that write one key one commits before the other
starts. Sequential: an order of operations that keeps that of each client. Read committed: versions in an order, and
writers for reads, without a cycle of ww and wr.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, combinations, pairwise, permutations, product
from typing import Any

from tricord.check.history import History, Operation, turn

State = dict[str, Any]


def run(operation: Operation, state: State) -> State | None:
    """What the operation writes when it runs on this state; None where its answer is another."""
    known = operation.status == "ok"
    if operation.op == "txn":
        return _run_transaction(operation, state, known)
    key, now = str(operation.key), state.get(str(operation.key))
    if operation.op == "get":
        return {} if not known or operation.output == now else None
    if operation.op in ("put", "delete"):
        return {key: operation.input if operation.op == "put" else None}
    if operation.op == "append":
        whole = (now or "") + operation.input
        return {key: whole} if not known or operation.output in (None, whole) else None
    happened = now == operation.input["expect"]
    if known and happened != operation.output:
        return None
    return {key: operation.input["value"]} if happened else {}


def _run_transaction(operation: Operation, state: State, known: bool) -> State | None:
    written: State = {}
    for place, (what, key, value) in enumerate(operation.input):
        now = written.get(key, state.get(key))
        if what == "w":
            written[key] = value
        elif what == "append":
            written[key] = [*(now or []), value]
        elif known and not _same(now, operation.output[place][2]):
            return None
    return written


def subsets(history: History) -> Iterator[list[Operation]]:
    """What took effect: all that did, and some of those nobody knows of."""
    sure = [one for one in history.operations if one.status == "ok"]
    open_ = [one for one in history.operations if one.status == "unknown"]
    for some in chain.from_iterable(combinations(open_, size) for size in range(len(open_) + 1)):
        yield sure + list(some)


def serializable(history: History) -> bool:
    return any(_serial(those, lambda left, one: True, {}) for those in subsets(history))


def sequential(history: History) -> bool:
    """An operation waits for the earlier ones of its client that are sure."""

    def may_run(left: list[Operation], one: Operation) -> bool:
        return not any(
            other.client == one.client
            and other.status == "ok"
            and (*turn(other), other.index) < (*turn(one), one.index)
            for other in left
        )

    return any(_serial(those, may_run, {}) for those in subsets(history))


def _serial(left: list[Operation], may_run: Callable[[list[Operation], Operation], bool], state: State) -> bool:
    if not left:
        return True
    for one in left:
        if may_run(left, one):
            written = run(one, state)
            if written is not None and _serial([o for o in left if o is not one], may_run, state | written):
                return True
    return False


def snapshot_isolation(history: History) -> bool:
    return any(_snapshots(those, [], {}) for those in subsets(history))


def _snapshots(waiting: list[Operation], started: list[tuple[Operation, State]], state: State) -> bool:
    if not waiting and not started:
        return True
    for one in waiting:
        written = run(one, state)
        if written is None or any(written.keys() & others.keys() for _, others in started):
            continue
        if _snapshots([o for o in waiting if o is not one], [*started, (one, written)], state):
            return True
    return any(
        _snapshots(waiting, started[:place] + started[place + 1 :], state | written)
        for place, (_, written) in enumerate(started)
    )


def read_committed(history: History) -> bool:
    return any(_ReadCommitted(those).possible() for those in subsets(history))


Orders = dict[str, tuple[int, ...]]


class _ReadCommitted:
    """All version orders and all writers of reads. Appends of text say what they wrote."""

    def __init__(self, operations: list[Operation]) -> None:
        self.transactions = [_micros(one) for one in operations]
        self.writers: dict[str, list[int]] = {}
        for number, micros in enumerate(self.transactions):
            for key in dict.fromkeys(key for what, key, _ in micros if what in ("w", "append")):
                self.writers.setdefault(key, []).append(number)

    def possible(self) -> bool:
        return any(
            self._reads(dict(zip(self.writers, way, strict=True)))
            for way in product(*(permutations(those) for those in self.writers.values()))
        )

    def _reads(self, orders: Orders) -> bool:
        edges = {pair for order in orders.values() for pair in pairwise(order)}
        options = [
            self._writers(orders, number, place)
            for number, micros in enumerate(self.transactions)
            for place, micro in enumerate(micros)
            if micro[0] not in ("w", "append")
        ]
        return any(not _cyclic(edges | set(chain.from_iterable(way))) for way in product(*options))

    def _writers(self, orders: Orders, number: int, place: int) -> list[list[tuple[int, int]]]:
        """For each writer that may have been read, the edges that this makes."""
        micros = self.transactions[number]
        what, key, seen = micros[place]
        order = orders.get(key, ())
        before = [micro for micro in micros[:place] if micro[1] == key and micro[0] in ("w", "append")]
        if before and before[-1][0] == "w":
            return [[]] if seen == before[-1][2] else []
        own = [value for _, _, value in before]
        found = []
        for position in range(-1, len(order)):
            version = self._version(orders, key, position)
            if own:  # only what stands just before its own items
                fits = order[position + 1 : position + 2] == (number,) and [*(version or []), *own] == seen
            elif what == "other":
                fits = version != seen
            else:
                fits = (version or None) == (seen or None) if what == "either" else _same(version, seen)
            if fits and (position < 0 or order[position] != number):
                found.append([] if position < 0 else [(order[position], number)])
        return found

    def _version(self, orders: Orders, key: str, position: int) -> Any:
        """What the key holds after the writers up to this position."""
        state: Any = None
        for writer in orders.get(key, ())[: position + 1]:
            for what, name, value in self.transactions[writer]:
                if name == key and what == "w":
                    state = value
                elif name == key and what == "append":
                    state = [*(state or []), value]
        return state


def _same(version: Any, seen: Any) -> bool:
    """An empty list and null are one thing, an empty text is another."""
    return bool(version == seen or {str(version), str(seen)} == {"None", "[]"})


def _micros(one: Operation) -> list[Any]:
    """An operation as reads and writes; ``other`` is a read of another value, ``either`` one of nothing or of ""."""
    if one.op == "txn":
        pairs = zip(one.input, one.output or one.input, strict=True)
        return [[*asked[:2], answer[2]] for asked, answer in pairs if one.status == "ok" or asked[0] != "r"]
    key = str(one.key)
    if one.op == "get":
        return [["r", key, one.output]] if one.status == "ok" else []
    if one.op == "cas":
        happened = one.status != "ok" or one.output
        read = ["r" if happened else "other", key, one.input["expect"]]
        return [read, ["w", key, one.input["value"]]] if happened else [read]
    if one.op == "append":
        before = one.output[: len(one.output) - len(one.input)]
        return [["r" if before else "either", key, before], ["w", key, one.output]]
    return [["w", key, one.input if one.op == "put" else None]]


def _cyclic(edges: set[tuple[int, int]]) -> bool:
    left = set(edges)
    while left:
        inner = {after for _, after in left}
        kept = {pair for pair in left if pair[0] in inner}
        if kept == left:
            return True
        left = kept
    return False
