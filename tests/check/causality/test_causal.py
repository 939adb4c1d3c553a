# SPDX-License-Identifier: Apache-2.0
"""CC, CCv and CM on the examples of the literature, and on what is unknown, failed or written twice."""

from __future__ import annotations

import pytest

from tests.check.causality.writing import written
from tricord.check.causal import check, check_level
from tricord.check.finding import Limits, Verdict
from tricord.check.history import BadHistory, History, Operation

# The histories that tell the criteria apart in "On verifying causal consistency" (figure 3), and which they satisfy.
FIGURES = {
    "a": ("a x=1 x?2\nb x=2 x?1", {"cc", "cm"}),
    "b": ("a z=1 x=1 y=1\nb x=2 z?- y?1 x?2", {"cc", "ccv"}),
    "c": ("a x=1\nb x=2 x?1 x?2", {"cc"}),
    "d": ("a x=1 y?- y=1 x?1\nb x=2 y?- y=2 x?2", {"cc", "ccv", "cm"}),
    "e": ("a x=1 y=1\nb y?1 x=2\nc x?2 x?1", set()),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_the_figures_that_tell_the_levels_apart(figure: str) -> None:
    text, levels = FIGURES[figure]
    statistics = check(written(text), Limits()).statistics
    assert {level for level in ("cc", "ccv", "cm") if statistics[level] == "holds"} == levels
    assert all(statistics[level] in ("holds", "violated") for level in ("cc", "ccv", "cm"))


@pytest.mark.parametrize(
    ("level", "text", "anomaly", "operations"),
    [
        ("cc", "a x?1 y=1\nb y?1 x=1", "CyclicCO", [0, 1, 2, 3]),
        ("cc", "a x=1 y=1\nb y?1 x?-", "WriteCOInitRead", [0, 1, 2, 3]),
        ("cc", "a x?9\nb x!9", "ThinAirRead", [0]),
        ("cc", "a x=1 x=2\nb x?2 x?1", "WriteCORead", [0, 1, 2, 3]),
        ("ccv", "a x=1 x?2\nb x=2 x?1", "CyclicCF", [0, 1, 2, 3]),
        ("cm", "a x=1\nb x=2 x?1 x?2", "CyclicHB", [0, 1, 2, 3]),
        ("cm", "a z=1 x=1 y=1\nb x=2 z?- y?1 x?2", "WriteHBInitRead", [0, 4]),
    ],
)
def test_each_bad_pattern_has_its_name_and_its_operations(
    level: str, text: str, anomaly: str, operations: list[int]
) -> None:
    found = check_level(written(text), level, Limits())
    assert (found.verdict, found.anomaly, found.operations) == (Verdict.VIOLATED, anomaly, operations)
    assert all(f"#{index}" in found.reason + "".join(found.steps) for index in operations)


def test_the_argument_names_who_read_what_from_whom() -> None:
    found = check(written("a x=1\nb x?1 y=2\nc y?2 x?-"), Limits())
    assert found.steps == [
        'client b read "1" of "x" in #1, which #0 wrote',
        'client b wrote "2" to "y" in #2, after #1',
        'client c read "2" of "y" in #3, which #2 wrote',
        'client c read null of "x" in #4, after #3',
    ]


def test_a_failed_write_is_named_where_it_is_read() -> None:
    found = check(written("a x?9\nb x!9"), Limits())
    assert found.steps == ['client a read "9" of "x" in #0, which only #1 would have written, but failed']


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        # An unknown write may come late: its client need not see it, nor any other do so at once.
        ("a x=1 x~2 x?1 x?2 x?2", "holds"),
        ("a x~1 x?-", "holds"),
        # Once seen, it stays seen; and what its client did before it was before.
        ("a x~1 x?1 x?-", "violated"),
        ("a y=1 x~1\nb x?1 y?-", "violated"),
        ("a x~1 y=1\nb y?1 x?-", "holds"),
        # Null may be the start, or any delete.
        ("a x=1 x=- x?-", "holds"),
        ("a x=1\nb x?1 x?-\nc x=-", "holds"),
        ("a x=1\nb x?1 x?-\nc x~-", "holds"),
        ("a x=- x=1 x?-", "violated"),
        ("a x=- x=1 x?-\nb x=-", "holds"),
        # The same value twice: some writer has to do.
        ("a x=1 x=2 x?1\nb x=1", "holds"),
        ("a x=1 x=2 x?1\nb x?2 x=1 y=1\na y?1", "holds"),
        ("a x=1 x=2 x=1 x=3 x?1", "violated"),
        ("a x=1 x=2 x?1 x?2 x?1\nb x=1", "holds"),
    ],
)
def test_unknown_writes_deletes_and_values_that_are_not_unique(text: str, verdict: str) -> None:
    assert check(written(text), Limits()).verdict.value == verdict


def _cas(client: int, expect: str | None, value: str | None, output: bool | None, status: str = "ok") -> Operation:
    return Operation(client, "cas", "x", {"expect": expect, "value": value}, output, status=status)


def _get(client: int, output: object, key: str = "x") -> Operation:
    return Operation(client, "get", key, None, output)


def _put(client: int, value: str) -> Operation:
    return Operation(client, "put", "x", value)


@pytest.mark.parametrize(
    ("operations", "verdict"),
    [
        ([_put(1, "a"), _cas(1, "a", "b", True), _get(1, "b")], "holds"),
        ([_put(1, "a"), _cas(1, "a", "b", True), _get(1, "a")], "violated"),
        ([_put(1, "a"), _cas(1, "b", "c", False), _get(1, "a")], "holds"),
        ([_put(1, "a"), _cas(1, "a", "c", False)], "violated"),
        ([_put(1, "a"), _cas(1, "a", "c", False), _put(2, "b")], "holds"),
        ([_cas(1, None, "c", False)], "violated"),
        ([_put(1, "a"), _cas(2, "a", "b", None, "unknown"), _get(1, "b"), _get(1, "a")], "violated"),
        ([_put(1, "a"), _cas(2, "z", "b", None, "unknown"), _get(1, "a")], "holds"),
        ([_put(1, "a"), _cas(2, "z", "b", None, "unknown"), _get(1, "b")], "violated"),
    ],
)
def test_compare_and_swap_reads_and_writes(operations: list[Operation], verdict: str) -> None:
    assert check(History(operations), Limits()).verdict.value == verdict


def _append(client: int, text: str, output: str | None, status: str = "ok") -> Operation:
    return Operation(client, "append", "x", text, output, status=status)


@pytest.mark.parametrize(
    ("operations", "verdict"),
    [
        ([_append(1, "a", "a"), _append(2, "b", "ab"), _get(1, "ab")], "holds"),
        ([_append(1, "a", "a"), _append(2, "b", "ab"), _append(1, "c", "ac"), _get(2, "abc")], "violated"),
        ([_append(1, "a", "b")], "violated"),
        # Who appended what is found by the ends.
        ([_append(1, "a", None), _append(2, "b", None), _get(1, "ab"), _get(1, "a")], "violated"),
        (
            [_append(1, "a", None, "unknown"), _append(2, "b", None, "unknown"), _get(3, "ab"), _get(3, None)],
            "violated",
        ),
        ([_append(1, "a", None), _append(2, "b", None), _get(3, "ab"), _get(3, "ab")], "holds"),
        ([_append(1, "a", None), _get(3, "aa")], "violated"),
        ([_append(1, "a", None), _append(2, "a", None), _get(3, "a")], "undecided"),
    ],
)
def test_appends_are_known_by_their_output_or_by_who_read_them(operations: list[Operation], verdict: str) -> None:
    assert check(History(operations), Limits()).verdict.value == verdict


def test_a_transaction_is_its_micro_operations_in_a_row() -> None:
    moves = [["append", "x", 1], ["w", "y", 2]]
    one = Operation(1, "txn", None, moves, moves)
    reads = [["r", "y", None], ["r", "x", None]]
    seen = Operation(2, "txn", None, reads, [["r", "y", 2], ["r", "x", [1]]])
    part = Operation(2, "txn", None, reads, [["r", "y", 2], ["r", "x", None]])
    assert check(History([one, seen]), Limits()).verdict is Verdict.HOLDS
    assert check(History([one, part]), Limits()).anomaly == "WriteCOInitRead"


def test_operations_that_are_no_reads_and_writes_are_refused() -> None:
    with pytest.raises(BadHistory, match=r"line 1: .*'acquire'"):
        check(History([Operation(1, "acquire", "l")]), Limits())


def test_the_order_is_that_of_calls() -> None:
    late, early = Operation(1, "put", "x", "2", call_ns=2), Operation(1, "put", "x", "1", call_ns=1)
    assert (
        check(History([late, early, Operation(1, "get", "x", None, "2", call_ns=3)]), Limits()).verdict.value == "holds"
    )


def test_causal_memory_is_left_undecided_where_steps_run_out() -> None:
    text, _ = FIGURES["c"]
    found = check_level(written(text), "cm", Limits(steps=1))
    assert found.verdict is Verdict.UNDECIDED
    assert (found.statistics["cc"], found.statistics["cm"]) == ("holds", "undecided")
    assert "steps" in found.reason


def test_a_search_ends_when_the_time_is_up() -> None:
    found = check(written("a x=1 x=2 x?1 x?2 x?1\nb x=1"), Limits(expired=lambda: True))
    assert found.verdict is Verdict.UNDECIDED
    assert "time" in found.reason
