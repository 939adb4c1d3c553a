# SPDX-License-Identifier: Apache-2.0
"""The cart that two devices change at two members, run as its users run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.peers.clusters import Cluster

EXAMPLE = Path(__file__).parents[2] / "examples" / "shopping_cart.py"


def test_a_cart_at_two_members(tmp_path: Path) -> None:
    with Cluster("tricord", tmp_path / "cluster", 2) as cluster:
        endpoints = [member.endpoint for member in cluster.members.values()]
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-W", "error", str(EXAMPLE), *endpoints],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.stdout.splitlines(), done.stderr) == (
                [
                    "the phone sees {b'address': b'Elm Street', b'milk': 2}",
                    "both addresses stand: [b'Elm Street 1', b'Oak Street']",
                    "the laptop sees {b'address': b'Elm Street 1 / Oak Street', b'eggs': 6, b'milk': 1}",
                ],
                "",
            )
