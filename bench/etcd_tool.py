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
    """The tool's command and flags of a workload."""
    writes = [f"--key-size={KEY_BYTES}", f"--val-size={VALUE_BYTES}", f"--key-space-size={KEY_SPACE}"]
    command = {
        "put": ["put", *writes],
        "txn": ["txn-put", *writes],
        "range-linearizable": ["range", READ_KEY, "--consistency=l"],
        "range-serializable": ["range", READ_KEY, "--consistency=s"],
        "load": ["put", *writes[:2], f"--key-space-size={total}", "--sequential-keys"],
    }[workload]
    return [*command, f"--total={total}"]


def run_tool(endpoints: str, workload: str, clients: int, total: int) -> Figures:
    """One run of the tool, its connections spread over the endpoints, which commas separate.

    Raises RuntimeError with its output when it fails or reports errors.
    """
    tool = paths.find("benchmark")
    assert tool is not None
    connections = min(clients, CONNECTIONS_MAX)
    command = [str(tool), f"--endpoints={endpoints}", f"--conns={connections}", f"--clients={clients}"]
    command += tool_arguments(workload, total)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    output = done.stdout

    def number(pattern: str) -> float:
        found = re.search(pattern, output)
        if found is None or "Error distribution" in output or done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\n{output[-2000:]}\n{done.stderr[-2000:]}")
        return float(found[1])

    return Figures(
        throughput=number(r"Requests/sec:\s+([\d.]+)"),
        p50=number(r"50% in ([\d.]+) secs"),
        p99=number(r"99% in ([\d.]+) secs"),
    )


def median(runs: list[Figures]) -> Figures:
    """The median of each figure by itself."""
    return Figures(*(statistics.median(column) for column in zip(*(asdict(run).values() for run in runs), strict=True)))


def seconds(value: float) -> str:
    return f"{value * 1000:.2f} ms"
