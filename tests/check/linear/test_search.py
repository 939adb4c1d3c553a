# SPDX-License-Identifier: Apache-2.0
"""The search against the definition, over thousands of small histories of every kind of object."""

from __future__ import annotations

import pytest

from tests.check.linear.brute import linearizable
from tests.check.linear.strategies import KINDS, history_of
from tricord.check import linearizable as model
from tricord.check.finding import Limits, Verdict


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unique", [False, True])
def test_as_by_definition(kind: str, unique: bool) -> None:
    verdicts = set()
    for seed in range(300):
        history = history_of(seed, kind, size=2 + seed % 7, keys=1 + seed % 2, unique=unique)
        expected = linearizable(history)
        verdict = model.check(history, Limits()).verdict
        assert verdict is (Verdict.HOLDS if expected else Verdict.VIOLATED), (seed, history.operations)
        verdicts.add(verdict)
    assert len(verdicts) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_what_really_happened_holds(kind: str) -> None:
    for seed in range(30):
        history = history_of(seed, kind, size=40, keys=2, spoil=0)
        assert model.check(history, Limits()).verdict is Verdict.HOLDS, seed
