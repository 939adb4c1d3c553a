# SPDX-License-Identifier: Apache-2.0
"""Stamps follow the wall clock and never contradict causality; a clock that is far ahead pulls nobody along."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tricord.base.hybrid_clock import HybridClock, hybrid_time, milliseconds_of

NOON = 1_700_000_000_000

times = st.integers(0, 2**41)
stamps = st.builds(hybrid_time, times, st.integers(0, 2**16 - 1))


def test_a_clock_that_runs_gives_wall_time() -> None:
    clock = HybridClock().advance(NOON)
    assert clock.stamp == hybrid_time(NOON)
    assert milliseconds_of(clock.advance(NOON + 5).stamp) == NOON + 5


def test_a_clock_that_stands_or_goes_back_still_counts() -> None:
    clock = HybridClock().advance(NOON)
    assert clock.advance(NOON).stamp == hybrid_time(NOON, 1)
    assert clock.advance(NOON - 3_600_000).stamp == hybrid_time(NOON, 1)


def test_more_events_than_fit_a_millisecond_borrow_from_the_next() -> None:
    full = HybridClock(hybrid_time(NOON, 2**16 - 1))
    assert full.advance(NOON).stamp == hybrid_time(NOON + 1)


@given(stamps, times, times)
def test_what_follows_a_stamp_that_was_seen_is_stamped_later(mine: int, theirs: int, now: int) -> None:
    clock = HybridClock(hybrid_time(mine >> 16))
    seen = clock.observe(hybrid_time(theirs), now)
    after = seen.clock.advance(now)
    assert after.stamp > clock.stamp
    assert seen.ahead or after.stamp > hybrid_time(theirs)
    assert bool(seen.ahead) == (theirs > now + 60_000)


def test_a_clock_ten_minutes_ahead_is_followed_to_the_clamp_and_told() -> None:
    foreign = hybrid_time(NOON + 600_000, 3)
    seen = HybridClock(hybrid_time(NOON)).observe(foreign, NOON, clamp=1_000)
    assert seen.ahead == 600_000
    assert milliseconds_of(seen.clock.stamp) == NOON + 1_000
    assert seen.clock.observe(foreign, NOON, clamp=1_000) == seen, "seeing it again pulls no further"
    assert HybridClock(foreign).observe(hybrid_time(NOON), NOON).clock.stamp == foreign, "a clock never goes back"


def test_what_is_within_the_clamp_is_followed_in_full() -> None:
    foreign = hybrid_time(NOON + 900, 7)
    seen = HybridClock().observe(foreign, NOON, clamp=1_000)
    assert (seen.clock.stamp, seen.ahead) == (foreign, 0)
