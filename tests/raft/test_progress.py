# SPDX-License-Identifier: Apache-2.0
"""What a leader knows of one follower: probing, streaming, waiting for a snapshot; and what is on its way."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.raft.inflights import Inflights
from tricord.raft.progress import Phase, Progress

# What the network may bring a leader, in any order: indexes up to the end of its log of 20.
answers = st.lists(
    st.one_of(
        st.tuples(st.just("matched"), st.integers(0, 20), st.just(0)),
        st.tuples(st.just("refused"), st.integers(0, 20), st.integers(0, 20)),
        st.tuples(st.just("sent"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("snapshot"), st.just(0), st.just(0)),
    ),
    max_size=30,
)


def test_a_probe_that_is_accepted_begins_the_stream() -> None:
    progress = Progress(6)
    assert (progress.phase, progress.next_index) == (Phase.PROBE, 6)
    assert progress.matched(5)
    assert (progress.phase, progress.match_index, progress.next_index) == (Phase.REPLICATE, 5, 6)


def test_a_lower_acknowledgement_does_not_end_a_probe() -> None:
    progress = Progress(6)
    assert progress.matched(2)
    assert (progress.phase, progress.match_index) == (Phase.PROBE, 2)


def test_a_refusal_goes_back_to_the_hint_and_not_below_what_matches() -> None:
    progress = Progress(10)
    assert progress.refused(9, 4)
    assert progress.next_index == 5
    progress.matched(4)
    assert progress.phase is Phase.REPLICATE
    assert progress.refused(8, 1)
    assert (progress.phase, progress.next_index) == (Phase.PROBE, 5)


def test_a_refusal_of_another_probe_is_out_of_date() -> None:
    progress = Progress(10)
    assert not progress.refused(7, 3)
    assert progress.next_index == 10


def test_a_refusal_of_what_matched_meanwhile_is_out_of_date() -> None:
    progress = Progress(6)
    progress.matched(5)
    assert not progress.refused(4, 2)
    assert (progress.phase, progress.match_index) == (Phase.REPLICATE, 5)


def test_a_refusal_during_a_snapshot_changes_nothing() -> None:
    progress = Progress(6)
    progress.await_snapshot()
    assert not progress.refused(5, 2)
    assert progress.phase is Phase.SNAPSHOT


@settings(deadline=None)
@given(answers)
def test_whatever_comes_what_matches_stays_below_what_is_next(script: list[tuple[str, int, int]]) -> None:
    """Figure 2: matchIndex increases monotonically; nextIndex is behind it."""
    progress = Progress(11)
    for what, first, second in script:
        before = progress.match_index
        if what == "matched":
            progress.matched(first)
        elif what == "refused":
            progress.refused(first, min(second, first))
        elif what == "snapshot":
            progress.await_snapshot()
        elif progress.phase is Phase.REPLICATE:
            progress.next_index = min(progress.next_index + first, 21)
        assert progress.match_index >= before
        assert progress.match_index < progress.next_index <= 21


def test_the_oldest_messages_are_acknowledged_first() -> None:
    inflights = Inflights()
    for last_index, size_bytes in ((3, 10), (5, 20), (9, 30)):
        inflights.add(last_index, size_bytes)
    inflights.acknowledged(4)
    assert (len(inflights), inflights.size_bytes) == (2, 50)
    inflights.acknowledged(2)
    assert len(inflights) == 2, "an old answer"
    inflights.acknowledged(9)
    assert (len(inflights), inflights.size_bytes) == (0, 0)


def test_one_message_may_always_be_on_its_way() -> None:
    inflights = Inflights()
    assert inflights.has_room(1, 1)
    inflights.add(1, 1_000_000)
    assert not inflights.has_room(2, 1_000)
    assert not inflights.has_room(1, 10_000_000)
    assert inflights.has_room(2, 10_000_000)
    inflights.clear()
    assert inflights.has_room(1, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50)), max_size=20), st.integers(0, 70))
def test_inflights_are_those_behind_what_was_acknowledged(sent: list[tuple[int, int]], index: int) -> None:
    inflights = Inflights()
    last, all_sent = 0, []
    for step, size_bytes in sent:
        last += step
        all_sent.append((last, size_bytes))
        inflights.add(last, size_bytes)
    inflights.acknowledged(index)
    left = [size_bytes for last_index, size_bytes in all_sent if last_index > index]
    assert (len(inflights), inflights.size_bytes) == (len(left), sum(left))
