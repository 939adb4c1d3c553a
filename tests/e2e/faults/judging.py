# SPDX-License-Identifier: Apache-2.0
"""Holds a recorded history to a model as a user would: by `tricord check run`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS_MAX = 600


def judge(history: Path, model: str) -> int:
    """The number of operations, when the history holds; AssertionError with the checker's words otherwise."""
    command = [sys.executable, "-m", "tricord", "check", "run", str(history), "--model", model]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
    said = f"{ended.stdout[-5000:]}{ended.stderr[-2000:]}"
    assert ended.returncode == 0, f"{history} is not {model} ({ended.returncode}):\n{said}"
    last: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert last["verdict"] == "holds", said
    return int(last["operations"])
