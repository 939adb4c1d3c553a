# SPDX-License-Identifier: Apache-2.0
"""A cluster on this machine: its files and processes, and a story of breaking and healing one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.peers.ports import free_port
from tricord.base.errors import ConfigurationError
from tricord.cli.local_cluster import LocalCluster, LocalClusterError, LocalMember, began, default_ports
from tricord.cli.main import app

SECONDS = 60.0


@pytest.fixture
def cluster(tmp_path: Path) -> LocalCluster:
    made = LocalCluster(str(tmp_path / "c"))
    made.create([41, 42, 43])
    return made


def test_ports_are_those_of_etcds_examples() -> None:
    assert default_ports(1) == [2379]
    assert default_ports(3) == [2379, 22379, 32379]
    for count in (0, 7):
        with pytest.raises(ConfigurationError):
            default_ports(count)


def test_members_are_named_by_number_and_know_each_other(cluster: LocalCluster) -> None:
    assert cluster.members() == [LocalMember("n1", 41), LocalMember("n2", 42), LocalMember("n3", 43)]
    command = cluster.command(cluster.member("n2"))
    assert command[command.index("--initial-cluster") + 1] == "n1=127.0.0.1:41,n2=127.0.0.1:42,n3=127.0.0.1:43"
    assert command[command.index("--listen") + 1] == "127.0.0.1:42"
    with pytest.raises(LocalClusterError, match="no member is called 'n4'; there are n1, n2, n3"):
        cluster.member("n4")


def test_a_directory_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="not empty"):
        LocalCluster(str(tmp_path)).create([41])
    with pytest.raises(LocalClusterError, match="there is no cluster"):
        LocalCluster(str(tmp_path)).wipe()
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_port_of_somebody_else_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["cluster", "start", "1", "--ports", str(port), "--dir", str(tmp_path / "c")]
        refused = CliRunner().invoke(app, arguments)
    assert (refused.exit_code, f"port {port} cannot be had" in refused.stderr) == (2, True)
    assert not (tmp_path / "c").exists()


def test_a_process_is_known_by_its_id_and_its_beginning(cluster: LocalCluster) -> None:
    member = cluster.member("n1")
    file = Path(cluster.directory, "n1.pid")
    assert cluster.state(member) == "down"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        file.write_text(json.dumps({"pid": process.pid, "began": began(process.pid)}))
        assert (cluster.pid(member), cluster.state(member)) == (process.pid, "running")
        cluster.send(member, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert cluster.state(member) == "paused"
        file.write_text(json.dumps({"pid": process.pid, "began": "1"}))
        assert cluster.pid(member) is None, "another process got the id"
        process.kill()
    assert began(process.pid) == ""
    with pytest.raises(LocalClusterError, match="n1 does not run"):
        cluster.send(member, signal.SIGCONT)
    assert not cluster.stop(member)


def test_cuts_are_written_whole(cluster: LocalCluster) -> None:
    assert cluster.cuts() == []
    cluster.cut([("n1", "n2")])
    assert json.loads(Path(cluster.directory, "faults.json").read_text()) == {"cut": [["n1", "n2"]]}
    assert cluster.cuts() == [("n1", "n2")]
    assert not list(Path(cluster.directory).glob("*.new"))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("start", "7"), 2, "has 1 to 6 members"),
        (("start", "2", "--ports", "41"), 2, "2 members, but 1 ports"),
        (("start", "--ports", "41,41"), 2, "write different ports"),
        (("start", "--ports", "x"), 2, "write different ports"),
        (("status",), 1, "there is no cluster in"),
        (("kill", "n1"), 1, "there is no cluster in"),
        (("heal",), 1, "there is no cluster in"),
        (("stop", "--wipe"), 1, "there is no cluster in"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    result = CliRunner().invoke(app, ["cluster", *arguments, "--dir", str(tmp_path / "none")])
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert not (tmp_path / "none").exists()


Run = Callable[..., Result]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Run]:
    """Three members; every command is given their directory."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["cluster", *arguments, "--dir", str(tmp_path / "three")])

    started = run("start", "--ports", ",".join(str(free_port()) for _ in range(3)))
    try:
        assert started.exit_code == 0, started.output
        assert "try\n  export TRICORD_ENDPOINTS=127.0.0.1:" in started.stderr
        yield run
    finally:
        run("stop", "--wipe")
    assert not (tmp_path / "three").exists()


def until(run: Run, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The members by name, once that ``fits``."""
    deadline = time.monotonic() + SECONDS
    while True:
        result = run("status", "--json")
        members = {member["name"]: member for member in json.loads(result.stdout)}
        if fits(members):
            return members
        assert time.monotonic() < deadline, members


def leaders(members: dict[str, Any]) -> list[str]:
    return [name for name, member in members.items() if member["role"] == "leader"]


@pytest.mark.slow
def test_a_cluster_is_broken_and_healed(running: Run) -> None:
    (first,) = leaders(until(running, lambda members: len(leaders(members)) == 1))
    assert running("kill", "leader").stderr == f"{first} killed\n"
    members = until(running, lambda members: len(leaders(members)) == 1)
    (second,) = leaders(members)
    assert (members[first]["state"], members[first]["pid"]) == ("down", None)
    assert running("status").exit_code == 4
    assert running("start").exit_code == 0

    cut = running("partition", second)
    others = sorted({"n1", "n2", "n3"} - {second})
    assert cut.stderr == f"{second} <-X-> {', '.join(others)}\n"
    members = until(running, lambda members: any(name != second for name in leaders(members)))
    assert members[second]["cut_off_from"] == others
    assert running("heal").exit_code == 0
    members = until(running, lambda members: len(leaders(members)) == 1 and members[second]["role"] == "follower")

    (third,) = leaders(members)
    assert running("pause", "leader").stderr == f"{third} paused\n"
    members = until(running, lambda members: len(leaders(members)) == 1)
    assert members[third]["state"] == "paused"
    assert running("start").exit_code == 0, "paused members are left as they are"
    assert running("resume", second).stderr == f"{second} was not paused\n"
    assert running("resume").stderr == f"{third} goes on\n"
    assert running("resume").stderr == "nobody is paused\n"
    until(running, lambda members: members[third]["role"] == "follower")

    before = members[second]["pid"]
    assert running("restart", second).stderr == f"{second} started\n"
    members = until(running, lambda members: all(member["role"] for member in members.values()))
    assert members[second]["pid"] != before
    refused = running("partition", "n1", "n2", "n3")
    assert (refused.exit_code, "nobody is left" in refused.stderr) == (1, True)
    assert running("start", "5").exit_code == 2
