# SPDX-License-Identifier: Apache-2.0
"""Linearizability by definition: every subset of the unknown operations, every order, each answer replayed."""

from __future__ import annotations

from typing import Any

from tricord.check.history import FAIL, History, Operation

WRONG = object()


def apply(state: dict[str, Any], one: Operation, known: bool) -> Any:
    """The answer, after the state has changed; ``WRONG`` where it is not the recorded one."""
    if one.op == "txn":
        return apply_transaction(state, one, known)
    answer: Any = None
    key = f"{one.op in ('acquire', 'release')}{one.op in ('enqueue', 'dequeue')}{one.key}"
    now = state.get(key)
    checked = True
    if one.op in ("put", "delete"):
        state[key] = one.input if one.op == "put" else None
        checked = False
    elif one.op == "get":
        answer = now
    elif one.op == "cas":
        answer = now == one.input["expect"]
        if answer:
            state[key] = one.input["value"]
    elif one.op == "append":
        state[key] = (now or "") + one.input
        answer = None if one.output is None else state[key]
    elif one.op in ("acquire", "release"):
        before, after = (None, one.client) if one.op == "acquire" else (one.client, None)
        answer = now == before
        if answer:
            state[key] = after
    elif one.op == "enqueue":
        state[key] = (*(now or ()), one.input)
        checked = False
    elif one.op == "dequeue":
        answer = now[0] if now else None
        state[key] = (now or ())[1:]
    return answer if answer == one.output or not checked or not known else WRONG


def apply_transaction(state: dict[str, Any], one: Operation, known: bool) -> Any:
    """A transaction's micro-operations, in order."""
    for place, (what, name, value) in enumerate(one.input):
        key = f"FalseFalse{name}"
        if what == "w":
            state[key] = value
        elif what == "append":
            state[key] = [*(state.get(key) or []), value]
        elif known and state.get(key) != one.output[place][2]:
            return WRONG
    return None


def linearizable(history: History) -> bool:
    """Whether some order explains everything. Cost: factorial."""
    there = [one for one in history.operations if one.status != FAIL]

    def known(one: Operation) -> bool:
        return one.status == "ok" and one.return_ns is not None

    def place(rest: list[Operation], state: dict[str, Any]) -> bool:
        if not any(known(one) for one in rest):
            return True
        first_return = min(one.return_ns or 0 for one in rest if known(one))
        for one in rest:
            after = dict(state)
            if one.call_ns > first_return or apply(after, one, known(one)) is WRONG:
                continue
            if place([other for other in rest if other is not one], after):
                return True
        return False

    return place(there, {})
