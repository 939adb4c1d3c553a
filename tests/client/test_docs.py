# SPDX-License-Identifier: Apache-2.0
"""Every snippet of the client's pages runs, and prints what the page says it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.ports import free_port

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text() for name in ("client.md", "consistency.md", "coordination.md")}
SNIPPETS = {
    f"{name}-{place}": snippet
    for name, page in PAGES.items()
    for place, snippet in enumerate(re.findall(r"```python\n(.*?)```\n```text\n(.*?)```\n", page, re.DOTALL))
}


def test_every_snippet_says_what_it_prints() -> None:
    assert len(SNIPPETS) == sum(page.count("```python") for page in PAGES.values())


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_prints_what_the_page_says(snippet: str, tricord_endpoint: str, tmp_path: Path) -> None:
    program, output = SNIPPETS[snippet]
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
