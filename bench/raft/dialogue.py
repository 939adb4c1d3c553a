# SPDX-License-Identifier: Apache-2.0
"""What the benchmark and a node say to each other: JSON objects, one a line, over the node's stdin and stdout.

The empty question asks for `{"leads": bool, "applied": commands applied here}`. A question with `outstanding`,
`seconds` and `bytes` asks a leader to keep so many proposals of so many bytes outstanding for so long, in its own
process, and to say `{"count", "seconds", "p50", "p99"}` when the last is applied (times in seconds). A node ends with
its stdin.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass
class Load:
    """A question."""

    outstanding: int
    seconds: float
    bytes: int


@dataclass
class Report:
    """The answer to a ``Load``."""

    count: int
    seconds: float
    p50: float
    p99: float

    @property
    def throughput(self) -> float:
        """Commands applied a second."""
        return self.count / self.seconds


def report(latencies: list[float], seconds: float) -> Report:
    """Sum up the latencies of all proposals."""
    latencies.sort()
    count = len(latencies)
    return Report(count, seconds, latencies[count // 2], latencies[count * 99 // 100])


def converse(state: Callable[[], tuple[bool, int]], load: Callable[[Load], Report]) -> None:
    """Answer by ``state`` (leads, applied) and ``load`` until stdin ends."""
    for line in sys.stdin:
        question = json.loads(line)
        if question:
            answer = asdict(load(Load(**question)))
        else:
            leads, applied = state()
            answer = {"leads": leads, "applied": applied}
        print(json.dumps(answer), flush=True)
