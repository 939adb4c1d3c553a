# SPDX-License-Identifier: Apache-2.0
"""`tricord member replace` on three members of tricord and of etcd: with the old one alive and leading, with it dead,
interrupted half-way, and refused.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tricord
from tests.peers.clusters import Cluster, eventually
from tests.peers.processes import clean_environment

SECONDS = 60.0

KINDS = ["tricord", pytest.param("etcd", marks=pytest.mark.peer("etcd"))]


@pytest.fixture
def three(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(request.param, tmp_path) as cluster:
        # etcd refuses changes for its first five seconds.
        with tricord.connect(cluster.endpoints) as store:
            eventually(lambda: is_well(store), "changes to be taken")
            for number in range(50):
                store.put(f"key {number}", "value")
        yield cluster


def is_well(store: tricord.Client) -> bool:
    try:
        member = store.add_member("127.0.0.1:9", learner=True)
    except tricord.TricordError:
        return False
    store.remove_member(member.id)
    return True


class Command:
    """One `tricord` command line as a process, which ends with the test."""

    def __init__(self, cluster: Cluster, *arguments: str) -> None:
        environment = clean_environment(TRICORD_ENDPOINTS=cluster.endpoints)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tricord", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def says(self, text: str) -> None:
        """Wait for a line of progress that has the text in it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if text in line:
                return
        raise AssertionError(f"it never said {text!r}")

    def close(self) -> None:
        """End it if it runs, and close its pipes."""
        self.process.kill()
        self.process.communicate()

    def end(self) -> tuple[int, str, str]:
        """(exit code, stdout, stderr from here on)."""
        output, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, output, errors


Run = Callable[..., Command]


@pytest.fixture
def run(three: Cluster) -> Iterator[Run]:
    """Starts a `tricord` command line on the cluster."""
    commands: list[Command] = []

    def start(*arguments: str) -> Command:
        commands.append(Command(three, *arguments))
        return commands[-1]

    yield start
    for command in commands:
        command.close()


def replaced(run: Run, cluster: Cluster, old: str) -> list[Any]:
    """Replace ``old`` by n4, which is started when the command asks for it: the members that it prints."""
    new = cluster.prepare_to_join("n4")
    command = run("member", "replace", old, "n4", "--peer", new.peer_url, "--wait", "60s", "--json")
    command.says("n4 is in, as a learner")
    new.start(wait=False)
    code, output, errors = command.end()
    assert code == 0, errors
    assert f"n4 votes in the place of {old}" in errors
    members: list[Any] = json.loads(output)
    return members


def voters(members: list[Any]) -> list[str]:
    assert not any(member["is_learner"] for member in members)
    return sorted(member["name"] for member in members)


@pytest.mark.slow
@pytest.mark.parametrize("three", KINDS, indirect=True)
def test_a_leader_is_replaced_and_its_lead_moves_first(three: Cluster, run: Run) -> None:
    old = three.leader()
    kept = sorted({"n1", "n2", "n3"} - {old})
    assert voters(replaced(run, three, old)) == [*kept, "n4"]
    again = run("member", "replace", old, "n4", "--peer", three.members["n4"].peer_url).end()
    assert again[0] == 0
    assert f"{old} was replaced by n4 already" in again[2]
    with tricord.connect(three.endpoints_without(old)) as store:
        assert store.count("key ") == 50


@pytest.mark.slow
@pytest.mark.parametrize("three", KINDS, indirect=True)
def test_a_dead_member_is_replaced_and_an_interrupted_replacement_goes_on(three: Cluster, run: Run) -> None:
    three.kill("n3")
    new = three.prepare_to_join("n4")
    first = run("member", "replace", "n3", "n4", "--peer", new.peer_url)
    first.says("not started yet, or out of reach")
    first.process.kill()
    first.end()
    second = run("member", "replace", "n3", "n4", "--peer", new.peer_url, "--json")
    second.says("start it, if it does not run yet")
    if three.kind == "etcd":
        del new.initial["n3"]  # there a dead member leaves before another joins
    new.start(wait=False)
    code, output, errors = second.end()
    assert code == 0, errors
    assert voters(json.loads(output)) == ["n1", "n2", "n4"]
    three.kill("n2")
    with tricord.connect(three.endpoints_without("n2", "n3")) as store:
        eventually(lambda: store.count("key ") == 50, "two of three to serve")


@pytest.mark.slow
@pytest.mark.parametrize("three", ["tricord"], indirect=True)
def test_a_replacement_that_could_lose_the_quorum_is_refused_and_changes_nothing(three: Cluster, run: Run) -> None:
    three.kill("n2")
    for flags in ((), ("--plan",)):
        code, _, errors = run("member", "replace", "n3", "n4", "--peer", "127.0.0.1:9", *flags).end()
        assert code == 1
        assert "n2 does not answer: one more failure on the way would lose the quorum" in errors
    code, output, _ = run("member", "list").end()
    assert (code, len(output.splitlines())) == (0, 3)
    code, output, _ = run("member", "replace", "n2", "n4", "--peer", "127.0.0.1:9", "--plan", "--json").end()
    plan = json.loads(output)
    assert (code, plan["refusal"], [step["may_fail"] for step in plan["steps"]]) == (0, "", [0, 0, 1])
