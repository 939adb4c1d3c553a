# SPDX-License-Identifier: Apache-2.0
"""Three real members under load, killed again and again: no acknowledged write is lost, and all members agree.

Writers put unique keys through all members the whole time (`go-load`), read each back at once, and keep what was
acknowledged. First `kill -9` hits one member every few seconds, mostly the leader, which comes back while the next one
leads; then all three at once, as often as `--rounds` says, with load in between. At the end the members are level, and
every one must have every acknowledged write with its value at its revision, and the very same keys, values, revisions
and versions as the others, and the same HashKV. A read that lacked an acknowledged write fails as well, and so does an
alarm. On a failure the data and logs are kept.

python -m tests.e2e.soak_raft [--seconds 300 | --kills 200] [--pause 4] [--rounds 50] [--server tricord]
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.clusters import KINDS, Cluster, eventually
from tests.peers.load import Load, assert_nothing_lost

LEADER_SHARE = 0.7
"""Of the kills of one member, how many hit the leader on purpose."""
RECOVERY_SECONDS = 60.0
"""A write must get through so soon after a kill."""


@dataclass
class Plan:
    """How long and how hard."""

    seconds: float = 300
    """Of the first part: kills of one member."""
    kills: int = 0
    """Instead: so many of them."""
    pause: float = 4
    """Seconds between them."""
    rounds: int = 50
    """Kills of all at once."""
    load_seconds: float = 1
    """Load between two of those, after the first write got through."""
    writers: int = 8
    rate: float = 150
    """Most writes a second of each writer."""


def wait_for_writes(load: Load, what: str) -> None:
    """Until a write that was asked for after now is acknowledged, which proves that the cluster serves again."""
    load.mark()
    time.sleep(0.05)
    load.mark()  # answers that were on their way
    eventually(lambda: load.mark().acknowledged > 0, f"a write after {what}", RECOVERY_SECONDS)


def kill_one_by_one(cluster: Cluster, load: Load, plan: Plan) -> int:
    """The first part. The number of kills."""
    draw = random.Random(1)
    ends, count = time.monotonic() + plan.seconds, 0
    while count < plan.kills if plan.kills else time.monotonic() < ends:
        leader = cluster.leader(RECOVERY_SECONDS)
        victim = leader if draw.random() < LEADER_SHARE else draw.choice(list(cluster.members))
        cluster.kill(victim)
        count += 1
        wait_for_writes(load, f"kill {count}, of {victim}, while {leader} led")
        cluster.start([victim])
        time.sleep(plan.pause)
        tell(f"{count} kills of one", load)
    return count


def tell(what: str, load: Load) -> None:
    """How far it is, for who waits."""
    print(f"{what}, {load.total.acknowledged:,} writes acknowledged", file=sys.stderr, flush=True)


def kill_everyone(cluster: Cluster, load: Load, plan: Plan) -> None:
    """The second part."""
    for number in range(1, plan.rounds + 1):
        cluster.kill_all()
        cluster.start()
        wait_for_writes(load, f"kill {number} of all")
        time.sleep(plan.load_seconds)
        tell(f"{number} kills of all at once", load)


def ask(endpoint: str, path: str, **body: object) -> dict[str, Any]:
    """One call of the JSON gateway."""
    host, _, port = endpoint.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("POST", f"/v3/maintenance/{path}", json.dumps(body))
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        assert response.status == 200, f"{endpoint}: {answer}"
        return answer
    finally:
        connection.close()


def assert_hashes_alike(endpoints: str) -> str:
    """Every member hashes its keys at one revision, to the same; none has an alarm. The hash."""
    members = endpoints.split(",")
    revision = min(int(ask(member, "hashkv")["hash_revision"]) for member in members)
    hashes = {member: ask(member, "hashkv", revision=revision)["hash"] for member in members}
    assert len(set(hashes.values())) == 1, f"members differ at revision {revision}: {hashes}"
    alarms = ask(members[0], "alarm").get("alarms", [])
    assert not alarms, f"alarms are raised: {alarms}"
    return f"{hashes[members[0]]:08x}"


def soak(kind: str, folder: Path, plan: Plan) -> str:
    """Run both parts and check. Says in a line what was survived; raises AssertionError otherwise."""
    record = folder / "acknowledged"
    flags = ["--reads", "--timeout=2s", "--redial=200ms", f"--writers={plan.writers}", f"--rate={plan.rate}"]
    with Cluster(kind, folder / "cluster") as cluster:
        with Load(cluster.endpoints, *flags, record=record) as load:
            wait_for_writes(load, "the start")
            kills = kill_one_by_one(cluster, load, plan)
            kill_everyone(cluster, load, plan)
            load.finish()
        cluster.wait_until_level()
        keys = assert_nothing_lost(record, cluster.endpoints)
        content = assert_hashes_alike(cluster.endpoints)
        term = max(standing.term for standing in cluster.standings().values())
    assert not load.total.wrong, f"{len(load.total.wrong)} reads lacked a write: {load.total.wrong[:5]}"
    return (
        f"{kind}: {kills} kills of one member, {plan.rounds} of all at once; {load.total.acknowledged:,} writes "
        f"acknowledged, all there; {keys:,} keys alike on every member, hash {content}; term {term}; the longest time "
        f"without an acknowledged write {load.total.gap_ms / 1000:.1f} s; "
        f"{sum(load.total.errors.values()):,} calls failed"
    )


def main() -> None:
    """Parse the flags, run, print."""
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.soak_raft", description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=list(KINDS), default="tricord")
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="of kills of one member")
    parser.add_argument("--kills", type=int, default=plan.kills, help="so many kills of one member, however long")
    parser.add_argument("--pause", type=float, default=plan.pause, help="seconds between them")
    parser.add_argument("--rounds", type=int, default=plan.rounds, help="kills of all at once")
    options = parser.parse_args()
    plan.seconds, plan.kills, plan.pause, plan.rounds = options.seconds, options.kills, options.pause, options.rounds
    folder = Path(tempfile.mkdtemp(prefix="tricord-soak-"))
    try:
        print(soak(options.server, folder, plan))
    except BaseException:
        print(f"soak: data and logs are kept in {folder}", file=sys.stderr)
        raise
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
