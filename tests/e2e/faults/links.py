# SPDX-License-Identifier: Apache-2.0
"""The relays between members, one on each host, from outside: what shape each directed link has."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from types import TracebackType
from typing import Self

from tests.e2e.faults.namespaces import Network
from tests.e2e.faults.relay import Shape


class Relays:
    """`with Relays(network, port) as relays:`; members dial each other at ``network.relayed_address``."""

    def __init__(self, network: Network, port: int) -> None:
        self._network = network
        self._port = port
        self._processes: list[subprocess.Popen[str]] = []
        self._shapes: dict[str, Shape] = {}

    def shape(self, shapes: dict[tuple[str, str], Shape]) -> None:
        """Give these links (sender, receiver) another shape; the others keep theirs. It holds when this returns."""
        self._shapes |= {f"{sender}>{receiver}": shape for (sender, receiver), shape in shapes.items()}
        self._tell()

    def heal(self, links: Iterable[tuple[str, str]] | None = None) -> None:
        """Make these links whole, or all."""
        for link in [f"{one}>{other}" for one, other in links] if links is not None else list(self._shapes):
            self._shapes.pop(link, None)
        self._tell()

    def _tell(self) -> None:
        line = json.dumps({link: asdict(shape) for link, shape in self._shapes.items()}) + "\n"
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(line)
            process.stdin.flush()
        for process in self._processes:
            self._until_ok(process)

    def _until_ok(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        answer = process.stdout.readline()
        assert answer == "ok\n", f"a relay ended with {process.wait()}"

    def _start(self, host: str) -> None:
        network, port = self._network, self._port
        words = [
            f"{other}={network.relayed_address(other)}:{port}={network.address(other)}:{port}"
            for other in network.hosts
            if other != host
        ]
        command = [*network.inside(host), sys.executable, "-m", "tests.e2e.faults.relay", host, *words]
        self._processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def __enter__(self) -> Self:
        try:
            for host in self._network.hosts:
                self._start(host)
            for process in self._processes:
                self._until_ok(process)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End all relays."""
        for process in self._processes:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.wait(timeout=30)
            process.stdout.close()
        self._processes.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
