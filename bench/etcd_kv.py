# SPDX-License-Identifier: Apache-2.0
"""tricord and a real etcd 3.6 side by side, driven by etcd's own `benchmark` tool, in turns in one run.

Each case (a workload at a number of clients) runs on both servers alternately, `--rounds` times, on loopback and fresh
data directories on one disk; the medians and their ratio are printed. `--members 3` compares clusters. The part `keys`
loads 1 M keys of 256 bytes and compares memory, disk and the time of a restart. Needs the peers `etcd` and `benchmark`
(`make peers`).

The tool's clients run on the same cores as the servers, so a ratio here understates what a server alone gains.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.peers import paths
from tests.peers.clusters import Cluster
from tests.peers.processes import EtcdProcess, MemberProcess, ServerProcess

from bench.etcd_tool import COORDINATION, VALUE_BYTES, WORKLOADS, Figures, median, run_tool

CLIENTS = (1, 64, 1000)
TOTALS = {1: 4_000, 64: 40_000, 1000: 60_000}


def seconds(value: float) -> str:
    return f"{value * 1000:.2f} ms"


@dataclass
class Contender:
    """A server or a cluster: where its clients go, and the processes that serve them."""

    endpoints: str
    processes: list[ServerProcess]

    def run(self, workload: str, clients: int, total: int) -> Figures:
        """One run of the tool; the processor time of the servers is added to what the tool says."""
        before = sum(process.cpu_seconds() for process in self.processes)
        figures = run_tool(self.endpoints, workload, clients, total)
        figures.server_seconds = (sum(process.cpu_seconds() for process in self.processes) - before) / total
        return figures


def compare_workloads(
    contenders: dict[str, Contender], workloads: list[str], clients: list[int], rounds: int, share: float
) -> Iterator[dict[str, object]]:
    """Each case on each contender in turns; yields a record a case."""
    titles = f"{'workload':20}{'clients':>8}{'tricord/s':>12}{'etcd/s':>12}{'ratio':>8}"
    print(f"{titles}   p50 tricord, etcd      p99 tricord, etcd      servers' CPU a request")
    for workload in workloads:
        for count in clients:
            total = max(count, int(TOTALS.get(count, 40_000) * share))
            runs: dict[str, list[Figures]] = {name: [] for name in contenders}
            for number in range(rounds):
                # Whoever goes second finds warmer caches and a fuller disk queue: swap each round.
                order = list(contenders) if number % 2 == 0 else list(reversed(contenders))
                for name in order:
                    runs[name].append(contenders[name].run(workload, count, total))
            ours, theirs = median(runs["tricord"]), median(runs["etcd"])
            show(workload, count, ours, theirs)
            yield {
                "workload": workload,
                "clients": count,
                "requests": total,
                "rounds": rounds,
                "tricord": asdict(ours),
                "etcd": asdict(theirs),
                "ratio": ours.throughput / theirs.throughput,
            }


def show(workload: str, clients: int, ours: Figures, theirs: Figures) -> None:
    """One line."""
    print(
        f"{workload:20}{clients:8}{ours.throughput:12.0f}{theirs.throughput:12.0f}"
        f"{ours.throughput / theirs.throughput:8.2f}"
        f"   {seconds(ours.p50):>9}, {seconds(theirs.p50):<11}{seconds(ours.p99):>9}, {seconds(theirs.p99):<11}"
        f"{ours.server_seconds * 1e6:6.0f}, {theirs.server_seconds * 1e6:.0f} us",
        flush=True,
    )


def put_one(server: ServerProcess) -> None:
    """The key that the range workloads read, with a value of the usual size."""
    body = json.dumps({"key": "bWVhc3VyZWQ=", "value": "A" * (VALUE_BYTES * 4 // 3 // 4 * 4)}).encode()
    status, answer = server.http("POST", "/v3/kv/put", body)
    if status != 200:
        raise RuntimeError(f"{server.name}: {status} {answer!r}")


def compare_members(folder: Path, options: argparse.Namespace, rounds: int, share: float) -> dict[str, object]:
    """One member of each, or a cluster of each: over all endpoints, then with the leader's alone."""
    with ExitStack() as stack:
        if options.members == 1:
            servers: dict[str, ServerProcess] = {
                "tricord": stack.enter_context(MemberProcess(folder / "tricord")),
                "etcd": stack.enter_context(EtcdProcess(etcd_binary(), folder / "etcd")),
            }
            places = {"": {name: Contender(server.endpoint, [server]) for name, server in servers.items()}}
        else:
            clusters = {
                name: stack.enter_context(Cluster(name, folder / name, options.members)) for name in ("tricord", "etcd")
            }
            processes = {name: list[ServerProcess](cluster.members.values()) for name, cluster in clusters.items()}
            servers = {name: cluster.members[cluster.leader()] for name, cluster in clusters.items()}
            places = {
                "over all endpoints": {n: Contender(clusters[n].endpoints, processes[n]) for n in clusters},
                "at the leader": {n: Contender(servers[n].endpoint, processes[n]) for n in clusters},
            }
        for server in servers.values():
            put_one(server)
        records: dict[str, object] = {}
        for place, contenders in places.items():
            print(f"{options.members} members, {place}" if place else "one member")
            cases = compare_workloads(contenders, options.workloads, options.clients, rounds, share)
            records[place or "load"] = list(cases)
        return records


def directory_bytes(directory: Path) -> int:
    """Blocks in use below a directory."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def measure_keys(server: ServerProcess, keys: int) -> dict[str, float]:
    """Load ``keys`` keys; memory and disk then; the time of a restart with them, and memory after it."""
    with server:
        started = time.perf_counter()
        loaded = run_tool(server.endpoint, "load", 1000, keys)
        load_seconds = time.perf_counter() - started
        resident = server.resident_bytes()
        server.stop()
        disk = directory_bytes(server.directory)
        started = time.perf_counter()
        server.start()
        restart = time.perf_counter() - started
        after = server.resident_bytes()
    return {
        "keys": keys,
        "load_seconds": load_seconds,
        "load_throughput": loaded.throughput,
        "resident_bytes": resident,
        "restart_seconds": restart,
        "resident_bytes_after_restart": after,
        "disk_bytes": disk,
    }


def compare_keys(folder: Path, keys: int) -> dict[str, object]:
    """Memory, disk and restart of both servers with ``keys`` keys."""
    binary = etcd_binary()
    results = {
        "tricord": measure_keys(MemberProcess(folder / "keys-tricord"), keys),
        "etcd": measure_keys(EtcdProcess(binary, folder / "keys-etcd"), keys),
    }
    print(f"\nwith {keys:,} keys of {VALUE_BYTES} bytes     tricord        etcd    ratio")
    rows = (
        ("resident memory, MiB", "resident_bytes", 2**20),
        ("restart to healthy, s", "restart_seconds", 1),
        ("memory after restart, MiB", "resident_bytes_after_restart", 2**20),
        ("on disk, MiB", "disk_bytes", 2**20),
        ("load, keys/s", "load_throughput", 1),
    )
    for title, field, unit in rows:
        ours, theirs = results["tricord"][field] / unit, results["etcd"][field] / unit
        print(f"{title:30}{ours:12.2f}{theirs:12.2f}{ours / theirs:9.2f}", flush=True)
    return dict(results)


def etcd_binary() -> Path:
    """etcd 3.6, or exit with what to do."""
    binary = paths.find("etcd")
    if binary is None or paths.find("benchmark") is None:
        sys.exit("bench: etcd and its benchmark tool are not here: run make peers")
    return binary


def main() -> None:
    """Parse the flags, run the parts, print, and write the records where asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.etcd_kv", description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=["load", "keys"])
    parser.add_argument("--members", type=int, default=1, help="of each cluster; more than one: the part `load` alone")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS + COORDINATION, default=list(WORKLOADS))
    parser.add_argument("--coordination", action="store_true", help="the workloads of watches, leases and transactions")
    parser.add_argument("--clients", nargs="+", type=int, default=list(CLIENTS))
    parser.add_argument("--rounds", type=int, default=3, help="runs of each case on each server; the median counts")
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys of the part `keys`")
    parser.add_argument("--quick", action="store_true", help="one round of a quarter of the requests, 100,000 keys")
    parser.add_argument("--directory", help="where the data directories go (default: the system's scratch folder)")
    parser.add_argument("--output", help="also write the records as JSON to this file")
    options = parser.parse_args()
    if options.coordination:
        options.workloads, options.parts = list(COORDINATION), options.parts or ["load"]
    parts = options.parts or (["load", "keys"] if options.members == 1 else ["load"])
    rounds, share, keys = (1, 0.25, 100_000) if options.quick else (options.rounds, 1.0, options.keys)
    etcd_binary()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; medians of {rounds} round(s)\n")
    records: dict[str, object] = {"cores": os.cpu_count(), "python": sys.version.split()[0]}
    with tempfile.TemporaryDirectory(prefix="tricord-bench-", dir=options.directory) as name:
        folder = Path(name)
        if "load" in parts:
            records |= compare_members(folder, options, rounds, share)
        if "keys" in parts:
            records["keys"] = compare_keys(folder, keys)
    if options.output:
        Path(options.output).write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
