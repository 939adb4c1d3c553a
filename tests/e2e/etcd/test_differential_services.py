# SPDX-License-Identifier: Apache-2.0
"""As ``test_differential``, over etcd's other services: scripts with streams and calls that wait.

Both servers are asked at the same time, each on a thread: a script that waits for leases to end waits once.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.etcd import (
    cases_alarms,
    cases_cluster,
    cases_election,
    cases_gateway,
    cases_lease,
    cases_lock,
    cases_maintenance,
    cases_quota,
    cases_space,
    cases_watch,
    cases_watch_streams,
)
from tests.e2e.etcd.cases import ALL, Steps, compact, delete
from tests.e2e.etcd.script import Script
from tests.peers.clusters import eventually
from tests.peers.processes import EtcdProcess, MemberProcess

pytestmark = pytest.mark.peer("etcd")

MODULES = (
    cases_watch,
    cases_watch_streams,
    cases_lease,
    cases_lock,
    cases_election,
    cases_cluster,
    cases_maintenance,
    cases_space,
    cases_alarms,
    cases_gateway,
)

Pair = tuple[Script, Script]


@pytest.fixture(scope="module")
def pair(etcd_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A member and a real etcd of this module alone: scripts empty them."""
    directory = tmp_path_factory.mktemp("services")
    with MemberProcess(directory / "tricord") as member, EtcdProcess(etcd_binary, directory / "etcd") as etcd:
        scripts = Script(member.endpoint), Script(etcd.endpoint)
        yield scripts
        for script in scripts:
            script.close()


class Full(Script):
    """Makes room before each script, and waits until it is counted."""

    def clear(self) -> None:
        self.base = 0
        revision = self.call(delete(*ALL))[1]["header"]["revision"]
        self.call(compact(int(revision), physical=True))
        self.message("Defragment", {})
        eventually(lambda: self.message("Status", {}).dbSizeInUse < cases_quota.QUOTA_BYTES // 8, "room")
        super().clear()


@pytest.fixture(scope="module")
def small_pair(etcd_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """As ``pair``, with little room."""
    directory = tmp_path_factory.mktemp("quota")
    quota = str(cases_quota.QUOTA_BYTES)
    with (
        MemberProcess(directory / "tricord", "--quota-bytes", quota) as member,
        EtcdProcess(etcd_binary, directory / "etcd", f"--quota-backend-bytes={quota}") as etcd,
    ):
        scripts = Full(member.endpoint), Full(etcd.endpoint)
        yield scripts
        for script in scripts:
            script.close()


def cases(*modules: Any) -> list[Any]:
    return [
        pytest.param(steps, id=f"{module.__name__.rpartition('cases_')[2]}: {name}")
        for module in modules
        for name, steps in module.CASES.items()
    ]


def compare(steps: Steps, pair: Pair) -> None:
    """Run the script on both and compare, step by step."""
    with ThreadPoolExecutor(2) as threads:
        answers, expected = threads.map(lambda script: script.run(steps), pair)
    for step, answer, wanted in zip(steps, answers, expected, strict=True):
        assert answer == wanted, f"at {step}"[:400]


@pytest.mark.parametrize("steps", cases(*MODULES))
def test_both_answer_the_same(steps: Steps, pair: Pair) -> None:
    compare(steps, pair)


@pytest.mark.parametrize("steps", cases(cases_quota))
def test_full_ones_answer_the_same(steps: Steps, small_pair: Pair) -> None:
    compare(steps, small_pair)
