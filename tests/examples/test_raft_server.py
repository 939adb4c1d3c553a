# SPDX-License-Identifier: Apache-2.0
"""The example runs as its users run it: a process of its own, in memory and on disk, and again on one directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tricord.raft_node import BlockingNode, FunctionStateMachine, NodeConfig

EXAMPLE = Path(__file__).parents[2] / "examples" / "raft_server.py"


def run_example(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_in_memory_it_prints_what_it_applied() -> None:
    assert run_example() == "test\n"


def test_on_disk_the_entry_is_still_there_after_a_restart(tmp_path: Path) -> None:
    directory = str(tmp_path / "raft")
    assert run_example(directory) == "test\n"
    assert run_example(directory) == "test\n"

    applied: list[bytes] = []
    machine = FunctionStateMachine(
        apply=applied.append,
        write_snapshot=lambda stream: stream.write(b"".join(applied)),
        read_snapshot=lambda stream: stream.read(),
    )
    with BlockingNode(NodeConfig("server1"), machine, directory) as node:
        log = [node.get_log(index).data for index in range(1, node.last_index() + 1)]
        # Each start of a leader adds one entry of its own, without data.
        assert log == [b"", b"test", b"", b"test", b""]
        assert applied == [b"test", b"test"]
