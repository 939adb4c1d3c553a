# SPDX-License-Identifier: Apache-2.0
"""The short ways say the same as the long ones, and an order in common is found only where there is one."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from tests.check.causality.drawing import drawn
from tests.check.causality.writing import written
from tricord.check import sessions
from tricord.check.causality.later import Later, later_of, of_overwrites
from tricord.check.causality.pattern import Pattern
from tricord.check.causality.patterns import Causal, causal_of, conflicting, overwritten
from tricord.check.causality.reads_from import trace_of
from tricord.check.causality.shared_order import in_common
from tricord.check.finding import Limits
from tricord.check.history import History

DRAWN = 160


def causal_orders() -> list[Causal]:
    """Of random histories that are causally consistent so far."""
    found = []
    for seed in range(DRAWN):
        trace = trace_of(History(drawn(random.Random(seed), 10)))
        causal = causal_of(trace, trace.source)
        if isinstance(causal, Causal) and overwritten(causal, causal.later) is None:
            found.append(causal)
    return found


def test_an_order_in_common_is_found_only_where_there_is_one() -> None:
    counts = {True: 0, False: 0}
    for causal in causal_orders():
        if len(causal.later.reads):
            found = in_common(causal, causal.later)
            counts[found] += 1
            assert not found or conflicting(causal) is None
    assert counts[True]


def test_a_write_that_is_moved_ahead_takes_along_what_its_own_readers_had_seen() -> None:
    trace = trace_of(written("a x=1 z=1\nb x=2 y=1\nc y?1 z?1 x?1"))
    causal = causal_of(trace, trace.source)
    assert not isinstance(causal, Pattern)
    assert causal.later.others.tolist() == [2]
    assert in_common(causal, causal.later)


def test_what_stands_later_is_the_same_by_pairs_and_by_tracks() -> None:
    for causal in causal_orders():
        all_later, last = causal.later, of_overwrites(causal.overwrites, causal.rank)
        assert causal.all_later
        pairs = set(zip(all_later.reads.tolist(), all_later.others.tolist(), strict=True))
        assert set(zip(last.reads.tolist(), last.others.tolist(), strict=True)) <= pairs
        assert np.unique(last.reads).tolist() == np.unique(all_later.reads).tolist()


@pytest.mark.parametrize("few", [0, 3])
def test_verdicts_are_the_same_where_writes_stand_far_apart(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    histories = [History(drawn(random.Random(seed), 8)) for seed in range(few, DRAWN, 4)]
    expected = [sessions.check(history, Limits()).statistics for history in histories]

    def near(*asked: Any) -> Later | None:
        return later_of(*asked) if len(asked[-1]) <= few else None

    monkeypatch.setattr("tricord.check.causality.patterns.later_of", near)
    assert [sessions.check(history, Limits()).statistics for history in histories] == expected
