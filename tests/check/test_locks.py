# SPDX-License-Identifier: Apache-2.0
"""Locks and leases, by stories, and against looking at every moment."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.check.oracle import locking
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import BadHistory, History, Operation
from tricord.check.locks import check

SECOND = 1_000_000_000


def one(
    client: int, op: str, call: float, end: float | None, output: Any = None, status: str = "ok", **more: Any
) -> Operation:
    """Times in seconds."""
    key, given = more.get("key", "l"), more.get("input")
    back = None if end is None else int(end * SECOND)
    return Operation(client, op, key, given, output, int(call * SECOND), back, status)


def judged(*operations: Operation) -> Finding:
    return check(History(operations), Limits())


def anomaly(*operations: Operation) -> str:
    finding = judged(*operations)
    assert bool(finding.anomaly) == (finding.verdict is Verdict.VIOLATED)
    return finding.anomaly


FIRST = one(1, "acquire", 0, 1)


def test_one_after_the_other_is_right() -> None:
    assert judged(FIRST, one(1, "release", 3, 6), one(2, "acquire", 2, 4)).statistics == {
        "locks": 1,
        "holdings": 2,
        "leases": 0,
    }


def test_two_at_once_are_not() -> None:
    found = judged(FIRST, one(2, "acquire", 2, 4), one(1, "release", 5, 6))
    assert (found.anomaly, found.operations) == ("lock held twice", [0, 1, 2])
    assert anomaly(FIRST, one(2, "acquire", 2, 4)) == "lock held twice"


def test_other_locks_refusals_and_unknown_outcomes_hold_nothing() -> None:
    assert not anomaly(
        FIRST,
        one(1, "acquire", 2, 3),
        one(2, "acquire", 2, 4, False),
        one(3, "acquire", 2, 4, status="unknown"),
        one(4, "acquire", 2, 4, status="fail"),
        one(5, "acquire", 2, 4, key="other"),
    )


def test_a_release_that_failed_released_nothing_and_an_unknown_one_may_have() -> None:
    assert anomaly(FIRST, one(1, "release", 2, 3, status="fail"), one(2, "acquire", 4, 5)) == "lock held twice"
    assert not anomaly(FIRST, one(1, "release", 2, None, status="unknown"), one(2, "acquire", 4, 5))


def test_what_a_client_does_at_once_with_one_lock_says_nothing() -> None:
    with pytest.raises(BadHistory, match=r"line 2: client 1 calls release of .* but its acquire of line 1 returns at"):
        judged(FIRST, one(1, "release", 0.5, 2))
    renewed = one(1, "renew", 0, 5, {"ttl": 5}, key="a")
    assert not anomaly(GRANT, renewed, leased(1, 1, 2, "a"), one(1, "acquire", 1, 3, key="other"))
    assert not anomaly(FIRST, one(1, "release", 2, None, status="unknown"), one(1, "acquire", 3, 4))


def test_who_loses_a_lock_without_a_lease_cannot_say_since_when() -> None:
    assert not anomaly(FIRST, one(2, "acquire", 2, 3), one(1, "lose", 4, 4))


def leased(client: int, call: float, end: float, lease: str) -> Operation:
    return one(client, "acquire", call, end, input={"lease": lease})


GRANT = one(1, "grant", 0, 0.5, {"ttl": 5}, key="a")


def test_a_lock_is_held_as_long_as_its_lease_surely_lives() -> None:
    renewal = one(1, "renew", 3, 6, {"ttl": 5}, key="a")
    assert anomaly(GRANT, leased(1, 1, 2, "a"), one(2, "acquire", 3, 4)) == "lock held twice"
    assert not anomaly(GRANT, leased(1, 1, 2, "a"), one(2, "acquire", 3, 5))
    assert anomaly(GRANT, leased(1, 1, 2, "a"), renewal, one(2, "acquire", 3, 7.9)) == "lock held twice"
    assert not anomaly(GRANT, leased(1, 1, 2, "a"), renewal, one(2, "acquire", 3, 8))
    revoked = one(9, "revoke", 3, None, status="unknown", key="a")
    assert not anomaly(GRANT, leased(1, 1, 2, "a"), revoked, one(2, "acquire", 3, 4))
    assert not anomaly(leased(1, 1, 2, "never granted"), one(2, "acquire", 3, 4))


def test_no_lease_ends_early() -> None:
    found = judged(GRANT, one(2, "expire", 4.9, 4.9, key="a"))
    assert (found.anomaly, found.operations) == ("lease ended early", [0, 1])
    assert anomaly(GRANT, one(1, "renew", 1, 2, {"ttl": 0}, key="a")) == "lease ended early"
    assert anomaly(GRANT, one(2, "expire", 5.5, 5.5, key="a"), one(1, "renew", 6, 7, {"ttl": 5}, key="a"))
    assert not anomaly(GRANT, one(2, "expire", 5, 5, key="a"))
    assert not anomaly(GRANT, one(1, "revoke", 1, 2, key="a"), one(2, "expire", 2, 2, key="a"))
    assert anomaly(GRANT, one(1, "revoke", 3, 4, key="a"), one(2, "expire", 2, 2, key="a")) == "lease ended early"
    assert not anomaly(GRANT, one(1, "renew", 4, None, status="unknown", key="a"), one(2, "expire", 6, 6, key="a"))


def test_a_name_that_is_granted_again_is_another_lease() -> None:
    again = one(1, "grant", 20, 21, {"ttl": 5}, key="a")
    assert not anomaly(GRANT, one(2, "expire", 6, 6, key="a"), again, leased(1, 22, 23, "a"))


def test_tokens_grow() -> None:
    def fenced(client: int, at: int, token: Any) -> list[Operation]:
        return [one(client, "acquire", at, at + 1, token), one(client, "release", at + 2, at + 3)]

    assert not anomaly(*fenced(1, 0, 7), *fenced(2, 10, {"token": 9}), *fenced(3, 20, True), *fenced(1, 30, 10))
    assert anomaly(*fenced(1, 0, 7), *fenced(2, 10, 9), *fenced(1, 20, 8)) == "token did not grow"
    assert anomaly(*fenced(1, 0, 7), *fenced(2, 10, 7)) == "token did not grow"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (one(1, "put", 0, 1), "line 1: put is an operation neither"),
        (one(1, "acquire", 0, 1, input=7), "line 1: the input of an acquire"),
        (one(1, "acquire", 0, 1, "seven"), "line 1: the output of an acquire"),
        (one(1, "grant", 0, 1), "line 1: the output of a grant"),
        (one(1, "renew", 0, 1, {"ttl": -1}), "line 1: the output of a renew"),
        (Operation(1, "release"), "line 1: release needs a key"),
    ],
)
def test_lines_that_cannot_be_judged_are_named(line: Operation, words: str) -> None:
    with pytest.raises(BadHistory, match=words):
        judged(line)


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_the_verdict_is_that_of_every_moment(first: int) -> None:
    for seed in range(first, first + 100):
        history = locking.history(random.Random(seed))
        assert (check(history, Limits()).verdict is Verdict.HOLDS) == locking.exclusive(history), seed
