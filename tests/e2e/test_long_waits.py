# SPDX-License-Identifier: Apache-2.0
"""What takes a minute of mostly waiting, all at the same time: PostgreSQL under Patroni, and etcdctl's `check perf`.

Patroni follows a killed leader when its lease of 20 s ends, and `check perf` makes 150 writes a second for 60 s. Each
is told of a member and of a real etcd, and must be the same.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.patroni import story as patroni
from tests.peers import paths
from tests.peers.processes import EtcdProcess, MemberProcess, clean_environment

SERVERS = ("etcd", "tricord")
PERF_SECONDS = 180
PERF = {
    "throughput": r"Throughput (?:is|too low:) \d+ writes/s",
    "slowest": r"Slowest request took (?:too long: )?[\d.]+s",
    "deviation": r"Stddev (?:is|too high:) [\d.]+s",
    "verdict": r"^(?:PASS|FAIL)$",
}
"""What `check perf` tells in the end. How fast a busy machine is, is not the question."""
Told = dict[tuple[str, str], Future[list[str]]]


def perf(name: str, endpoint: str) -> list[str]:
    """Which of its results this version of etcdctl told."""
    command = [str(paths.find(name)), f"--endpoints={endpoint}", "check", "perf", "--load=s", f"--prefix=/{name}/"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=PERF_SECONDS,
        env=clean_environment(**({"ETCDCTL_API": "3"} if name == "etcdctl-3.4" else {})),
    )
    printed = done.stdout + done.stderr
    results = [result for result, pattern in PERF.items() if re.search(pattern, printed, re.MULTILINE)]
    return results or [printed[-2000:]]


@pytest.fixture(scope="module")
def told(
    etcd_binary: Path, tricord_endpoint: str, etcd_endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    """All stories, begun at once. The load goes to servers of its own."""
    folder = tmp_path_factory.mktemp("waits")
    stores = {"etcd": etcd_endpoint, "tricord": tricord_endpoint}
    begun: Told = {}
    with (
        EtcdProcess(etcd_binary, folder / "etcd") as etcd,
        MemberProcess(folder / "member") as member,
        ThreadPoolExecutor(16) as pool,
    ):
        loaded = {"etcd": etcd.endpoint, "tricord": member.endpoint}
        for server in SERVERS:
            if paths.find("patroni") and paths.find("postgresql"):
                begun["patroni", server] = pool.submit(patroni.told, folder / f"patroni-{server}", stores[server])
            for name in ("etcdctl-3.4", "etcdctl-3.5", "etcdctl"):
                if paths.find(name):
                    begun[name, server] = pool.submit(perf, name, loaded[server])
        yield begun


@pytest.mark.peer("patroni")
@pytest.mark.peer("postgresql")
@pytest.mark.parametrize("server", SERVERS)
def test_postgresql_follows_who_leads(told: Told, server: str) -> None:
    assert told["patroni", server].result() == patroni.TOLD


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.peer(name)) for name in ("etcdctl-3.4", "etcdctl-3.5", "etcdctl")]
)
def test_etcdctl_checks_the_performance(told: Told, name: str) -> None:
    assert [told[name, server].result() for server in SERVERS] == [list(PERF)] * 2
