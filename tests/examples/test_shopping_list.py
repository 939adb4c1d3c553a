# SPDX-License-Identifier: Apache-2.0
"""The example of an edge runs as its users run it: with no member at first, then with one, on two machines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.peers.processes import MemberProcess

EXAMPLE = Path(__file__).parents[2] / "examples" / "shopping_list.py"


def run(*arguments: str) -> list[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_two_lists_meet_once_there_is_a_member(tmp_path: Path) -> None:
    member = MemberProcess(tmp_path / "member")
    mine, theirs = str(tmp_path / "mine"), str(tmp_path / "theirs")
    assert run(mine, member.endpoint, "add", "apples", "bread") == ["apples", "bread"]
    assert run(theirs, member.endpoint, "add", "milk") == ["milk"]
    assert run(mine, member.endpoint, "done", "bread") == ["apples"]
    with member:
        run(mine, member.endpoint, "sync")
        # What others wrote may come a moment after all was sent.
        assert any(run(theirs, member.endpoint, "sync") == ["apples", "milk"] for _ in range(10))
        assert any(run(mine, member.endpoint, "sync") == ["apples", "milk"] for _ in range(10))
