# SPDX-License-Identifier: Apache-2.0
"""Histories of a linearizable store hold, though many of their reads have several possible writers."""

from __future__ import annotations

import random

import pytest

from tricord.check import causal, sessions
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History, Operation


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


@pytest.mark.parametrize("seed", range(4))
def test_a_guess_explains_what_a_store_answered(seed: int) -> None:
    history = answered(seed)
    assert sessions.check(history, Limits(steps=20_000)).verdict is Verdict.HOLDS
    found = causal.check(history, Limits(steps=20_000))
    assert (found.statistics["cc"], found.statistics["ccv"]) == ("holds", "holds")
    assert int(found.statistics["open_reads"]) > 100
