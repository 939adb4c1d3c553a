# SPDX-License-Identifier: Apache-2.0
"""Registers with compare-and-swap: an order by chains is found nearly wherever there is one, and nowhere else."""

from __future__ import annotations

from bench.check.histories import Shape, history

from tests.check.linear.strategies import history_of
from tricord.check import linearizable as model
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History, Operation
from tricord.check.linear.chains import chained
from tricord.check.linear.move import Move
from tricord.check.linear.partition import partitions
from tricord.check.linear.search import Search


def moves_of(operations: list[Operation]) -> list[Move]:
    (found,) = partitions(operations)
    return found.moves()


def test_an_order_is_found_only_where_a_search_finds_one() -> None:
    found = missed = violated = 0
    for seed in range(300):
        drawn = history_of(seed, "swaps", size=4 + seed % 20, unique=True, spoil=1.0)
        moves = moves_of(drawn.operations)
        verdict = Search(moves, None, Limits()).run().verdict
        if chained(moves):
            assert verdict is Verdict.HOLDS, seed
            found += 1
        elif verdict is Verdict.VIOLATED:
            violated += 1
        else:
            missed += not any(move.makes is None and not move.pure for move in moves)
    assert found > 50
    assert violated > 50
    assert missed < 5


def test_many_clients_who_swap_one_register() -> None:
    finding = model.check(History(history(Shape(5000, clients=50, mix="cas"))), Limits())
    assert (finding.verdict, finding.statistics["swept"]) == (Verdict.HOLDS, 1)


def test_a_bug_is_left_to_the_search() -> None:
    assert not chained(moves_of(history(Shape(300, clients=5, mix="cas", bug="applied-twice"))))


def test_a_refusal_goes_where_something_else_was_there() -> None:
    swap = {"expect": "a", "value": "c"}
    operations = [
        Operation(1, "put", "k", "a", None, 0, 10),
        Operation(2, "put", "k", "b", None, 20, 40),
        Operation(3, "cas", "k", swap, False, 15, 30),
        Operation(1, "get", "k", None, "a", 22, 25),
    ]
    assert chained(moves_of(operations))
    operations[2].return_ns = 19
    assert not chained(moves_of(operations))


def test_values_that_are_written_twice_or_away_say_nothing() -> None:
    assert not chained(moves_of([Operation(1, "put", "k", "a", None, at, at + 1) for at in (0, 2)]))
    assert not chained(moves_of([Operation(1, "delete", "k", None, None, 0, 1)]))
