# SPDX-License-Identifier: Apache-2.0
"""Real servers as child processes on loopback: a tricord member and a real etcd, of one shape.

Each is started with a data directory and a free port, is ready when `/health` says so, and keeps its output in a file
that a failed start shows. A test that kills one says so by `kill`; `close` is for the end of the test.
"""

from __future__ import annotations

import http.client
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.ports import free_port

READY_SECONDS = 60.0
STOP_SECONDS = 60.0
ANSWER_SECONDS = 30.0
"""These bound what hangs, on the busiest machine."""


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's environment without settings that would steer a server or a client by surprise."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ETCD", "TRICORD_"))}
    return kept | extra


class ServerProcess:
    """A server as a child process. ``command`` gives the argument list; the rest is the same for all."""

    name = "server"
    host = "127.0.0.1"

    def __init__(self, directory: Path, *, environment: dict[str, str] | None = None) -> None:
        self.directory = directory
        self.port = free_port()
        self.endpoint = f"{self.host}:{self.port}"
        self.log_path = directory.with_name(f"{directory.name}.{self.name}.log")
        self.environment = clean_environment(**(environment or {}))
        self.tls: ssl.SSLContext | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """The argument list."""
        raise NotImplementedError

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it is healthy (or raise AssertionError with its output)."""
        assert self.process is None, f"{self.name} already runs"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )
        if wait:
            self.wait_until_healthy()

    def wait_until_healthy(self, seconds: float = READY_SECONDS) -> None:
        """Poll `/health` until it answers 200."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.process is not None
            code = self.process.poll()
            assert code is None, f"{self.name} exited with {code}:\n{self.log_tail()}"
            if self.is_healthy():
                return
            assert time.monotonic() < deadline, f"{self.name} not healthy in {seconds} s:\n{self.log_tail()}"
            time.sleep(0.01)

    def is_healthy(self) -> bool:
        """Whether `/health` answers 200 now."""
        try:
            return self.http("GET", "/health", seconds=5)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def http(
        self, method: str, path: str, body: bytes | None = None, *, seconds: float = ANSWER_SECONDS
    ) -> tuple[int, bytes]:
        """One HTTP/1.1 request: (status, body)."""
        if self.tls is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        else:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=seconds, context=self.tls)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def resident_bytes(self) -> int:
        """Memory in RAM now, as the kernel counts it."""
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """Processor time that it has used since its start, all threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the end: the exit code."""
        assert self.process is not None
        code = self.process.wait(timeout=seconds)
        self.process = None
        return code

    def stop(self) -> int:
        """SIGTERM and wait: the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL and wait: nothing more is written."""
        self.signal(signal.SIGKILL)
        self.wait()

    def restart(self) -> None:
        """Stop if it runs, then start on the same directory and port."""
        if self.process is not None:
            self.stop()
        self.start()

    def close(self) -> None:
        """End it however it stands."""
        if self.process is None:
            return
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()

    def log_text(self) -> str:
        """All it printed, over all starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines: int = 30) -> str:
        """The last lines it printed."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MemberProcess(ServerProcess):
    """`tricord serve` of this checkout."""

    name = "tricord"

    def __init__(
        self, directory: Path, *flags: str, environment: dict[str, str] | None = None, ca: Path | None = None
    ) -> None:
        """``ca``: the PEM file that tells whom to trust, when the flags give it a certificate."""
        super().__init__(directory, environment=environment)
        self.flags = flags
        self.tls = ssl.create_default_context(cafile=str(ca)) if ca else None

    def command(self) -> Sequence[str]:
        base = [sys.executable, "-m", "tricord", "serve", "--data-dir", str(self.directory), "--listen", self.endpoint]
        return [*base, *self.flags]


class EtcdProcess(ServerProcess):
    """A real etcd, alone."""

    name = "etcd"

    def __init__(self, binary: Path, directory: Path, *flags: str) -> None:
        super().__init__(directory)
        self.binary = binary
        self.flags = flags
        self.peer_port = free_port()

    def command(self) -> Sequence[str]:
        client, peer = f"http://{self.endpoint}", f"http://127.0.0.1:{self.peer_port}"
        return [
            str(self.binary),
            f"--data-dir={self.directory}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--log-level=error",
            *self.flags,
        ]
