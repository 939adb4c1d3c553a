# SPDX-License-Identifier: Apache-2.0
"""Histories of a linearizable store hold, though many of their reads have several possible writers."""

from __future__ import annotations

import random

import pytest

from tricord.check import causal, sequential, sessions
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History, Operation
from tricord.check.sequential import LONG


def answered(seed: int, size: int = 400, keys: int = 40, clients: int = 8) -> History:
    """Operations that take effect one after the other, each at some time while it is open."""
    chance = random.Random(seed)
    free = [0] * clients
    state: dict[str, str | None] = {}
    found = []
    for moment in range(100, 100 + size * 10, 10):
        client = chance.choice([one for one in range(clients) if free[one] < moment])
        call = chance.randrange(max(free[client], moment - 40), moment)
        back = moment + chance.randrange(1, 40)
        free[client] = back + 1
        key = f"k{chance.randrange(keys)}"
        one = Operation(client, chance.choice(("put", "get", "get", "delete", "cas")), key, None, None, call, back)
        before, value = state.get(key), f"v{chance.randrange(20)}"
        if one.op == "get":
            one.output = before
        elif one.op == "delete":
            state[key] = None
        elif one.op == "put":
            one.input = state[key] = value
        else:
            one.input = {"expect": chance.choice((before, "v0")), "value": value}
            one.output = one.input["expect"] == before
            state[key] = value if one.output else before
        found.append(one)
    return History(sorted(found, key=lambda one: one.call_ns))


def contended(seed: int, size: int = 400, keys: int = 3, clients: int = 6) -> History:
    """Compare-and-swaps that expect what their client last knew: most are refused, which says little of the state."""
    chance = random.Random(seed)
    free, moments = [0] * clients, []
    for _ in range(size):
        client = min(range(clients), key=free.__getitem__)
        call = free[client] + chance.randint(1, 20)
        free[client] = back = call + chance.randint(5, 60)
        moments.append((chance.uniform(call, back), Operation(client, "cas", call_ns=call, return_ns=back)))
    state: dict[str, str] = {}
    known: dict[tuple[int | str, str], str] = {}
    for number, (_, one) in enumerate(sorted(moments, key=lambda each: each[0])):
        one.key = key = f"k{chance.randrange(keys)}"
        before, mine, value = state.get(key), (one.client, key), f"v{number}"
        one.op = chance.choice(("put", "get", "cas"))
        if one.op == "get":
            one.output = before
            if before is not None:
                known[mine] = before
            continue
        one.input = value
        if one.op == "cas":
            one.input = {"expect": known.get(mine), "value": value}
            one.output = one.input["expect"] == before
        if one.op == "put" or one.output:
            state[key] = known[mine] = value
    return History(one for _, one in sorted(moments, key=lambda each: each[1].call_ns))


@pytest.mark.parametrize("seed", range(2))
def test_what_is_linearizable_holds_where_no_guess_explains_it(seed: int) -> None:
    history = contended(seed)
    found = causal.check(history, Limits(steps=20_000))
    assert {found.statistics[level] for level in causal.LEVELS} == {"holds"}
    assert int(found.statistics["open_reads"]) > 50
    assert sessions.check(history, Limits(steps=20_000)).verdict is Verdict.HOLDS


@pytest.mark.parametrize("seed", range(4))
def test_a_guess_explains_what_a_store_answered(seed: int) -> None:
    history = answered(seed)
    assert sessions.check(history, Limits(steps=20_000)).verdict is Verdict.HOLDS
    found = causal.check(history, Limits(steps=20_000))
    assert (found.statistics["cc"], found.statistics["ccv"]) == ("holds", "holds")
    assert int(found.statistics["open_reads"]) > 100


def test_a_long_recording_with_refused_swaps_is_sequential_at_once() -> None:
    found = sequential.check(contended(1, LONG), Limits(steps=20_000))
    assert found.verdict is Verdict.HOLDS
    assert found.statistics["in real time"] == 1
    assert "rounds" not in found.statistics


@pytest.mark.parametrize("first", ["append", "put"])
def test_what_is_known_to_have_written_a_value_need_not_be_who_was_read(first: str) -> None:
    """An append whose result is not known may have made the same text."""
    swap = {"expect": "a", "value": "a"}
    appended = [Operation("a", first, "x", "a", None, 0, 1), Operation("a", "append", "x", "", None, 2, 3)]
    found = [*appended, Operation("a", "cas", "x", swap, True, 4, 5), Operation("b", "get", "x", None, "a", 6, 7)]
    for model in (causal, sessions):
        assert model.check(History(found), Limits()).verdict is Verdict.HOLDS
