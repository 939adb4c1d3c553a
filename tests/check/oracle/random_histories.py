# SPDX-License-Identifier: Apache-2.0
"""Small histories at random: some right, some wrong by a little, in about equal parts.

Clients work on a store that forgets its manners now and then: a read may come from an older state, a value may repeat,
an answer may be lost. What they saw is written down as real clients would.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.check.oracle.meaning import State, apply
from tricord.check.history import FAIL, OK, UNKNOWN, History, Operation


@dataclass(frozen=True)
class Shape:
    """What a history may have in it."""

    operations: int = 6
    clients: int = 3
    keys: int = 2
    kinds: tuple[str, ...] = ("put", "get", "get", "delete", "cas", "append")
    unique: float = 0.5
    """The share of histories in which each value is written once."""
    blind_appends: bool = True
    """Whether an append may come without its output, or be unknown."""
    lists: bool = False
    """Whether transactions append to lists."""


def history(chance: random.Random, shape: Shape) -> History:
    """One history."""
    return History(_Scribe(chance, shape).operations())


class _Scribe:
    def __init__(self, chance: random.Random, shape: Shape) -> None:
        self._chance = chance
        self._shape = shape
        self._unique = chance.random() < shape.unique
        self._written = 0
        self._staleness = chance.choice((0.0, 0.3, 0.6, 1.0))
        self._states: list[State] = [{}]

    def operations(self) -> list[Operation]:
        chance = self._chance
        clients = chance.randint(2, self._shape.clients)
        free_at = [0] * clients
        made = []
        now = 0
        for _ in range(chance.randint(self._shape.operations // 2, self._shape.operations)):
            client = chance.randrange(clients)
            called = max(free_at[client], now)
            returned = called + chance.randint(0, 4)
            now += chance.randint(0, 2)
            free_at[client] = returned + 1
            made.append(self._operation(client, called, returned))
        return sorted(made, key=lambda one: one.call_ns)

    def _operation(self, client: int, called: int, returned: int) -> Operation:
        chance = self._chance
        one = Operation(client=client, op=chance.choice(self._shape.kinds), call_ns=called, return_ns=returned)
        if one.op == "txn":
            self._fill_transaction(one)
        else:
            one.key = self._key()
            self._fill(one)
        one.status = chance.choices((OK, UNKNOWN, FAIL), (8, 1, 1))[0]
        if one.op == "append" and not self._shape.blind_appends and one.status == UNKNOWN:
            one.status = OK
        self._answer(one)
        return one

    def _key(self) -> str:
        return f"k{self._chance.randrange(self._shape.keys)}"

    def _value(self) -> str:
        self._written += 1
        return f"v{self._written}" if self._unique else f"v{self._chance.randint(1, 3)}"

    def _some_value(self) -> str | None:
        """One that somebody may have written, or nothing."""
        number = self._chance.randint(0, max(self._written, 1) if self._unique else 3)
        return f"v{number}" if number else None

    def _fill(self, one: Operation) -> None:
        if one.op in ("put", "append"):
            one.input = self._value()
        elif one.op == "cas":
            value = None if self._chance.random() < 0.1 else self._value()
            one.input = {"expect": self._some_value(), "value": value}

    def _fill_transaction(self, one: Operation) -> None:
        one.input = []
        for _ in range(self._chance.randint(1, 3)):
            key = self._key()
            kind = self._chance.choice("rw")
            if kind == "w" and self._shape.lists:
                one.input.append(["append", key, self._number()])
            else:
                one.input.append([kind, key, self._value() if kind == "w" else None])

    def _number(self) -> int:
        self._written += 1
        return self._written

    def _answer(self, one: Operation) -> None:
        """What the store said, from its present state or an older one; and what it did."""
        chance = self._chance
        stale = chance.random() < self._staleness
        seen = chance.choice(self._states) if stale else self._states[-1]
        if one.op == "get":
            one.output = self._some_value() if stale and chance.random() < 0.3 else seen.get(one.key or "")
        elif one.op == "cas":
            one.output = seen.get(one.key or "") == one.input["expect"]
        elif one.op == "append" and not (self._shape.blind_appends and chance.random() < 0.3):
            one.output = (seen.get(one.key or "") or "") + one.input
        elif one.op == "txn":
            one.output = self._transaction_answers(one, seen)
        if one.status == FAIL:
            self._lose_answer(one)
            if chance.random() < 0.8:
                return
        elif one.status == UNKNOWN:
            self._lose_answer(one)
            if chance.random() < 0.5:
                return
        self._states.append(self._after(one, seen))

    def _lose_answer(self, one: Operation) -> None:
        one.output = None
        if one.status == UNKNOWN and self._chance.random() < 0.5:
            one.return_ns = None

    def _transaction_answers(self, one: Operation, seen: State) -> list[list[Any]]:
        own = dict(seen)
        answers = []
        for kind, key, value in one.input:
            if kind == "append":
                own[key] = [*(own.get(key) or []), value]
            elif kind == "w":
                own[key] = value
            elif self._chance.random() < self._staleness / 2 and own.get(key) == seen.get(key):
                own[key] = self._chance.choice(self._states).get(key)
            answers.append([kind, key, own.get(key) if kind == "r" else value])
        return answers

    def _after(self, one: Operation, seen: State) -> State:
        state = apply(self._states[-1], one)
        if state is None:
            # It answered from an older state: so does its effect, for what it touched.
            changed = apply(seen, one) or seen
            state = {**self._states[-1], **{key: changed[key] for key in changed if changed[key] != seen.get(key)}}
        return state
