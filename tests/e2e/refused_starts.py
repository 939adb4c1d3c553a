# SPDX-License-Identifier: Apache-2.0
"""Members that must refuse to start, and say why."""

from __future__ import annotations

import subprocess
import sys

from tests.peers.processes import clean_environment

ENDS_SECONDS = 60


def refused(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run a `tricord serve` that must end by itself: (exit code, what it said, log lines left out)."""
    done = subprocess.run(
        [sys.executable, "-m", "tricord", "serve", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_SECONDS,
        env=clean_environment(**environment),
    )
    assert done.stdout == ""
    return done.returncode, "\n".join(line for line in done.stderr.splitlines() if not line.startswith("{"))
