# SPDX-License-Identifier: Apache-2.0
"""What operators do to a cluster while it serves: restart its members one after another, replace one by a new one.

``python -m tests.e2e.planned_changes etcd`` says what clients see of it with a real etcd.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.peers import paths
from tests.peers.clusters import Cluster, eventually
from tests.peers.load import Load, assert_nothing_lost
from tests.peers.processes import clean_environment
from tests.peers.python_load import PythonLoad

WRITES = 50
"""So many are acknowledged between two steps, by each kind of client."""


def etcdctl(endpoints: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One run of etcdctl."""
    binary = paths.find("etcdctl")
    assert binary is not None, "etcdctl is not here: run make peers"
    command = [str(binary), f"--endpoints={endpoints}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())


def rolling_restart(cluster: Cluster, go_on: Callable[[], None]) -> None:
    """SIGTERM to each member in turn, the leader in the middle; each is healthy again before the next."""
    leader = cluster.leader()
    first, last = [name for name in cluster.members if name != leader]
    for name in (first, leader, last):
        assert cluster.members[name].stop() in (0, -signal.SIGTERM)  # etcd ends by the signal itself
        go_on()
        cluster.start([name])
        go_on()


def replace(cluster: Cluster, old: str, go_on: Callable[[], None]) -> None:
    """A new member joins as a learner and is promoted when it has caught up; then the old one is removed and ended."""
    number = cluster.standings()[old].member
    new = cluster.prepare_to_join(f"n{len(cluster.members) + 1}")
    others = cluster.endpoints_without(new.name, old)
    # Refused for some seconds after a restart: members must have been heard of for a while.
    succeeds(others, "member", "add", new.name, "--learner", f"--peer-urls={new.peer_url}")
    new.start(wait=False)
    identity = eventually(new.standing, f"an answer of {new.name}").member
    succeeds(others, "member", "promote", f"{identity:x}")  # refused until it has caught up
    go_on()
    succeeds(others, "member", "remove", f"{number:x}")
    cluster.members[old].close()
    cluster.drop(old)
    go_on()


def succeeds(endpoints: str, *arguments: str) -> None:
    """Try again until it does."""
    eventually(lambda: etcdctl(endpoints, *arguments).returncode == 0, f"success of etcdctl {' '.join(arguments)}")


class Clients:
    """The Go client and ours, three of each over all endpoints, from the cluster's start to the end of the block."""

    def __init__(self, cluster: Cluster) -> None:
        record = cluster.folder / "acknowledged"
        self._cluster = cluster
        self.go = Load(cluster.endpoints, "--reads", "--writers=3", "--rate=60", "--timeout=60s", record=record)
        self.python = PythonLoad(cluster.endpoints, writers=2)

    def go_on(self) -> None:
        """Return when all kinds of clients have written more."""
        mark = self.python.acknowledged
        count = 0

        def enough() -> bool:
            nonlocal count
            count += self.go.mark().acknowledged
            return count >= WRITES and self.python.acknowledged >= mark + WRITES

        eventually(enough, "clients to write on")

    def run(self, change: Callable[[], None]) -> None:
        """Make the change under load; what was acknowledged is there after it, on every member."""
        with self.go, self.python:
            self.go_on()
            change()
            self.go.finish()
        self._cluster.wait_until_level()
        assert self.go.record is not None
        assert_nothing_lost(self.go.record, self._cluster.endpoints)

    def complaints(self) -> dict[str, int]:
        """What clients saw and did not ask for: errors beyond their own retries, reads that lacked a write."""
        found = {f"go {text}": count for text, count in self.go.total.errors.items()}
        found |= {f"python {text}": count for text, count in self.python.errors.items()}
        return found | dict.fromkeys([*self.go.total.wrong, *self.python.wrong], 1)


def main(kind: str) -> None:
    """Both changes once, and what clients saw."""
    with tempfile.TemporaryDirectory() as folder, Cluster(kind, Path(folder) / "cluster") as cluster:
        for title, change in (
            ("rolling restart", lambda go_on: rolling_restart(cluster, go_on)),
            ("replacement", lambda go_on: replace(cluster, cluster.leader(), go_on)),
        ):
            clients, started = Clients(cluster), time.monotonic()
            clients.run(lambda change=change, clients=clients: change(clients.go_on))  # type: ignore[misc]
            seconds, count = time.monotonic() - started, clients.go.total.acknowledged + clients.python.acknowledged
            print(f"{kind} {title}: {seconds:.0f} s, {count} writes, complaints: {clients.complaints()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
