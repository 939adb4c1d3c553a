# SPDX-License-Identifier: Apache-2.0
"""Small histories at random, with all kinds of operations: reads mostly return what somebody writes, now or later."""

from __future__ import annotations

import random

from tricord.check.history import Operation

SIZES = {"put": 1, "get": 1, "delete": 1, "cas": 2, "append": 2, "txn": 2}
PLAIN = ("put", "put", "get", "get", "get")
MIXED = (*PLAIN, "delete", "cas", "cas", "append", "txn")


class _Draw:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.unique = chance.random() < 0.5
        self.keys = "xy"[: chance.choice((1, 2))]
        self.count = 0
        self.written: dict[str, list[str | None]] = {key: [None] for key in self.keys}

    def value(self, key: str) -> str:
        self.count += 1
        made = f"v{self.count}" if self.unique else f"v{self.chance.randrange(2)}"
        self.written[key].append(made)
        return made

    def seen(self, key: str) -> str | None:
        return self.chance.choice(self.written[key]) if self.chance.random() < 0.97 else "v9"

    def operation(self, op: str, client: int) -> Operation:
        chance, key = self.chance, self.chance.choice(self.keys)
        status = chance.choices(("ok", "unknown", "fail"), (16, 3, 1))[0]
        one = Operation(client, op, key, status="ok" if op in ("append", "txn") else status)
        if op == "put":
            one.input = self.value(key)
        elif op == "cas":
            one.input = {"expect": None, "value": self.value(key)}
            one.output = chance.random() < 0.6 if one.status == "ok" else None
        elif op == "append":
            one.input = self.value(key)
            one.output = (self.seen(key) or "") + one.input
            self.written[key].append(one.output)
        elif op == "txn":
            one.key = None
            names = [(chance.choice("rw"), chance.choice(self.keys)) for _ in range(2)]
            one.input = [[name, key, self.value(key) if name == "w" else None] for name, key in names]
        return one

    def answer(self, one: Operation) -> None:
        if one.op == "get" and one.status == "ok":
            one.output = self.seen(one.key or "")
        elif one.op == "cas":
            one.input["expect"] = self.seen(one.key or "")
        elif one.op == "txn":
            one.output = [[name, key, self.seen(key) if name == "r" else value] for name, key, value in one.input]


def drawn(chance: random.Random, steps: int) -> list[Operation]:
    """Operations of at most so many reads and writes in all."""
    draw = _Draw(chance)
    kinds = MIXED if chance.random() < 0.4 else PLAIN
    clients = chance.choice((2, 2, 3))
    found: list[Operation] = []
    left = chance.randint(3, steps)
    while left:
        op = chance.choice([kind for kind in kinds if SIZES[kind] <= left])
        left -= SIZES[op]
        found.append(draw.operation(op, chance.randrange(clients)))
    for one in found:
        draw.answer(one)
    return found
