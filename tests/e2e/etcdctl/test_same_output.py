# SPDX-License-Identifier: Apache-2.0
"""The same lines typed at tricord and at a real etcd print the same, for etcdctl 3.4, 3.5 and 3.6, in each format."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.etcdctl.masks import masked
from tests.e2e.etcdctl.scripts import FORMATS, SCRIPTS, Script, Typed
from tests.peers import paths
from tests.peers.processes import EtcdProcess, MemberProcess, ServerProcess, clean_environment

ETCDCTL_SECONDS = 30


class Etcdctl:
    """One version of etcdctl, one server."""

    def __init__(self, name: str, server: ServerProcess) -> None:
        binary = paths.find(name)
        assert binary is not None
        self.server = server
        self.command = [str(binary), f"--endpoints={server.endpoint}"]
        self.environment = clean_environment(**({"ETCDCTL_API": "3"} if name == "etcdctl-3.4" else {}))

    def type(self, typed: Typed, form: str, revision: int) -> Callable[[], str]:
        """Start one line; the answer waits for its end and gives the exit code and all that was printed."""
        line = re.sub(r"\{revision\+(\d+)\}", lambda match: str(revision + int(match[1])), typed.line)
        process = subprocess.Popen(
            [*self.command, "-w", form, *shlex.split(line)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
        )

        def printed() -> str:
            output, errors = process.communicate(typed.stdin.encode(), timeout=ETCDCTL_SECONDS)
            return f"exit {process.returncode}\n{output.decode()}{errors.decode()}"

        return printed


def kv(server: ServerProcess, method: str, **request: str) -> int:
    """One call of the JSON gateway: the store's revision after it. Keys and values are in base64."""
    status, body = server.http("POST", f"/v3/kv/{method}", json.dumps(request).encode())
    assert status == 200, body
    return int(json.loads(body)["header"]["revision"])


def level(left: ServerProcess, right: ServerProcess) -> int:
    """Empty both stores and bring them to one revision, whatever went before: that revision."""
    revisions = {server: kv(server, "put", key="YQ==", value="YQ==") for server in (left, right)}
    goal = max(revisions.values())
    for server, revision in revisions.items():
        for _ in range(goal - revision):
            kv(server, "put", key="YQ==", value="YQ==")
        assert kv(server, "deleterange", key="AA==", range_end="AA==") == goal + 1
    return goal + 1


@pytest.fixture(scope="module")
def servers(
    etcd_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    folder = tmp_path_factory.mktemp("servers")
    with MemberProcess(folder / "data") as member, EtcdProcess(etcd_binary, folder / "etcd") as etcd:
        yield member, etcd


CASES = [
    pytest.param(
        name,
        script,
        form,
        id=f"{name}-{script.name}-{form}",
        marks=[pytest.mark.peer(name), *([pytest.mark.peer("etcd")] if script.etcd == "3.6" else [])],
    )
    for name in ("etcdctl-3.4", "etcdctl-3.5", "etcdctl")
    for script in SCRIPTS
    for form in FORMATS
]


@pytest.mark.parametrize(("name", "script", "form"), CASES)
def test_etcdctl_prints_the_same(
    servers: tuple[ServerProcess, ServerProcess], name: str, script: Script, form: str
) -> None:
    revision = level(*servers)
    clients = [Etcdctl(name, server) for server in servers]
    for typed in script.commands:
        running = [client.type(typed, form, revision) for client in clients]
        ours, theirs = (masked(printed()) for printed in running)
        assert ours == theirs, f"etcdctl {typed.line} {typed.stdin!r}"
