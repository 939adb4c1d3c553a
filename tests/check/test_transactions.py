# SPDX-License-Identifier: Apache-2.0
"""What checkers of transactions refuse, and longer histories: of a correct store, and with one answer made stale."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.check.samples import transactions
from tricord.check.finding import Limits, Verdict
from tricord.check.history import BadHistory, History, Operation
from tricord.check.models import check_of

MODELS = ("read-committed", "snapshot-isolation", "serializable", "sequential")


def store(seed: int, count: int, what: str) -> History:
    """Transactions of ten clients that took effect at one moment each, of two reads and two writes over twenty keys."""
    random = Random(seed)
    moments, operations = [], []
    free = [0] * 10
    for number in range(count):
        client = number % 10
        call = free[client] + random.randint(1, 50)
        free[client] = back = call + random.randint(1, 500)
        moments.append((random.randint(call, back), number))
        operations.append(Operation(client=client, op="txn", call_ns=call, return_ns=back))
    state: dict[str, Any] = {}
    for _, number in sorted(moments):
        asked: list[list[Any]] = []
        answered: list[list[Any]] = []
        keys = random.sample(range(20), 4)
        for place, key in enumerate(map("k{}".format, keys)):
            if place < 2:
                seen = state.get(key)
                asked.append(["r", key, None])
                answered.append(["r", key, seen])
                continue
            asked.append([what, key, number * 4 + place])
            answered.append(asked[-1])
            state[key] = asked[-1][2] if what == "w" else [*(state.get(key) or []), asked[-1][2]]
        operations[number].input, operations[number].output = asked, answered
    return History(sorted(operations, key=lambda one: one.call_ns))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("what", ["w", "append"])
def test_a_correct_store(model: str, what: str) -> None:
    assert check_of(model)(store(1, 300, what), Limits()).verdict is Verdict.HOLDS


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_text_is_a_value_and_not_null(model: str) -> None:
    operations = [
        Operation("a", "put", "x", "", None, 0, 1),
        Operation("a", "get", "x", None, "", 2, 3),
        Operation("a", "append", "x", "", "", 4, 5),
        Operation("a", "get", "x", None, "", 6, 7),
        Operation("a", "txn", None, [["r", "x", None]], [["r", "x", ""]], 8, 9),
    ]
    assert check_of(model)(History(operations), Limits()).verdict is Verdict.HOLDS
    operations[3].output = None
    held = check_of(model)(History(operations), Limits()).verdict is Verdict.HOLDS
    assert held == (model != "sequential")


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_text_may_be_appended(model: str) -> None:
    operations = [
        Operation("a", "append", "x", "", None, 0, 1),
        Operation("a", "append", "x", "b", None, 2, 3),
        Operation("b", "get", "x", None, "b", 5, 5),
    ]
    assert check_of(model)(History(operations), Limits()).verdict is Verdict.HOLDS


def few_values(seed: int) -> History:
    """A hundred transactions on two keys that hold one of three values."""
    random = Random(seed)
    free, moments = [0] * 4, []
    for _ in range(100):
        client = min(range(4), key=free.__getitem__)
        call = free[client] + random.randint(1, 5)
        free[client] = back = call + random.randint(1, 10)
        moments.append((random.uniform(call, back), client, call, back))
    state: dict[str, str] = {}
    operations = []
    for _, client, call, back in sorted(moments):
        asked: list[list[Any]] = []
        answered: list[list[Any]] = []
        for key in random.sample(("x", "y"), 2):
            if random.random() < 0.5:
                asked.append(["r", key, None])
                answered.append(["r", key, state.get(key)])
            else:
                state[key] = random.choice("abc")
                asked.append(["w", key, state[key]])
                answered.append(asked[-1])
        operations.append(Operation(client, "txn", None, asked, answered, call, back))
    return History(operations)


@pytest.mark.parametrize(("model", "seed"), [("sequential", 22), ("serializable", 28), ("snapshot-isolation", 51)])
def test_what_a_correct_store_answered_holds_though_values_repeat(model: str, seed: int) -> None:
    """No guess of who wrote what is corrected to the end here; an order in real time is found at once."""
    found = check_of(model)(few_values(seed), Limits(steps=50_000))
    assert found.verdict is Verdict.HOLDS
    assert found.statistics["in real time"] == 1


@pytest.mark.parametrize("what", ["w", "append"])
def test_one_stale_answer(what: str) -> None:
    """A read of an old version beside a new one is no snapshot."""
    history = store(2, 200, what)
    late, early = history.operations[150], history.operations[40]
    key, value = early.input[2][1], early.input[2][2]
    seen = value if what == "w" else next(
        micro[2][: micro[2].index(value) + 1]
        for one in history.operations
        for micro in one.output
        if micro[0] == "r" and micro[1] == key and value in (micro[2] or ())
    )  # fmt: skip
    late.input[0], late.output[0] = ["r", key, None], ["r", key, seen]
    for model in ("snapshot-isolation", "serializable", "sequential"):
        finding = check_of(model)(history, Limits())
        assert finding.verdict is Verdict.VIOLATED
        assert late.index in finding.operations
    assert check_of("read-committed")(history, Limits()).verdict is Verdict.HOLDS


def test_without_steps_nothing_is_decided_that_needs_a_search() -> None:
    history = transactions("w x 1 | w x 2 | r x 1, w y 1 | r x 2, w y 2 | r y 1, r x 2 | r y 2, r x 1")
    assert check_of("serializable")(history, Limits()).verdict is Verdict.VIOLATED
    assert check_of("serializable")(history, Limits(steps=0)).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    "operation",
    [
        Operation(client=1, op="acquire", key="k"),
        Operation(client=1, op="put"),
        Operation(client=1, op="txn", input=[["x", "k", 1]]),
        Operation(client=1, op="txn", input=[["r", "k", None]], output=[]),
        Operation(client=1, op="cas", key="k", input={"expect": None, "value": "a"}, output=None),
        Operation(client=1, op="append", key="k", input=1),
        Operation(client=1, op="txn", input=[["append", "k", 1], ["w", "k", 1]]),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_lines_that_no_model_can_judge(model: str, operation: Operation) -> None:
    history = History([Operation(client=1, op="get", key="other"), operation])
    with pytest.raises(BadHistory, match=r"^line 2: "):
        check_of(model)(history, Limits())
