# SPDX-License-Identifier: Apache-2.0
"""One version of etcdctl at one server, and stores that are brought to the same state before each story."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from tests.e2e.etcdctl.scripts import Typed
from tests.peers import paths
from tests.peers.processes import ServerProcess, clean_environment

ETCDCTL_SECONDS = 60


class Running:
    """An etcdctl that goes on, and what it has printed so far."""

    def __init__(self, line: str, process: subprocess.Popen[bytes]) -> None:
        self.line = line
        self.process = process
        self.printed = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.printed += line.decode()
                self._news.notify_all()

    def type(self, text: str) -> None:
        """Write to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_for(self, text: str, times: int = 1) -> str:
        """Wait until ``text`` is there so often: all that was printed. Fails with that after a time."""
        with self._news:
            there = self._news.wait_for(lambda: self.printed.count(text) >= times, ETCDCTL_SECONDS)
        assert there, f"{self.line}: never printed {text!r}, but {self.printed!r}"
        return self.printed

    def interrupt(self) -> str:
        """SIGINT, as by the keyboard, and its end: all that was printed, and the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.finish()

    def finish_well(self) -> str:
        """Wait for its end, which must be a good one."""
        told = self.finish()
        assert told.endswith("exit 0\n"), f"{self.line}: {told}"
        return told

    def finish(self) -> str:
        """Wait for its end: all that was printed, and the exit code."""
        code = self.process.wait(ETCDCTL_SECONDS)
        self.close()
        return f"{self.printed}exit {code}\n"

    def close(self) -> None:
        """End it however it stands."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


class Etcdctl:
    """One version of etcdctl, one server."""

    def __init__(self, name: str, server: ServerProcess, endpoints: str | None = None) -> None:
        """``endpoints``, by default those of ``server``, are where it asks."""
        binary = paths.find(name)
        assert binary is not None
        self.server = server
        self.command = [str(binary), f"--endpoints={endpoints or server.endpoint}"]
        self._running: list[Running] = []
        self.environment = clean_environment(**({"ETCDCTL_API": "3"} if name == "etcdctl-3.4" else {}))

    def type(self, typed: Typed, form: str, revision: int) -> Callable[[], str]:
        """Start one line; the answer waits for its end and gives the exit code and all that was printed."""
        line = self.filled(typed.line, revision)
        if line.startswith("POST "):
            _, path, body = line.split(" ", 2)
            status = self.server.http("POST", path, body.encode())[0]
            return lambda: f"status {status}"
        process = self._start(line, form, errors=subprocess.PIPE)

        def printed() -> str:
            output, errors = process.communicate(typed.stdin.encode(), timeout=ETCDCTL_SECONDS)
            return f"exit {process.returncode}\n{output.decode()}{errors.decode()}"

        return printed

    def run(self, line: str, revision: int = 0, form: str = "simple") -> Running:
        """Start one line that goes on until it is ended."""
        running = Running(line, self._start(self.filled(line, revision), form, errors=subprocess.STDOUT))
        self._running.append(running)
        return running

    def close(self) -> None:
        """End what still goes on."""
        for running in self._running:
            running.close()

    def _start(self, line: str, form: str, errors: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.command, "-w", form, *shlex.split(line)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=self.environment,
        )

    def filled(self, line: str, revision: int) -> str:
        """The line with what stands in braces filled in."""
        line = re.sub(r"\{revision\+(\d+)\}", lambda match: str(revision + int(match[1])), line)
        if "{learner}" in line or "{peer}" in line:
            for member in gateway(self.server, "cluster/member/list")["members"]:
                if member.get("isLearner"):
                    line = line.replace("{learner}", f"{int(member['ID']):x}")
                else:
                    line = line.replace("{peer}", member["peerURLs"][0])
        return line.replace("{file}", str(self.server.directory.with_suffix(".snapshot")))


def unordered(text: str) -> str:
    """What is listed in ``text``, sorted: lines, and elements in JSON."""
    return "\n".join(sorted(re.split(r'[\n",]|(?<=})|(?=\{)', text)))


def gateway(server: ServerProcess, method: str, **request: str) -> dict[str, Any]:
    """One call of the JSON gateway. Keys and values are in base64."""
    status, body = server.http("POST", f"/v3/{method}", json.dumps(request).encode())
    assert status == 200, body
    answer: dict[str, Any] = json.loads(body)
    return answer


def kv(server: ServerProcess, method: str, **request: str) -> int:
    """A call of the KV service: the store's revision after it."""
    return int(gateway(server, f"kv/{method}", **request)["header"]["revision"])


def level(left: ServerProcess, right: ServerProcess) -> int:
    """Empty both stores, end all leases, and bring them to one revision, whatever went before: that revision."""
    for server in (left, right):
        for lease in gateway(server, "lease/leases").get("leases", []):
            gateway(server, "lease/revoke", ID=lease["ID"])
    revisions = {server: kv(server, "put", key="YQ==", value="YQ==") for server in (left, right)}
    goal = max(revisions.values())
    for server, revision in revisions.items():
        for _ in range(goal - revision):
            kv(server, "put", key="YQ==", value="YQ==")
        assert kv(server, "deleterange", key="AA==", range_end="AA==") == goal + 1
    return goal + 1
