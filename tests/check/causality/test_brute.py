# SPDX-License-Identifier: Apache-2.0
"""The causal levels against their definitions, on histories that are small enough to try all orders."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.check.causality.brute import holds
from tests.check.causality.drawing import drawn
from tricord.check.causal import check
from tricord.check.finding import Limits
from tricord.check.history import History


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_verdicts_are_those_of_the_definitions(seed: int) -> None:
    history = History(drawn(random.Random(seed), 5))
    found = check(history, Limits()).statistics
    expected = {level: "holds" if yes else "violated" for level, yes in holds(history.operations).items()}
    assert {level: found[level] for level in expected} == expected
