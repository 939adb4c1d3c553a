# SPDX-License-Identifier: Apache-2.0
"""How long a cluster of three takes no writes when its leader dies, hands over, or waits for its disk.

- kills: `kill -9` of the leader. From then on one `etcdctl put --command-timeout=250ms` after another at the two
  survivors; the outage ends with the first that is acknowledged. The killed member is restarted and has caught up
  before the next kill.
- transfers: `etcdctl move-leader` to each member in turn, under writers with open connections to every member; the
  outage is the longest time in which none of them was acknowledged.
- stall: every sync of the leader's disk waits for five seconds (tricord only: a library that is compiled here and
  preloaded; a Go program does not call the C library). The lead must move on, and the term rise by one or two.

etcd and tricord one after the other in one run, with their defaults (heartbeat 100 ms, election timeout 1,000 ms).
Needs the peers `etcd`, `etcdctl` and `go-load` (`make peers`), and a C compiler for the stall.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers import paths
from tests.peers.clusters import KINDS, Cluster, eventually
from tests.peers.load import Load
from tests.peers.processes import clean_environment

from bench.slow_disk import SlowDisk

KILLS = 12
TRANSFERS = 12
STALL_SECONDS = 5.0
WRITERS = ("--writers=3", "--pin", "--rate=400", "--timeout=10s")
"""One to each member, with its connection open."""
SETTLE_SECONDS = 1.0
"""Between two events: the members are level and idle, and the clients have dialled again."""


@dataclass
class Outages:
    """Of one kind of event, in milliseconds."""

    milliseconds: list[float] = field(default_factory=list)
    slowest: float = 0
    """The slowest single write that was acknowledged, where writers ran all the time."""
    errors: Counter[str] = field(default_factory=Counter)
    """What writers saw."""

    def line(self) -> str:
        """Median and worst."""
        text = f"median {statistics.median(self.milliseconds):6.0f} ms   worst {max(self.milliseconds):6.0f} ms"
        if self.slowest:
            text += f"   slowest write {self.slowest:6.0f} ms   errors {dict(self.errors)}"
        return text


def etcdctl(endpoints: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One run of etcdctl."""
    binary = paths.find("etcdctl")
    if binary is None:
        sys.exit("bench: etcdctl is not here: run make peers")
    command = [str(binary), f"--endpoints={endpoints}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())


def outage_of_kill(cluster: Cluster, number: int) -> float:
    """Kill the leader; milliseconds until a put at the others is acknowledged."""
    leader = cluster.leader()
    survivors = cluster.endpoints_without(leader)
    cluster.kill(leader)
    killed = time.perf_counter()
    while etcdctl(survivors, "put", "failover", str(number), "--command-timeout=250ms").returncode != 0:
        if time.perf_counter() - killed > 60:
            raise RuntimeError(f"no write within a minute\n{cluster.logs()}")
    outage = (time.perf_counter() - killed) * 1000
    cluster.start([leader])
    cluster.wait_until_level()
    time.sleep(SETTLE_SECONDS)
    return outage


def kills(kind: str, folder: Path, count: int) -> Outages:
    """The part `kills` for one kind of server."""
    outages = Outages()
    with Cluster(kind, folder / f"kills-{kind}") as cluster:
        for number in range(count):
            outages.milliseconds.append(outage_of_kill(cluster, number))
    return outages


def transfers(kind: str, folder: Path, count: int) -> Outages:
    """The part `transfers`."""
    outages = Outages()
    with Cluster(kind, folder / f"transfers-{kind}") as cluster, Load(cluster.endpoints, *WRITERS) as load:
        for number in range(count):
            time.sleep(SETTLE_SECONDS)
            leader = cluster.leader()
            target = [name for name in cluster.members if name != leader][number % 2]
            member = cluster.standings()[target].member
            load.mark()
            done = etcdctl(cluster.members[leader].endpoint, "move-leader", f"{member:x}")
            if done.returncode != 0:
                raise RuntimeError(f"move-leader: {done.stderr}\n{cluster.logs()}")
            time.sleep(SETTLE_SECONDS)
            outages.milliseconds.append(load.mark().gap_ms)
        load.finish()
        outages.slowest, outages.errors = load.total.slowest_ms, load.total.errors
    return outages


def stall(folder: Path) -> dict[str, float]:
    """The part `stall`: outage in milliseconds, seconds until another led, and by how much the term rose."""
    disk = SlowDisk(folder / "slow-disk")
    environments = {name: disk.environment(name) for name in ("n1", "n2", "n3")}
    with Cluster("tricord", folder / "stall", environments=environments) as cluster:
        leader = cluster.leader()
        term = cluster.standings()[leader].term
        with Load(cluster.endpoints, *WRITERS) as load:
            time.sleep(SETTLE_SECONDS)
            load.mark()
            started = time.perf_counter()
            with disk.stalled(leader):
                eventually(lambda: cluster.leader_now() not in (None, leader), "the lead to move", STALL_SECONDS)
                moved = time.perf_counter() - started
                time.sleep(max(0.0, STALL_SECONDS - moved))
            time.sleep(2 * SETTLE_SECONDS)
            outage = load.mark().gap_ms
            load.finish()
        cluster.wait_until_level()
        rise = max(standing.term for standing in cluster.standings().values()) - term
    return {"outage_ms": outage, "seconds_until_moved": moved, "term_rise": rise}


def main() -> None:
    """Parse the flags, run the parts, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.failover", description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=["kills", "transfers", "stall"])
    parser.add_argument("--servers", nargs="+", choices=list(KINDS), default=["etcd", "tricord"])
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--transfers", type=int, default=TRANSFERS)
    parser.add_argument("--output", help="also write the records as JSON to this file")
    options = parser.parse_args()
    parts = options.parts or ["kills", "transfers", "stall"]
    print(
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; three members, no load but the measuring writers\n"
    )
    records: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="tricord-bench-") as name:
        for part, measure, count in (("kills", kills, options.kills), ("transfers", transfers, options.transfers)):
            for kind in options.servers if part in parts else ():
                outages = measure(kind, Path(name), count)
                print(f"{part:10} {kind:8} {outages.line()}   (n = {count})", flush=True)
                records[f"{part} {kind}"] = outages.milliseconds
        if "stall" in parts and "tricord" in options.servers:
            figures = records["stall tricord"] = stall(Path(name))
            text = "   ".join(f"{title} {figure:.2f}" for title, figure in figures.items())
            print(f"{'stall':10} {'tricord':8} {text}", flush=True)
    if options.output:
        Path(options.output).write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
