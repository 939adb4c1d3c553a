# SPDX-License-Identifier: Apache-2.0
"""Each consistency model over 50 seeds: what it promises holds, and no more than that (``models``)."""

from __future__ import annotations

import pytest

from tests.sim import models

SEEDS = range(50)
CAUSAL_TROUBLE = {"crash", "partition", "clock", "isolate", "wipe", "restore", "grow"}


@pytest.mark.parametrize("model", models.MODELS)
def test_what_a_model_promises_holds_under_faults_and_no_more_than_that(model: str) -> None:
    found = models.tally(model, SEEDS)
    assert found.broken == {}
    assert found.has_teeth, found.line()
    assert model != "causal" or set(found.fired) >= CAUSAL_TROUBLE


def test_the_command_says_what_it_found(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(seed: int) -> models.Result:
        assert seed != 2, "an assertion of the product"
        return models.Result("convergence: replicas differ" if seed == 1 else "")

    monkeypatch.setitem(models.MODELS, "causal", models.Model(broken, "linearizable"))
    assert models.main(["causal", "--seeds", "30"]) == 1
    out = capsys.readouterr().out
    assert "causal, seed 1: convergence: replicas differ" in out
    assert "AssertionError: an assertion of the product" in out
    assert "causal: 30 seeds, 0 s, 2 violations; not linearizable in 0 runs" in out
    assert "the check sees nothing" in out
    assert models.main(["eventual", "--seeds", "1"]) == 0
