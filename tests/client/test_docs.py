# SPDX-License-Identifier: Apache-2.0
"""Every snippet of docs/client.md runs, and prints what the page says it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.processes import free_port

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
SNIPPETS = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```\n", PAGE.read_text(), re.DOTALL)


def test_every_snippet_says_what_it_prints() -> None:
    assert len(SNIPPETS) == PAGE.read_text().count("```python")


@pytest.mark.parametrize("place", range(len(SNIPPETS)))
def test_a_snippet_prints_what_the_page_says(place: int, tricord_endpoint: str, tmp_path: Path) -> None:
    program, output = SNIPPETS[place]
    program = program.replace("localhost:2379", tricord_endpoint).replace("localhost:1", f"127.0.0.1:{free_port()}")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    assert (done.stdout, done.stderr) == (output, "")
