# SPDX-License-Identifier: Apache-2.0
"""docs/check.md: its lines are read, its models are those there are, and what it says of the command is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tricord.check import locks, watch
from tricord.check.finding import Limits, Verdict
from tricord.check.models import MODELS, check_of
from tricord.check.reading import read_history
from tricord.cli.check_record import MODELS as FIRST_CHECKS
from tricord.cli.check_record import Workload

PAGE = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8")
LINES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_every_model_is_on_the_page_and_is_there() -> None:
    table = PAGE.partition("## The models")[2].partition("## The lines")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(MODELS)
    assert all(callable(check_of(model)) for model in MODELS)


def test_the_lines_on_the_page_are_right() -> None:
    plain, watches, locking = map(str.encode, LINES)
    assert len(read_history(plain)) == 3
    assert watch.check(read_history(watches), Limits()).statistics["told"] == 1
    assert locks.check(read_history(locking), Limits()).statistics == {"locks": 1, "holdings": 1, "leases": 1}


@pytest.mark.parametrize("workload", FIRST_CHECKS)
def test_every_workload_is_on_the_page_with_its_model(workload: Workload) -> None:
    section = PAGE.partition("## Recording")[2].partition("\n## ")[0]
    (row,) = re.findall(rf"^\| `{workload}` \|.*$", section, re.MULTILINE)
    assert f"`{FIRST_CHECKS[workload]}`" in row


def test_a_model_that_is_not_there_is_no_checker() -> None:
    with pytest.raises(KeyError):
        check_of("strict")


def test_an_empty_history_holds_in_every_model() -> None:
    assert {check_of(model)(read_history(b""), Limits()).verdict for model in MODELS} == {Verdict.HOLDS}
