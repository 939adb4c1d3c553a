# SPDX-License-Identifier: Apache-2.0
"""etcd's own `benchmark` tool: one run of a workload against one or several endpoints, and what it measured."""

from __future__ import annotations

import re
import statistics
import subprocess
from dataclasses import asdict, dataclass

from tests.peers import paths
from tests.peers.processes import clean_environment

KEY_BYTES = 8
VALUE_BYTES = 256
KEY_SPACE = 100_000
CONNECTIONS_MAX = 100  # as in etcd's own published measurements
WORKLOADS = ("put", "range-linearizable", "range-serializable", "txn")
COORDINATION = ("watch", "watch-latency", "watch-get", "lease-keepalive", "txn-put", "txn-mixed", "stm")
READ_KEY = "measured"


@dataclass
class Figures:
    """What one run of the tool printed: requests a second, and seconds."""

    throughput: float
    p50: float
    p99: float
    server_seconds: float = 0
    """Processor time of the servers for a request, where it was measured."""


def tool_arguments(workload: str, total: int) -> list[str]:
    """The tool's command and flags of a workload.

    ``total`` counts requests; for the watch workloads, what is told to all watchers together.
    """
    writes = [f"--key-size={KEY_BYTES}", f"--val-size={VALUE_BYTES}", f"--key-space-size={KEY_SPACE}"]
    return {
        "put": ["put", *writes, f"--total={total}"],
        "txn": ["txn-put", *writes, f"--total={total}"],
        "range-linearizable": ["range", READ_KEY, "--consistency=l", f"--total={total}"],
        "range-serializable": ["range", READ_KEY, "--consistency=s", f"--total={total}"],
        "load": [
            "put",
            *writes[:2],
            f"--key-space-size={total}",
            "--sequential-keys",
            f"--total={total}",
        ],
        # 10 streams with 100 watchers of one key each: an event is told 1,000 times.
        "watch": ["watch", f"--put-total={max(total // 1000, 10)}"],
        "watch-latency": ["watch-latency", "--put-rate=1000000", f"--put-total={max(total // 100, 10)}"],
        "watch-get": ["watch-get", f"--watchers={max(total // 8, 10)}"],
        "lease-keepalive": ["lease-keepalive", f"--total={total}"],
        "txn-put": ["txn-put", *writes, "--txn-ops=4", f"--total={total}"],
        "txn-mixed": ["txn-mixed", "--val-size=256", f"--total={total}"],
        "stm": ["stm", "--keys=1000", "--keys-per-txn=2", f"--total={total // 4}"],
    }[workload]


def run_tool(endpoints: str, workload: str, clients: int, total: int) -> Figures:
    """One run of the tool, its connections spread over the endpoints, which commas separate.

    Raises RuntimeError with its output when it fails or reports errors.
    """
    tool = paths.find("benchmark")
    assert tool is not None
    connections = min(clients, CONNECTIONS_MAX)
    command = [str(tool), f"--endpoints={endpoints}", f"--conns={connections}", f"--clients={clients}"]
    command += ["--precise", *tool_arguments(workload, total)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    found = summaries(done.stdout)
    if not found or "Error distribution" in done.stdout or done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    if workload == "txn-mixed":
        return together(found)
    # The watch workloads say first how the watches were made or the keys put; last, how events came.
    return found[-1]


_SUMMARY = re.compile(r"Requests/sec:\s+([\d.e+-]+).*?50% in ([\d.e+-]+) secs.*?99% in ([\d.e+-]+) secs", re.DOTALL)


def summaries(output: str) -> list[Figures]:
    """What each of the summaries in the tool's output says, in their order."""
    return [Figures(*map(float, one.groups())) for one in _SUMMARY.finditer(output)]


def together(parts: list[Figures]) -> Figures:
    """Workloads that ran side by side: what they did together, and the worse of their times."""
    return Figures(
        throughput=sum(part.throughput for part in parts),
        p50=max(part.p50 for part in parts),
        p99=max(part.p99 for part in parts),
    )


def median(runs: list[Figures]) -> Figures:
    """The median of each figure by itself."""
    return Figures(*(statistics.median(column) for column in zip(*(asdict(run).values() for run in runs), strict=True)))


def seconds(value: float) -> str:
    return f"{value * 1000:.2f} ms"
