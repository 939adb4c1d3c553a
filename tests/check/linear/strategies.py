# SPDX-License-Identifier: Apache-2.0
"""Small histories, most of them nearly right: operations run in some order, and then some answers are spoilt."""

from __future__ import annotations

import random
from typing import Any

from tests.check.linear.brute import apply
from tricord.check.history import History, Operation

KINDS = {
    "register": ("put", "get", "get", "delete"),
    "put and get": ("put", "get", "get"),
    "cas": ("put", "get", "cas", "cas", "delete"),
    "swaps": ("put", "get", "get", "cas", "cas"),
    "append": ("append", "append", "get"),
    "all": ("put", "get", "cas", "append", "delete"),
    "lock": ("acquire", "release", "acquire", "release"),
    "queue": ("enqueue", "dequeue", "enqueue", "dequeue"),
    "txn": ("txn", "txn", "put", "get", "cas"),
    "lists": ("lists", "lists", "get"),
    "mixed": ("put", "get", "acquire", "release", "enqueue", "dequeue"),
}


def history_of(seed: int, kind: str, size: int, keys: int = 1, unique: bool = False, spoil: float = 0.3) -> History:
    """A random history of so many operations; with ``spoil`` 0 it is linearizable."""
    random_ = random.Random(seed)
    span = size * random_.choice((2, 4, 8))
    spans: dict[int, int] = {}
    drawn = []
    for number in range(size):
        client = random_.randrange(4)
        call = spans.get(client, random_.randrange(4)) + random_.randrange(3)
        back = call + random_.randrange(span // 2)
        spans[client] = back + random_.randrange(2)
        drawn.append((call, back, random_.uniform(call, back), client, number))
    state: dict[str, Any] = {}
    operations = []
    for call, back, _, client, number in sorted(drawn, key=lambda one: one[2]):
        key = f"k{random_.randrange(keys)}"
        one = drawn_operation(random_, random_.choice(KINDS[kind]), key, client, number, unique)
        one.call_ns, one.return_ns = call, back
        one.status = random_.choices(("ok", "unknown", "fail"), (10, 2, 1))[0]
        if one.status == "ok" or (one.status == "unknown" and random_.random() < 0.5):
            answer(one, state)
        if one.status == "unknown":
            one.output = None
            one.return_ns = random_.choice((None, back))
        operations.append(one)
    operations.sort(key=lambda one: one.call_ns)
    for one in operations:
        if one.status == "ok" and random_.random() < spoil / size * 2:
            spoilt(random_, one, operations)
    return History(operations)


def drawn_operation(random_: random.Random, op: str, key: str, client: int, number: int, unique: bool) -> Operation:
    """An operation with its input."""

    def value() -> str:
        return f"v{number}" if unique else random_.choice("ab")

    if op in ("txn", "lists"):
        writing = "w" if op == "txn" else "append"
        micro: list[list[Any]] = []
        for _ in range(random_.randint(1, 3)):
            what = random_.choice(("r", writing))
            micro.append([what, random_.choice(("k0", "k1")), None if what == "r" else value()])
        return Operation(client=client, op="txn", input=micro)
    given: Any = None
    if op in ("put", "append", "enqueue"):
        given = value()
    elif op == "cas":
        given = {"expect": random_.choice((None, "a", "b", f"v{number - 1}")), "value": random_.choice((value(), None))}
    return Operation(client=client, op=op, key=key, input=given)


def answer(one: Operation, state: dict[str, Any]) -> None:
    """Run it, and keep what it answers."""
    if one.op == "txn":
        one.output = []
        for what, name, value in one.input:
            before = state.get(f"FalseFalse{name}")
            one.output.append([what, name, before if what == "r" else value])
            if what != "r":
                state[f"FalseFalse{name}"] = value if what == "w" else [*(before or []), value]
        return
    wanted = (True, False, None)
    if one.op == "append" and one.call_ns % 3 == 0:
        apply(state, one, False)
        return
    if one.op == "append":
        one.output = ""
    before = dict(state)
    if one.op in ("get", "dequeue", "append"):
        key = f"False{one.op == 'dequeue'}{one.key}"
        now = state.get(key)
        one.output = now if one.op == "get" else (now or [None])[0] if one.op == "dequeue" else (now or "") + one.input
        apply(state, one, False)
        return
    for one.output in wanted:
        state.clear()
        state.update(before)
        if apply(state, one, True) == one.output:
            return


def spoilt(random_: random.Random, one: Operation, operations: list[Operation]) -> None:
    """Another answer, one that some other operation could have given."""
    if one.op in ("get", "dequeue"):
        pool: list[Any] = [None, "never written"]
        pool += [other.input for other in operations if other.op in ("put", "enqueue")] * 3
        pool += [other.output for other in operations if other.op in (one.op, "append")]
        one.output = random_.choice(pool)
    elif one.op in ("cas", "acquire", "release"):
        one.output = not one.output
    elif one.op == "append" and one.output is not None:
        one.output = one.input + one.output
    elif one.op == "txn":
        for micro in one.output:
            if micro[0] == "r":
                micro[2] = None if isinstance(micro[2], list) else random_.choice((None, "a", "b"))
