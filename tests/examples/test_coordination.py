# SPDX-License-Identifier: Apache-2.0
"""The examples of locks and elections run as their users run them: several processes at once, one of them killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tricord

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(params=["etcd", "tricord"])
def endpoint(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_endpoint")
    with tricord.connect(found) as store:
        store.delete_prefix("counter")
        store.delete_prefix("job")
    return found


def started(name: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_counter_under_a_lock(endpoint: str) -> None:
    running = [started("lock.py", endpoint) for _ in range(3)]
    outputs = [process.communicate(timeout=60) for process in running]
    assert sorted(outputs) == [("1\n", ""), ("2\n", ""), ("3\n", "")]


def test_a_worker_goes_on_where_the_one_before_was_killed(endpoint: str) -> None:
    first = started("leader_worker.py", "first", endpoint)
    assert first.stdout is not None
    assert first.stdout.readline() == "first did step 1\n"
    second = started("leader_worker.py", "second", endpoint)
    assert first.stdout.readline() == "first did step 2\n"
    first.kill()
    done = 2 + len(first.stdout.read().splitlines())
    first.communicate()
    output, faults = second.communicate(timeout=60)
    lines = output.splitlines()
    assert lines[-1] == "second did step 20" and faults == ""
    # What was written and not said any more, is not done twice.
    assert lines[0] in (f"second did step {done + 1}", f"second did step {done + 2}")
