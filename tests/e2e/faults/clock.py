# SPDX-License-Identifier: Apache-2.0
"""A member's wall clock, wrong by as much as a file says, changed while it runs. Its monotonic clock stays true.

By Debian's `faketime`: its library stands before the C library in the member's process. It stands before much else
that waits, too, and costs such a member most of its speed: one in a cluster is enough. The file is read once a second.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.peers import paths


class WallClock:
    """The clock of one member; it is right until it is shifted. Needs the peer `faketime`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.shift(0)

    @property
    def environment(self) -> dict[str, str]:
        """What the member's process needs."""
        return {
            "LD_PRELOAD": str(paths.find("faketime")),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def shift(self, seconds: int) -> None:
        """From now on it is wrong by so much, forwards or backwards."""
        written = self._path.with_suffix(".new")
        written.write_text(f"{seconds:+d}\n")
        os.replace(written, self._path)
