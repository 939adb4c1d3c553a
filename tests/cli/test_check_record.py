# SPDX-License-Identifier: Apache-2.0
"""``tricord check record`` on a member and on a real etcd: what was recorded is what ``check run`` finds right."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.peers.ports import free_port
from tricord.check.reading import read_history
from tricord.cli.check_record import MODELS, Workload
from tricord.cli.main import app


@pytest.fixture(params=["tricord", "etcd"])
def endpoint(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_endpoint")
    return found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def recorded(endpoint: str, workload: str, file: Path, *wanted: str) -> Result:
    """Record for longer and longer, until the file has a good one of each of these operations (any, if none is named).

    How much clients do in a part of a second is the machine's affair.
    """
    for seconds in ("0.4", "4", "40"):
        where = ("--endpoints", endpoint, "--workload", workload)
        result = run("check", "record", *where, "--seconds", seconds, "--out", str(file))
        assert result.exit_code == 0, result.output
        done = {one.op for one in read_history(file.read_bytes()).operations if one.status == "ok"}
        if done and done >= set(wanted):
            return result
    raise AssertionError(f"in 40 s there were only {done}")


@pytest.mark.parametrize("workload", [each.value for each in Workload])
def test_what_is_recorded_is_right(endpoint: str, workload: str, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    result = recorded(endpoint, workload, file)
    assert f"tricord check run {file} --model {MODELS[Workload(workload)]}" in result.stderr
    checked = run("check", "run", str(file), "--model", MODELS[Workload(workload)])
    assert checked.exit_code == 0, checked.stdout
    assert run("get", "--endpoints", endpoint, "--prefix", "check-").stdout == ""


def test_the_lines_of_locks_tell_of_leases(tricord_endpoint: str, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    recorded(tricord_endpoint, "locks", file, "grant", "acquire", "release", "revoke")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    leases = {line["key"] for line in lines if line["op"] == "grant"}
    assert {line["input"]["lease"] for line in lines if line["op"] == "acquire"} <= leases


def test_nobody_there_is_said_at_once(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    out = str(tmp_path / "history.jsonl")
    result = run("check", "record", "--endpoints", nobody, "--timeout", "0.2", "--out", out)
    assert result.exit_code == 4


def test_a_file_that_cannot_be_written_is_named() -> None:
    result = run("check", "record", "--out", "/nowhere/history.jsonl")
    assert result.exit_code == 1
    assert "/nowhere/history.jsonl" in result.stderr


def test_an_interrupt_ends_it_in_order(tricord_endpoint: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tricord", "check", "record", "--endpoints", tricord_endpoint, "--seconds", "600"]
    process = subprocess.Popen([*command, "--out", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    operations = read_history(first + rest).operations
    assert f"recorded {len(operations)} operations" in said.decode()
    assert operations[0].status == "ok", said


def test_who_reads_the_lines_may_have_enough(tricord_endpoint: str) -> None:
    command = [sys.executable, "-m", "tricord", "check", "record", "--endpoints", tricord_endpoint, "--seconds", "600"]
    process = subprocess.Popen([*command, "--out", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        said = process.stderr.read().decode()
    assert process.wait(timeout=60) == 1, said
    assert said.startswith("recorded ") and said.count("\n") == 1


def test_a_full_disk_is_said_in_a_line(tricord_endpoint: str) -> None:
    result = run("check", "record", "--endpoints", tricord_endpoint, "--seconds", "60", "--out", "/dev/full")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "tricord: /dev/full: No space left on device"
