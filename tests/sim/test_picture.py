# SPDX-License-Identifier: Apache-2.0
"""A run as a picture in a terminal and as a page."""

from __future__ import annotations

from dataclasses import replace

from tests.sim.scripted_run import run
from tricord.check.history import History, Operation
from tricord.sim.page import page
from tricord.sim.picture import LEGEND, picture
from tricord.sim.plan import Fault, Plan

PLAN = Plan(
    "fine",
    17,
    seconds=10.0,
    faults=(
        Fault(2.0, "partition", ("n1", "n2"), 3.0),
        Fault(4.0, "transfer", ("n2",)),
        Fault(5.0, "crash", ("leader",), 1.5),
    ),
)


def test_faults_members_clients_and_the_violation_stand_below_each_other() -> None:
    outcome = run(PLAN)
    outcome.lines = [
        "0.000 n1 leads in term 2",
        "5.000 n1 dies",
        "5.750 n2 leads in term 3",
        "6.5 n1 starts at entry 9",
        "7 so",
    ]
    outcome.history = History(
        [
            Operation(1, "put", "k", "a", None, 0, 1),
            Operation(1, "put", "k", "b", None, 9_000_000_000, None, "unknown"),
            Operation("c2", "get", "k", None, None, 5_000_000_000, 5_500_000_000, "fail"),
        ]
    )
    assert picture(outcome, width=66).splitlines() == [
        "                          0 s     2 s     4 s     6 s     8 s    10 s",
        "partition n1,n2           ........#############...................",
        "transfer n2               ................x.......................",
        "crash leader              ....................#######.............",
        "n1                        LLLLLLLLLLLLLLLLLLLLxxxxxx--------------",
        "n2                        -----------------------LLLLLLLLLLLLLLLLL",
        "client 1                  o...................................?...",
        "client c2                 ....................!...................",
        "                   linearizability at 5.000 s ^",
        LEGEND,
    ]


def test_a_page_holds_the_faults_the_roles_and_what_was_violated() -> None:
    outcome = run(PLAN)
    outcome.lines = ["0.000 n1 leads in term 2", "1.000 n1 is paused", "2.000 n1 goes on"]
    outcome.violations[0] = replace(outcome.violations[0], words="#1 read <nothing>")
    text = page(outcome)
    assert "5.000 s, linearizability: <a href" in text and "&lt;nothing&gt;" in text and "<nothing>" not in text
    assert "partition n1,n2" in text and "n1 is paused" in text and "n1 leads" in text
    assert "<script" not in text


def test_a_run_without_operations_and_violations_has_a_picture_too() -> None:
    outcome = run(Plan("fine", 1, seconds=0.5))
    outcome.history = None
    assert picture(outcome).splitlines()[-1] == LEGEND
    assert "No violation." in page(outcome)
