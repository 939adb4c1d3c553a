# SPDX-License-Identifier: Apache-2.0
"""The examples of replication run as their users run them: three nodes in one process, and in three."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.clusters import eventually
from tests.peers.ports import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.slow


def test_a_class_of_ones_own() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "replicated_class.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "100\n70\nonly 70 is there\n70\n", "")


class Shell:
    """One process of the dictionary's example."""

    def __init__(self, name: str, folder: Path, nodes: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-W", "error", str(EXAMPLES / "replicated_dict.py"), name, str(folder)),
                *(f"{other}={address}" for other, address in nodes.items()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def say(self, line: str) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def close(self) -> None:
        _, errors = self.process.communicate(timeout=60)
        assert (self.process.returncode, errors) == (0, "")


def until_all_listen(nodes: dict[str, str]) -> None:
    """How long a process takes to its beginning is the machine's affair; how long a call waits is not."""
    for address in nodes.values():
        host, _, port = address.rpartition(":")
        eventually(lambda place=(host, int(port)): answers(place), f"somebody at {address}")  # type: ignore[misc]


def answers(place: tuple[str, int]) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(place, timeout=10).close()
    except OSError:
        return False
    return True


def test_a_dictionary_in_three_processes_that_are_killed_and_come_back(tmp_path: Path) -> None:
    nodes = {name: f"127.0.0.1:{free_port()}" for name in "abc"}
    shells = {name: Shell(name, tmp_path, nodes) for name in nodes}
    try:
        until_all_listen(nodes)
        assert shells["a"].say("greeting hello") == "greeting is hello"
        assert shells["b"].say("greeting") == "greeting is hello"
        shells["c"].kill()
        shells["c"] = Shell("c", tmp_path, nodes)
        until_all_listen(nodes)
        assert shells["c"].say("greeting") == "greeting is hello"
        assert shells["c"].say("nothing") == "nothing is None"
        for shell in shells.values():
            shell.kill()
        shells = {name: Shell(name, tmp_path, nodes) for name in nodes}
        until_all_listen(nodes)
        assert shells["b"].say("greeting") == "greeting is hello"
        assert shells["a"].say("greeting bye") == "greeting is bye"
        for shell in shells.values():
            shell.close()
    finally:
        for shell in shells.values():
            if shell.process.poll() is None:
                shell.kill()
