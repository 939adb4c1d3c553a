# SPDX-License-Identifier: Apache-2.0
"""Small histories drawn at random, of stores that keep most promises: about half of them break some model."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tricord.check.history import History, Operation

State = dict[str, Any]


def transactions(random: Random) -> History:
    """Up to four transactions over two keys, each a list or one value, on states of now or of a little while ago."""
    lists = {key: random.random() < 0.5 for key in "xy"}
    unique, old, wild = random.random() < 0.6, random.choice((1, 1, 2, 4)), random.random() < 0.3
    states: list[State] = [{}]
    written: dict[str, list[Any]] = {"x": [], "y": []}
    found: list[Operation] = []
    for _ in range(random.randint(1, 4)):
        state, after = dict(random.choice(states[-old:])), dict(states[-1])
        asked: list[list[Any]] = []
        answered: list[list[Any]] = []
        for _ in range(random.randint(1, 3)):
            key = random.choice("xy")
            if random.random() < 0.5:
                asked.append(["r", key, None])
                seen = _wild(random, written[key], lists[key]) if wild and random.random() < 0.3 else state.get(key)
                answered.append(["r", key, seen])
                continue
            value: Any = 1 + sum(map(len, written.values())) if unique else random.randint(1, 2)
            written[key].append(value)
            asked.append(["append" if lists[key] else "w", key, value])
            answered.append(asked[-1])
            for some in (state, after):
                some[key] = [*(some.get(key) or []), value] if lists[key] else value
        status = random.choices(("ok", "fail", "unknown"), (8, 1, 1))[0]
        if status != "fail" or random.random() < 0.3:
            states.append(after)
        output = answered if status == "ok" else None
        found.append(
            Operation(
                client=random.randint(0, 1), op="txn", input=asked, output=output,
                call_ns=len(found) * random.randint(0, 1), return_ns=9, status=status,
            )
        )  # fmt: skip
    random.shuffle(found)
    return History(found)


def _wild(random: Random, written: list[Any], is_list: bool) -> Any:
    if is_list:
        return random.sample(written, random.randint(0, len(written)))
    return random.choice([None, *written])


@dataclass
class _Single:
    """Operations on one key each."""

    random: Random
    say_all: bool
    states: list[State] = field(default_factory=lambda: [{}])
    given: int = 0

    def value(self, unique: bool) -> str:
        self.given += 1
        return "abcdefgh"[self.given % 8] if unique else self.random.choice("ab")

    def one(self, place: int, key: str, unique: bool, old: int) -> Operation:
        random = self.random
        now = random.choice(self.states[-old:]).get(key)
        status = random.choices(("ok", "fail", "unknown"), (8, 1, 1))[0]
        op = random.choice(("put", "get", "get", "delete", "cas", "cas", "append", "append"))
        asked: Any = None
        told: Any = None
        after, writes = now, op not in ("get", "cas")
        if op == "put":
            asked = after = self.value(unique)
        elif op == "get":
            told = now if random.random() < 0.9 else random.choice(("a", "b", "ab", None))
        elif op == "delete":
            after = None
        elif op == "append":
            asked = self.value(unique)
            after = (now or "") + asked
            told = after if self.say_all or random.random() < 0.6 else None
            status = "ok" if self.say_all else status
        else:
            expect = random.choice((now, now, self.value(unique), None))
            asked = {"expect": expect, "value": random.choice((self.value(unique), self.value(unique), None))}
            writes = expect == now
            told = writes != (random.random() < 0.05)
            after = asked["value"] if writes else now
        if writes and status != "fail" and (status == "ok" or random.random() < 0.6):
            self.states.append(self.states[-1] | {key: after})
        call = place if random.random() < 0.8 else 0
        return Operation(
            client=random.randint(0, 2), op=op, key=key, input=asked, output=told if status == "ok" else None,
            call_ns=call, return_ns=place + 1 + random.randint(0, 2), status=status,
        )  # fmt: skip


def singles(random: Random, say_all: bool = False) -> History:
    """Up to five operations on one or two keys. ``say_all``: each append of text says the whole text after it."""
    keys, unique = "xy"[: random.randint(1, 2)], random.random() < 0.5
    old = random.choice((1, 1, 2, 4))
    drawing = _Single(random, say_all)
    return History(drawing.one(place, random.choice(keys), unique, old) for place in range(random.randint(1, 5)))
