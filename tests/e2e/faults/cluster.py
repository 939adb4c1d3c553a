# SPDX-License-Identifier: Apache-2.0
"""A cluster whose members live in network namespaces, each with its own clock, disk and links to break."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.faults.clock import WallClock
from tests.e2e.faults.links import Relays
from tests.e2e.faults.namespaces import Network
from tests.e2e.faults.room import Room
from tests.peers.clusters import Cluster, ClusterMember

PORT = 2379
SEGMENT_BYTES = 8 << 20
"""Small files of the log, so that a full disk meets the making of a new one soon."""


class HostMember(ClusterMember):
    """`tricord serve` on a host of its own. Its peers reach it through relays."""

    def __init__(self, name: str, directory: Path, network: Network, clock: WallClock | None) -> None:
        super().__init__(name, directory, (), clock.environment if clock is not None else {})
        self._network = network
        self._faults = directory.with_name(f"{name}.faults.json")
        self.host, self.port = network.address(name), PORT
        self.endpoint = f"{self.host}:{self.port}"
        self.break_disk()

    @property
    def peer_url(self) -> str:
        return f"http://{self._network.relayed_address(self.name)}:{PORT}"

    def command(self) -> Sequence[str]:
        tricord = [sys.executable, "-m", "tricord", "serve", "--name", self.name, "--data-dir", str(self.directory)]
        flags = ["--listen", self.endpoint, "--insecure", "--segment-bytes", str(SEGMENT_BYTES)]
        peers = ["--advertise-peer", self.peer_url.removeprefix("http://"), "--unsafe-faults", str(self._faults)]
        return [*self._network.inside(self.name), *tricord, *flags, *peers, *self.initial_flags()]

    def break_disk(self, *rules: dict[str, object]) -> None:
        """Let its disk be slow or fail so (`storage.faulty_disk.DiskRule`), and in no other way; soon."""
        written = self._faults.with_suffix(".new")
        written.write_text(json.dumps({"disk": rules}))
        os.replace(written, self._faults)


class HostCluster(Cluster):
    """Three members on three hosts; the disk of one of them is ``room``, the wall clock of another ``clock``."""

    def __init__(self, folder: Path, network: Network, *, roomy: str, clocked: str | None) -> None:
        """``roomy`` is the member whose disk can become full, ``clocked`` the one whose clock can be wrong."""
        folder.mkdir(parents=True)
        self._network = network
        self.hosts: dict[str, HostMember] = {}
        self.clocked = clocked
        self.clock = WallClock(folder / "clock") if clocked is not None else None
        self.room = Room(folder / roomy)
        self.roomy = roomy
        self.relays = Relays(network, PORT)
        super().__init__("tricord", folder, len(network.hosts))

    def _make(self, name: str) -> ClusterMember:
        clock = self.clock if name == self.clocked else None
        member = HostMember(name, self.folder / name, self._network, clock)
        self.members[name] = self.hosts[name] = member
        return member

    @staticmethod
    def linger(seconds: float) -> None:
        """Let a fault last."""
        time.sleep(seconds)

    def __enter__(self) -> Self:
        self.room.__enter__()
        try:
            self.relays.__enter__()
            return super().__enter__()
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        self.relays.close()
        self.room.__exit__(None, None, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._end()
