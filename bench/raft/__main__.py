# SPDX-License-Identifier: Apache-2.0
"""Applied commands a second of Raft libraries, three nodes each, in turns in one run.

Each library runs as three processes on this machine, over its own TCP transport on loopback, each node with its log in
a directory of its own on one disk. hashicorp/raft stands on raft-boltdb/v2 and syncs every append, as tricord does;
once as it comes, once tuned (batched applies, 1,024 entries a message, no free list on disk). PySyncObj writes a
journal that it never flushes; once as it comes, once eager (no wait for the next tick).

Commands are proposed in the leader's process, so many outstanding at a time. One counts when the leader has applied it,
and each load ends by waiting until all nodes have applied everything. Every round starts new clusters; the medians of
the rounds count. Needs the peers `raft-hashicorp` and `pysyncobj` (`make peers`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.peers import paths

from bench.raft.dialogue import Load, Report
from bench.raft.trio import Trio

COMMAND_BYTES = 256
OUTSTANDING = (1, 64, 1000)
WARM_UP_SECONDS = 0.5


@dataclass
class Contender:
    """One library: the command that runs a node, and what that needs of the environment."""

    command: Callable[[list[str]], list[str]]
    environment: dict[str, str] = field(default_factory=dict)


def python_node(module: str, *flags: str, **environment: str) -> Contender:
    """A node written in Python."""
    return Contender(lambda arguments: [sys.executable, "-m", f"bench.raft.{module}", *arguments, *flags], environment)


def contenders() -> dict[str, Contender]:
    """Those whose peers are here."""
    found = {"tricord": python_node("tricord_node")}
    if binary := paths.find("raft-hashicorp"):
        found["hashicorp/raft"] = Contender(lambda arguments: [str(binary), *arguments])
        found["hashicorp tuned"] = Contender(lambda arguments: [str(binary), *arguments, "--tuned"])
    if library := paths.find("pysyncobj"):
        found["PySyncObj"] = python_node("pysyncobj_node", PYTHONPATH=str(library))
        found["PySyncObj eager"] = python_node("pysyncobj_node", "--eager", PYTHONPATH=str(library))
    return found


def measure(contender: Contender, outstanding: list[int], seconds: float) -> list[Report]:
    """A new cluster, loaded with each number of outstanding proposals."""
    with (
        tempfile.TemporaryDirectory(prefix="tricord-bench-") as folder,
        Trio(contender.command, contender.environment, Path(folder)) as trio,
    ):
        trio.load(Load(outstanding=64, seconds=WARM_UP_SECONDS, bytes=COMMAND_BYTES))
        return [trio.load(Load(count, seconds, COMMAND_BYTES)) for count in outstanding]


def medians(reports: list[Report]) -> dict[str, float]:
    """The median of each figure by itself."""
    return {
        "throughput": statistics.median(report.throughput for report in reports),
        "p50": statistics.median(report.p50 for report in reports),
        "p99": statistics.median(report.p99 for report in reports),
    }


def show(figures: dict[str, list[dict[str, float]]], outstanding: list[int]) -> None:
    """A line a library and number of outstanding proposals, with tricord's throughput as a multiple of its."""
    print(f"{'library':18}{'outstanding':>12}{'applied/s':>12}{'p50':>12}{'p99':>12}{'tricord is':>13}")
    for place, count in enumerate(outstanding):
        for name, rows in figures.items():
            row = rows[place]
            times = [f"{row[percentile] * 1000:.2f} ms" for percentile in ("p50", "p99")]
            ours = figures["tricord"][place]["throughput"] if "tricord" in figures else 0
            ratio = f"{ours / row['throughput']:.2f} x" if ours else ""
            print(f"{name:18}{count:12}{row['throughput']:12.0f}{times[0]:>12}{times[1]:>12}{ratio:>13}", flush=True)


def main() -> None:
    """Parse the flags, run the rounds, print, and write the records where asked."""
    here = contenders()
    parser = argparse.ArgumentParser(prog="python -m bench.raft", description=__doc__.splitlines()[0])
    parser.add_argument("--contenders", nargs="+", choices=list(here), default=list(here))
    parser.add_argument("--outstanding", nargs="+", type=int, default=list(OUTSTANDING))
    parser.add_argument("--rounds", type=int, default=3, help="new clusters of each library; the median counts")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load")
    parser.add_argument("--output", help="also write the records as JSON to this file")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; medians of {options.rounds} round(s)\n")
    reports: dict[str, list[list[Report]]] = {name: [] for name in options.contenders}
    for number in range(options.rounds):
        # Whoever goes second finds warmer caches and a fuller disk queue: swap each round.
        for name in options.contenders if number % 2 == 0 else reversed(options.contenders):
            reports[name].append(measure(here[name], options.outstanding, options.seconds))
    figures = {
        name: [medians(list(column)) for column in zip(*rounds, strict=True)] for name, rounds in reports.items()
    }
    show(figures, options.outstanding)
    if options.output:
        runs = {
            name: [[asdict(report) for report in cluster] for cluster in rounds] for name, rounds in reports.items()
        }
        Path(options.output).write_text(json.dumps({"medians": figures, "runs": runs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
