# SPDX-License-Identifier: Apache-2.0
"""Checkers of transactions and of sequential consistency agree with the definitions, tried out in every way."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.check import brute_force, drawn
from tricord.check.finding import Limits, Verdict
from tricord.check.history import History
from tricord.check.models import check_of

MODELS = ("read-committed", "snapshot-isolation", "serializable", "sequential")


def agree(model: str, history: History) -> None:
    finding = check_of(model)(history, Limits())
    holds = getattr(brute_force, model.replace("-", "_"))(history)
    assert finding.verdict is (Verdict.HOLDS if holds else Verdict.VIOLATED), finding
    if not holds:
        assert finding.anomaly and finding.steps and finding.operations
        assert all(0 <= index < len(history) for index in finding.operations)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=120)
@given(random=st.randoms(use_true_random=False))
def test_transactions(model: str, random: Random) -> None:
    agree(model, drawn.transactions(random))


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=120)
@given(random=st.randoms(use_true_random=False))
def test_operations_of_one_key(model: str, random: Random) -> None:
    agree(model, drawn.singles(random, say_all=model == "read-committed"))
