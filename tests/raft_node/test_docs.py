# SPDX-License-Identifier: Apache-2.0
"""The pages about Raft: snippets run and print what they say, every file and every call is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tricord.raft_node import Node

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "raft_node.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```\n", PAGE, re.DOTALL)


def test_every_snippet_says_what_it_prints() -> None:
    assert len(SNIPPETS) == PAGE.count("```python")


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(SNIPPETS)))
def test_a_snippet_prints_what_the_page_says(place: int) -> None:
    program, output = SNIPPETS[place]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == (output, "")


def test_the_page_names_every_call_of_a_node() -> None:
    calls = {name for name in vars(Node) if not name.startswith("_")}
    assert {name for name in calls if not re.search(rf"`{name}[`(]", PAGE)} == set()


def test_the_walk_through_the_core_passes_every_file() -> None:
    walk = (ROOT / "docs" / "raft.md").read_text()
    files = {path.name for path in (ROOT / "src" / "tricord" / "raft").glob("*.py")} - {"__init__.py"}
    assert {name for name in files if f"`{name}`" not in walk} == set()
