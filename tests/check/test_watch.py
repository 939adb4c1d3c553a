# SPDX-License-Identifier: Apache-2.0
"""The guarantees of watches: each kind of wrong account by name, and random accounts against what really happened."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.check.watch_stories import Account, Story, is_right, random_story, right_account, spoilt
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import BadHistory, History, Operation
from tricord.check.watch import check


def story() -> Story:
    """Revisions 2 to 6."""
    made = Story()
    for changes in ({"a": "1"}, {"b": "2"}, {"a": "3", "b": "4", "x": "5"}, {"a": None}, {"a": "6"}):
        made.write(dict(changes))
    return made


def account(*outputs: Any, key: str = "a", **wish: Any) -> Account:
    return Account("w", key, {"start_revision": 2, "range_end": "c", **wish}, list(outputs))


def judged(accounts: list[Account], told: Story, *more: Operation) -> Finding:
    lines = list(told.lines)
    for place, one in enumerate(accounts):
        lines += replace(one, name=f"w{place}").lines(1000 + 1000 * place)
    return check(History([*lines, *more]), Limits())


def all_of(made: Story, previous: bool = True) -> dict[int, list[dict[str, Any]]]:
    """What a watcher of a to c is told, by revision."""
    told = made.due({"range_end": "c"}, "a", 2, made.newest)
    return {changes[0].revision: [change.line(previous) for change in changes] for changes in told}


def test_all_in_order_is_right_in_any_grouping() -> None:
    made = story()
    at = all_of(made)
    right = [
        account({"events": at[2] + at[3]}, {"events": at[4]}, {"events": at[5] + at[6]}, prev_kv=True),
        account(
            {"events": at[2]},
            {"events": at[3]},
            {"revision": 3},
            {"events": at[4][:1], "fragment": True},
            {"events": at[4][1:] + at[5]},
            prev_kv=True,
        ),
        account({"events": at[5]}, start_revision=5, filters=["noput"], prev_kv=True),
        account({"created": True, "revision": 4}, {"events": at[5]}, start_revision=0),
        account({"events": at[4][:1]}, {"revision": 4}, start_revision=4, range_end=""),
    ]
    assert judged(right, made).statistics == {"watches": 5, "changes": 7, "told": 14}


WRONG: dict[str, Callable[[dict[int, list[dict[str, Any]]]], list[dict[str, Any]]]] = {
    "gap": lambda at: [{"events": at[2]}, {"events": at[4]}],
    "gap ": lambda at: [{"events": at[2]}, {"revision": 3}],
    "told twice": lambda at: [{"events": at[2]}, {"events": at[2]}],
    "out of order": lambda at: [{"events": at[2] + at[4]}, {"events": at[3]}],
    "behind a mark": lambda at: [{"events": at[2]}, {"revision": 3}, {"events": at[3]}],
    "split revision": lambda at: [{"events": at[2] + at[3] + at[4][:1]}, {"events": at[4][1:]}],
    "not atomic": lambda at: [{"events": at[2] + at[3] + at[4][1:]}],
    "not asked for": lambda at: [{"events": [*at[2], *at[3], {**at[4][0], "key": "x", "value": "5"}]}],
    "not the same": lambda at: [{"events": [{**at[2][0], "value": "7"}]}],
    "never written": lambda at: [{"events": at[2]}, {"events": [{**at[2][0], "mod_revision": 3}]}],
    "wrong creation": lambda at: [{"events": [{**at[2][0], "version": 2}]}],
    "wrong previous": lambda at: [{"events": [{**at[2][0], "prev_kv": {"value": "0"}}]}],
    "wrong previous ": lambda at: [
        {"events": at[2] + at[3]},
        {"events": [{**at[4][0], "prev_kv": None}]},
    ],
    "not ended": lambda at: [{"compacted": 3}, {"events": at[2]}],
    "ended early": lambda at: [{"events": at[2]}, {"compacted": 2}],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    made = story()
    found = judged([account(*WRONG[name](all_of(made)), prev_kv=True)], made)
    assert (found.verdict, found.anomaly) == (Verdict.VIOLATED, name.strip())
    assert found.operations and found.steps


def test_nothing_comes_before_the_start() -> None:
    made = story()
    assert judged([account({"events": all_of(made, False)[2]}, start_revision=3)], made).anomaly == "before its start"


def test_a_watch_that_takes_the_place_of_another_goes_on_where_that_ended() -> None:
    made = story()
    at = all_of(made, False)
    first = account({"events": at[2] + at[3]})
    assert judged([first, account({"events": at[4]}, start_revision=4)], made).verdict is Verdict.HOLDS
    assert judged([first, account({"events": at[5]}, start_revision=4)], made).anomaly == "gap"


def test_watchers_agree_without_anybody_who_wrote() -> None:
    made = story()
    at = all_of(made, False)
    made.lines.clear()
    one, other = account({"events": at[2] + at[3] + at[4]}), account({"events": at[2] + at[4]}, watch=2)
    assert judged([one], made).verdict is Verdict.HOLDS
    found = judged([one, other], made)
    assert (found.anomaly, found.operations) == ("gap", [0, 1])


def test_what_failed_or_was_not_yet_written_is_not_told() -> None:
    event = {"type": "put", "key": "k", "value": "v", "mod_revision": 2}
    told = Operation("w", "watch", "k", {"start_revision": 2}, {"events": [event]}, 10, 20, "ok")
    put = Operation(1, "put", "k", "v", None, 15, 30, "unknown")
    assert check(History([put, told]), Limits()).verdict is Verdict.HOLDS
    assert (
        check(History([Operation(1, "put", "k", "v", None, 15, 30, "fail"), told]), Limits()).anomaly == "failed write"
    )
    late = Operation(1, "put", "k", "v", None, 21, 30, "ok", 2)
    assert check(History([late, told]), Limits()).anomaly == "told too early"


def test_a_compaction_may_take_previous_values_away() -> None:
    made = story()
    at = all_of(made)
    lone = account({"events": [{**at[4][0], "prev_kv": None}, at[4][1]]}, start_revision=4, prev_kv=True)
    assert judged([lone], made).anomaly == "wrong previous"
    assert judged([lone], made, Operation("c", "compact", None, 3, None, 0, 1)).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Operation("w", "watch", None), "line 1: a watch needs a key"),
        (Operation("w", "watch", "k", {"from": 1}, {}), "line 1: the input of a watch"),
        (Operation("w", "watch", "k", None, {"events": [{"type": "put"}]}), "line 1: the output of a watch"),
        (
            Operation("w", "watch", "k", None, {"events": [{"type": "p", "key": "k", "mod_revision": 2}]}),
            "the type of an",
        ),
        (Operation("w", "acquire", "k"), "line 1: acquire is neither"),
    ],
)
def test_lines_that_are_no_watch_are_named(one: Operation, words: str) -> None:
    with pytest.raises(BadHistory, match=words):
        check(History([one]), Limits())


def test_a_watch_without_an_answer_says_nothing() -> None:
    assert check(History([Operation("w", "watch", "k", status="fail")]), Limits()).verdict is Verdict.HOLDS


@pytest.mark.parametrize("seed", range(20))
def test_the_verdict_is_that_of_who_knows_all(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(100):
        made = random_story(draw)
        right = right_account(draw, made, "w1")
        everything = right_account(draw, made, "all", everything=True)
        assert judged([right, everything], made).verdict is Verdict.HOLDS
        wrong = spoilt(draw, made, right)
        found = judged([wrong, everything], made)
        assert (found.verdict is Verdict.HOLDS) == is_right(made, wrong), (made.lines, wrong, found)


def test_responses_come_in_the_order_of_their_returns() -> None:
    made = story()
    due = all_of(made)
    told = account(*({"revision": revision, "events": events} for revision, events in due.items()))
    lines = replace(told, name="w0").lines(1000)
    for line in lines:
        line.call_ns = 1000  # when the watch began, as some recorders have it
    assert check(History([*made.lines, *reversed(lines)]), Limits()).verdict is Verdict.HOLDS
