# SPDX-License-Identifier: Apache-2.0
"""Clients of other hands watch, lease, lock and elect: each program tells the same of a member and of a real etcd."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.peers import paths
from tests.peers.processes import clean_environment

STORY_SECONDS = 120
E2E = paths.ROOT / "tests" / "e2e"
GO_STORIES = ("watch", "lease", "session", "mutex", "election", "stm", "leasing", "mirror", "namespace", "ordering")


class Stories:
    """The same program against each server at the same time."""

    def __init__(self, endpoints: dict[str, str]) -> None:
        """``endpoints``: by the server's name; `etcd` is the one that the others must be like."""
        self.endpoints = endpoints

    def are_alike(self, command: Callable[[str], Sequence[str | Path]], **environment: str) -> None:
        """``command`` makes the argument list for an endpoint."""
        running = {
            name: subprocess.Popen(
                [str(part) for part in command(endpoint)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=clean_environment(**environment),
            )
            for name, endpoint in self.endpoints.items()
        }
        told = {name: self._told(name, program) for name, program in running.items()}
        assert told["etcd"].endswith("the end\n")
        for story in told.values():
            assert story == told["etcd"]

    def _told(self, name: str, program: subprocess.Popen[str]) -> str:
        try:
            story, errors = program.communicate(timeout=STORY_SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()
            story, errors = program.communicate()
            errors = f"killed after {STORY_SECONDS} s\n{errors}"
        assert program.returncode == 0, f"{name}: {story[-1000:]}\n{errors[-3000:]}"
        return story


@pytest.fixture
def stories(etcd_endpoint: str, tricord_endpoint: str) -> Stories:
    return Stories({"etcd": etcd_endpoint, "tricord": tricord_endpoint})


@pytest.mark.peer("go-coordination")
@pytest.mark.parametrize("story", GO_STORIES)
def test_the_packages_of_the_go_client(peer: Callable[[str], Path], stories: Stories, story: str) -> None:
    stories.are_alike(lambda endpoint: [peer("go-coordination"), story, endpoint])


@pytest.mark.peer("npm-etcd3")
def test_etcd3_of_npm(peer: Callable[[str], Path], stories: Stories) -> None:
    modules = str(peer("npm-etcd3") / "node_modules")
    stories.are_alike(lambda endpoint: ["node", E2E / "node" / "coordination.cjs", endpoint], NODE_PATH=modules)


@pytest.mark.peer("jetcd")
def test_jetcd(peer: Callable[[str], Path], stories: Stories) -> None:
    program = E2E / "java" / "Coordination.java"
    stories.are_alike(lambda endpoint: ["java", "-cp", f"{peer('jetcd')}/*", program, endpoint])


@pytest.mark.peer("python-etcd3")
def test_python_etcd3(peer: Callable[[str], Path], stories: Stories) -> None:
    stories.are_alike(lambda endpoint: _python("etcd3_story.py", endpoint), PYTHONPATH=str(peer("python-etcd3")))


def test_aetcd(stories: Stories) -> None:
    stories.are_alike(lambda endpoint: _python("aetcd_story.py", endpoint))


def _python(program: str, endpoint: str) -> list[str | Path]:
    return [sys.executable, E2E / "python_clients" / program, endpoint.rpartition(":")[2]]
