# SPDX-License-Identifier: Apache-2.0
"""The comparison of runs in two processes sees what differs, and only that."""

from __future__ import annotations

import pytest

from tests.sim import scripted_run
from tests.sim.hashes import compare, digest, main
from tricord.sim.outcome import Outcome
from tricord.sim.plan import Plan
from tricord.sim.swarm import draw


def depends_on_hashing(plan: Plan) -> Outcome:
    """A run whose trace is another in each interpreter with another PYTHONHASHSEED."""
    outcome = scripted_run.run(plan)
    outcome.trace_hash = hash("text") & 0xFFFF_FFFF
    return outcome


def test_equal_runs_are_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "5", "--jobs", "2", "--run", "tests.sim.scripted_run:run"]) == 0
    assert "5 seeds of the fine net, twice: 5 equal, 0 differ\n" in capsys.readouterr().out


def test_a_run_that_depends_on_the_process_is_named() -> None:
    count, differing = compare("tests.sim.test_hashes:depends_on_hashing", "fine", range(7, 9), 1)
    assert count == 2 and [once.split()[0] for once, _ in differing] == ["7", "8"]


def test_everything_that_an_outcome_says_is_compared() -> None:
    one, other = scripted_run.run(draw(1, "fine")), scripted_run.run(draw(1, "fine"))
    assert digest(one) == digest(other)
    other.lines.append("1.000 n2 leads")
    assert digest(one) != digest(other)
