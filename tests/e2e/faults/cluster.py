# SPDX-License-Identifier: Apache-2.0
"""A cluster whose members live in network namespaces, and the faults that can befall it."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.e2e.faults.namespaces import Network
from tests.peers.clusters import Cluster, ClusterMember

PORT = 2379


class HostMember(ClusterMember):
    """`tricord serve` on a host of its own."""

    def __init__(self, name: str, directory: Path, network: Network) -> None:
        super().__init__(name, directory, (), {})
        self._network = network
        self.host, self.port = network.address(name), PORT
        self.endpoint = f"{self.host}:{self.port}"

    def command(self) -> Sequence[str]:
        tricord = [sys.executable, "-m", "tricord", "serve", "--name", self.name, "--data-dir", str(self.directory)]
        flags = ["--listen", self.endpoint, "--insecure", *self.initial_flags()]
        return [*self._network.inside(self.name), *tricord, *flags]


class HostCluster(Cluster):
    """Three members on three hosts."""

    def __init__(self, folder: Path, network: Network) -> None:
        self._network = network
        super().__init__("tricord", folder, len(network.hosts))

    def _make(self, name: str) -> ClusterMember:
        member = self.members[name] = HostMember(name, self.folder / name, self._network)
        return member


class Faults:
    """Draws faults and mends them again. At any time a majority of members is whole, so that what ends ends well."""

    def __init__(self, cluster: HostCluster, network: Network, seed: int) -> None:
        self._cluster = cluster
        self._network = network
        self._random = random.Random(seed)
        self.counts: dict[str, int] = {}
        self._kinds: dict[str, Callable[[str, str], None]] = {
            "isolated": self._isolated,
            "one way to it": self._one_way_to,
            "one way from it": self._one_way_from,
            "a pair parted": self._pair,
            "killed": self._killed,
            "paused": self._paused,
            "all killed": self._all_killed,
        }

    def strike(self) -> str:
        """One fault, from its beginning to its end; what it was. Blocks for seconds."""
        kind = self._random.choice(list(self._kinds))
        names = list(self._cluster.members)
        # The leader is where it hurts.
        victim = self._cluster.leader() if self._random.random() < 0.6 else self._random.choice(names)
        other = self._random.choice([name for name in names if name != victim])
        self.counts[kind] = self.counts.get(kind, 0) + 1
        try:
            self._kinds[kind](victim, other)
        finally:
            self._network.heal()
        return f"{kind}: {victim}"

    def _last(self) -> None:
        time.sleep(self._random.uniform(0.3, 4.0))

    def _isolated(self, victim: str, other: str) -> None:
        self._network.isolate(victim)
        self._last()

    def _one_way_to(self, victim: str, other: str) -> None:
        for name in self._cluster.members:
            if name != victim:
                self._network.cut(name, victim)
        self._last()

    def _one_way_from(self, victim: str, other: str) -> None:
        for name in self._cluster.members:
            if name != victim:
                self._network.cut(victim, name)
        self._last()

    def _pair(self, victim: str, other: str) -> None:
        self._network.part(victim, other)
        self._last()

    def _killed(self, victim: str, other: str) -> None:
        self._cluster.kill(victim)
        self._last()
        self._cluster.start([victim])

    def _paused(self, victim: str, other: str) -> None:
        self._cluster.pause(victim)
        try:
            self._last()
        finally:
            self._cluster.resume(victim)

    def _all_killed(self, victim: str, other: str) -> None:
        self._cluster.kill_all()
        self._cluster.start()
