# SPDX-License-Identifier: Apache-2.0
"""Registers with deletes: the sweep finds an order wherever there is one, and never where there is none."""

from __future__ import annotations

from bench.check.histories import Shape, history

from tests.check.linear.strategies import history_of
from tricord.check import linearizable as model
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History, Operation
from tricord.check.linear.clusters import broken_zone
from tricord.check.linear.deletes import Swept, swept
from tricord.check.linear.partition import Partition, partitions
from tricord.check.linear.search import Search


def one_register(operations: list[Operation]) -> Partition:
    (found,) = partitions(operations)
    return found


def test_an_order_is_found_exactly_where_a_search_finds_one() -> None:
    verdicts = []
    for seed in range(150):
        drawn = history_of(seed, "register", size=4 + seed % 30, unique=True, spoil=1.0)
        moves = one_register(drawn.operations).moves()
        verdict = Search(moves, None, Limits()).run().verdict
        result = swept(moves)
        assert result.found is (verdict is Verdict.HOLDS), seed
        verdicts.append(verdict)
        if result.zone:
            finding = broken_zone(drawn.operations, result.zone, result.within)
            assert model.check(drawn.only(finding.operations), Limits()).verdict is Verdict.VIOLATED, seed
    assert verdicts.count(Verdict.VIOLATED) > 10


def test_many_clients_on_one_register() -> None:
    finding = model.check(History(history(Shape(5000, clients=50, mix="deletes"))), Limits())
    assert (finding.verdict, finding.statistics["swept"]) == (Verdict.HOLDS, 1)


def test_a_bug_among_many_clients_is_shown_by_few_operations() -> None:
    finding = model.check(History(history(Shape(5000, clients=50, mix="deletes", bug="stale-read"))), Limits())
    assert (finding.verdict, finding.statistics["swept"]) == (Verdict.VIOLATED, 1)
    assert len(finding.operations) < 10


def test_a_cas_that_was_refused_is_no_read_of_a_value() -> None:
    refused = {"expect": "a", "value": "b"}
    operations = [Operation(1, "cas", "k", refused, False, at, at + 1) for at in range(0, 600, 20)]
    operations += [Operation(2, "delete", "k", None, None, at, at + 1) for at in range(5, 2000, 10)]
    assert swept(one_register(operations).moves()) == Swept(False)
    assert model.check(History(operations), Limits()).verdict is Verdict.HOLDS


def test_values_that_repeat_are_left_to_the_search() -> None:
    assert swept(one_register(history(Shape(300, unique=False, mix="deletes"))).moves()) == Swept(False)
    assert swept(one_register(history(Shape(300, mix="cas"))).moves()) == Swept(False)
