# SPDX-License-Identifier: Apache-2.0
"""Revisions give an order that is checked: right ones spare a search, wrong ones change no verdict."""

from __future__ import annotations

import pytest

from tests.check.linear.strategies import KINDS, history_of
from tricord.check import linearizable as model
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History, Operation


def test_right_revisions_spare_the_search() -> None:
    """Values that repeat, two clients, and an unknown write that never took effect."""
    operations = []
    for number in range(100):
        value, at = "ab"[number % 2], number * 10
        operations.append(Operation(1, "put", "k", value, None, at, at + 8, revision=number + 2))
        operations.append(Operation(2, "get", "k", None, value, at + 1, at + 9, revision=number + 2))
    operations.append(Operation(3, "put", "k", "c", None, 5, None, "unknown"))
    finding = model.check(History(operations), Limits())
    assert (finding.verdict, finding.statistics.get("by revision")) == (Verdict.HOLDS, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_revisions_change_nothing(kind: str) -> None:
    for seed in range(40):
        history = history_of(seed, kind, size=8, spoil=1.0)
        expected = model.check(history, Limits()).verdict
        for one in history.operations:
            one.revision = (one.index * 7 + seed) % 5 + 1
        assert model.check(history, Limits()).verdict is expected, seed


def test_an_order_against_real_time_is_none() -> None:
    operations = [
        Operation(1, "put", "k", "a", None, 0, 1, revision=3),
        Operation(1, "put", "k", "a", None, 2, 3, revision=2),
        Operation(1, "get", "k", None, "a", 4, 5, revision=3),
    ]
    finding = model.check(History(operations), Limits())
    assert (finding.verdict, finding.statistics.get("by revision")) == (Verdict.HOLDS, None)


def test_an_unknown_write_may_name_its_revision() -> None:
    """One that took effect, two that wrote the same and did not, and a read that proves it."""
    operations = [
        Operation(1, "put", "k", "a", None, 0, None, "unknown"),
        Operation(2, "put", "k", "a", None, 0, None, "unknown", revision=3),
        Operation(3, "put", "k", "b", None, 0, 9, revision=2),
        Operation(3, "get", "k", None, "a", 10, 12, revision=3),
    ]
    finding = model.check(History(operations), Limits())
    assert (finding.verdict, finding.statistics.get("by revision")) == (Verdict.HOLDS, 1)


def test_a_deletion_that_finds_nothing_waits_for_its_call() -> None:
    """It answers with the revision of what came before it, as the reads before it do."""
    operations = [
        Operation(1, "put", "k", "a", None, 0, 1, revision=2),
        Operation(1, "delete", "k", None, None, 2, 3, revision=3),
        Operation(1, "get", "k", None, None, 4, 5, revision=3),
        Operation(1, "delete", "k", None, None, 6, 7, revision=3),
        Operation(1, "cas", "k", {"expect": None, "value": "a"}, True, 8, 9, revision=4),
    ]
    finding = model.check(History(operations), Limits())
    assert (finding.verdict, finding.statistics.get("by revision")) == (Verdict.HOLDS, 1)
