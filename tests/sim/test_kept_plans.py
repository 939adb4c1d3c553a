# SPDX-License-Identifier: Apache-2.0
"""Plans that once failed, each with its reason on its first line: they pass, and keep passing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tricord.sim.nets import run_of
from tricord.sim.plan_text import parse_plan

PLANS = sorted((Path(__file__).parent / "plans").glob("*.plan"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_that_once_failed_passes(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# ")
    plan = parse_plan(text)
    outcome = run_of(plan.net)(plan)
    assert not outcome.violations, "\n".join(violation.words for violation in outcome.violations)
