# SPDX-License-Identifier: Apache-2.0
"""Automatic compaction: what is kept, for how long, and how often something goes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tricord.mvcc.auto_compaction import AutoCompaction, PeriodicCompaction, RevisionCompaction, auto_compaction

MINUTE, HOUR = 60, 3600


def play(rule: AutoCompaction, seconds: float, *, writes_each: float = 1.0, fails: int = 0) -> list[tuple[float, int]]:
    """Run a rule over a store that gets a write each so many seconds; (time, revision) of the compactions that worked.
    The first ``fails`` do not."""
    compacted, done, now = -1, [], 0.0
    while now < seconds:
        now += rule.every
        revision = rule.sample(now, 1 + int(now / writes_each), compacted)
        if revision:
            assert revision > compacted
            if fails:
                fails -= 1
                continue
            compacted = revision
            done.append((now, revision))
    return done


@pytest.mark.parametrize(
    ("retention", "every", "between"),
    [(5, 0.5, 5), (10 * MINUTE, MINUTE, 10 * MINUTE), (HOUR, 6 * MINUTE, HOUR), (24 * HOUR, 6 * MINUTE, HOUR)],
)
def test_a_period_is_kept_whole_and_what_is_older_goes_each_period_at_most_each_hour(
    retention: float, every: float, between: float
) -> None:
    rule = PeriodicCompaction(retention)
    assert rule.every == pytest.approx(every)
    done = play(rule, retention + 20 * between)
    assert len(done) in (20, 21)
    assert done[0][0] >= retention, "nothing goes before the first period is over"
    for at, revision in done:
        assert at - retention - every <= revision <= at - retention + 1 + 1e-6
    pauses = [later[0] - earlier[0] for earlier, later in pairwise(done)]
    assert all(pause == pytest.approx(between) for pause in pauses)


def test_a_store_without_writes_is_compacted_once() -> None:
    assert len(play(PeriodicCompaction(60), 3600, writes_each=1e9)) == 1
    assert play(RevisionCompaction(100), 36_000, writes_each=1e9) == []


def test_what_failed_is_tried_at_the_next_sample() -> None:
    (first, _), *_ = play(PeriodicCompaction(100), 1000)
    (later, _), *_ = play(PeriodicCompaction(100), 1000, fails=3)
    assert later == pytest.approx(first + 30)


def test_one_that_comes_to_lead_goes_on_from_its_own_samples() -> None:
    """It saw the other's compaction, so it makes none before the next is due."""
    rule = PeriodicCompaction(100)
    marks = {120: 5, 220: 60}
    mark, asked = -1, []
    for now in range(10, 400, 10):
        mark = marks.get(now, mark)
        revision = rule.sample(now, now, mark)
        if revision and now > 220:
            asked.append((now, revision))
            mark = revision
    assert asked[0] == (310, 210)


def test_a_pause_of_the_process_makes_nothing_go_too_early() -> None:
    rule = PeriodicCompaction(100)
    rule.sample(10, 10, -1)
    assert rule.sample(1000, 900, -1) == 10
    assert rule.sample(1010, 901, 10) == 0


def test_the_last_revisions_are_kept_and_looked_at_every_five_minutes() -> None:
    rule = RevisionCompaction(1000)
    assert rule.every == 5 * MINUTE
    done = play(rule, HOUR)
    assert [revision for _, revision in done] == [1 + 300 * n - 1000 for n in range(4, 13)]
    assert rule.sample(0, 1000, -1) == rule.sample(0, 1, -1) == 0
    assert rule.sample(0, 1500, 500) == 0


def test_settings_name_the_rule() -> None:
    assert auto_compaction("periodic", 0) is auto_compaction("revision", 0) is None
    by_time, by_count = auto_compaction("periodic", 60), auto_compaction("revision", 60)
    assert by_time is not None and isinstance(by_time(), PeriodicCompaction) and by_time() is not by_time()
    assert by_count is not None and isinstance(by_count(), RevisionCompaction)
