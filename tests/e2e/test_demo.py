# SPDX-License-Identifier: Apache-2.0
"""`tricord demo consistency`, as a person or a pipe runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.peers.processes import clean_environment


def test_each_model_keeps_what_it_promises_and_no_more(tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    plain = subprocess.run(
        [sys.executable, "-m", "tricord", "demo", "consistency", "--plain", f"--svg={picture}"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=180,
        check=False,
    )
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert "\x1b" not in plain.stdout
    lines = plain.stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.endswith("as promised")] == [
        ["strong", "linearizable"],
        ["causal", "causal"],
        ["causal", "sessions"],
        ["causal", "linearizable"],
        ["eventual", "convergence"],
        ["eventual", "causal"],
    ]
    shown = [line for line in lines if line.startswith(("a: get colour", "b: get colour", "c: get colour"))][-3:]
    assert len({tuple(line.split()[3:]) for line in shown}) == 1, "all members show the same at the end"
    assert picture.read_text().startswith("<svg")
