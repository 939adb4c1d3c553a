# SPDX-License-Identifier: Apache-2.0
"""The four guarantees on the examples that define them."""

from __future__ import annotations

import pytest

from tests.check.causality.writing import written
from tricord.check.finding import Limits, Verdict
from tricord.check.sessions import ALL, check


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("a x=1 x?-", "read your writes"),
        ("a x=1 x=2 x?1", "read your writes"),
        ("a x=1 y=1 x?-", "read your writes"),
        ("a x=1\nb x?1 x?-", "monotonic reads"),
        ("a x=1 x=2\nb x?2 x?1", "monotonic reads"),
        ("a x=1\nb x=2\nc x?1 x?2 x?1", "monotonic reads"),
        ("a x=1 y=2\nb y?2 x?-", "monotonic writes"),
        ("a x=1 x=2 y=1\nb y?1 x?1", "monotonic writes"),
        ("a x=1 y~2\nb y?2 x?-", "monotonic writes"),
        ("a x=1\nb x?1 y=2\nc y?2 x?-", "writes follow reads"),
        ("a x=1\nb x?1 x=2\nc x?2\nd x?1 y=1\nc y?1", ""),
        ("a x=1\nb x?1 x=2\nc x?2 y=1\nd y?1 x?1", "writes follow reads"),
        ("a x=1 x?2\nb x=2 x?1", ""),
        ("a x=1\nb x=2\nc x?1 x?2\nd x?2 x?1", ""),
        ("a x=1 x~2 x?1 x?2", ""),
        ("a x=1 x?1 x?-\nb x=-", ""),
    ],
)
def test_which_guarantee_broke(text: str, broken: str) -> None:
    found = check(written(text), Limits())
    assert found.anomaly == broken
    assert {name: found.statistics[name] for name in ALL} == {
        name: "violated" if name == broken else "holds" for name in ALL
    }
    assert found.verdict is (Verdict.VIOLATED if broken else Verdict.HOLDS)


def test_the_counter_example_is_the_read_and_what_it_should_have_seen() -> None:
    found = check(written("a z=1 x=1 x=2 z=2\nb z?1 x?2 z?1 x?1"), Limits())
    assert found.operations == [1, 2, 5, 7]
    assert found.reason.startswith('monotonic reads: client b read "1" of "x" in #7')


@pytest.mark.parametrize(("text", "anomaly"), [("a x?9", "ThinAirRead"), ("a x?1 y=1\nb y?1 x=1", "CyclicCO")])
def test_what_nobody_wrote_and_circles_of_causes_break_all_four(text: str, anomaly: str) -> None:
    found = check(written(text), Limits())
    assert found.anomaly == anomaly
    assert all(found.statistics[name] == "violated" for name in ALL)


def test_guarantees_that_break_only_together_are_named_together() -> None:
    found = check(written("a x=1\nb x=2 x?1 x?2"), Limits())
    assert found.anomaly == "read your writes and monotonic reads"
    assert found.operations == [0, 1, 2, 3]
    assert [found.statistics[name] for name in ALL] == ["violated", "violated", "holds", "holds"]


def test_what_steps_do_not_suffice_for_is_undecided() -> None:
    found = check(written("a x=1 x=2 x?1 x?2\nb x=1"), Limits(steps=1))
    assert {found.statistics[name] for name in ALL} == {"undecided"}
    assert "steps" in found.reason


@pytest.mark.parametrize("text", ["", "a x=1", "a x?-"])
def test_next_to_nothing_holds(text: str) -> None:
    assert check(written(text), Limits()).verdict is Verdict.HOLDS
