# SPDX-License-Identifier: Apache-2.0
"""Leases and locks of real processes that are paused and killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e import lock_holder, soak_leases
from tests.peers.clusters import Cluster, eventually
from tests.peers.processes import clean_environment

pytestmark = pytest.mark.slow

TTL = 2
BUSY_SECONDS = 20.0
"""So long may all stand still on a machine that runs other tests too."""


def test_no_lease_ends_early_or_stays_while_leaders_are_paused_and_killed(tmp_path: Path) -> None:
    run = soak_leases.soak("tricord", tmp_path / "cluster", seconds=10, slack=BUSY_SECONDS, least=10)
    assert run.complaints == []


class Holder:
    """A process of ``lock_holder``, and what it said."""

    def __init__(self, port: int, name: str, log: Path) -> None:
        self.log = log
        command = [sys.executable, lock_holder.__file__, str(port), name, str(TTL)]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=clean_environment())

    def said(self) -> list[str]:
        return self.log.read_text().splitlines()

    def writes(self) -> bool:
        """Whether it has the lock and wrote under it."""
        return "ok" in self.said()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def holding(port: int, name: str, folder: Path) -> Iterator[Holder]:
    holder = Holder(port, name, folder / f"{name}.log")
    try:
        yield holder
    finally:
        holder.close()


def test_the_guarded_writes_of_a_holder_that_slept_are_refused_always(tmp_path: Path) -> None:
    with Cluster("tricord", tmp_path / "cluster") as cluster:
        leader = cluster.leader()
        port = next(member.port for name, member in cluster.members.items() if name != leader)
        with holding(port, "first", tmp_path) as first:
            eventually(first.writes, "the first holder's writes")
            first.process.send_signal(signal.SIGSTOP)
            asleep_since = time.monotonic()
            # What it had sent before it fell asleep is done when the second one gets the lock.
            with holding(port, "second", tmp_path) as second:
                cluster.kill(leader)
                eventually(second.writes, "the second holder's writes")
                before = first.said().count("ok")
                cluster.start([leader])
                eventually(lambda: time.monotonic() - asleep_since > 3 * TTL, "three lease times to pass")
                first.process.send_signal(signal.SIGCONT)
                eventually(lambda: first.said().count("refused") >= 5 or not_running(first), "refusals")
                # The answer to a write that was under way may have waited for the first one to wake up.
                assert first.said().count("ok") <= before + 1
                assert first.said()[-1] != "ok"
                found = lock_holder.call(port, "/v3/kv/range", {"key": lock_holder.encoded("guarded")})
                assert found["kvs"][0]["value"] == lock_holder.encoded("second")


def not_running(holder: Holder) -> bool:
    return holder.process.poll() is not None
