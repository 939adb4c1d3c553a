# SPDX-License-Identifier: Apache-2.0
"""Leases on three real members whose leader is paused and killed, again and again: none ends early, none stays.

Holders take leases through all members, each with a key, renew them for a while and let them go. When a key is found to
be gone, no renewal that was answered may have been sent less than the time to live before. When it is still there, that
must be explained: by the last renewal, or by the last change of leaders, and the time to live since. Clocks are this
machine's, and the same for all. On a failure the data and logs are kept.

python -m tests.e2e.soak_leases [--seconds 300] [--server tricord]
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.peers.clusters import KINDS, Cluster, ClusterMember

PAUSE_MAX = 3.0
SLACK = 3.0
"""Seconds for an election, a round and a write on a machine that has nothing else to do."""
CALL_SECONDS = 1.5


@dataclass
class Lived:
    """One lease: when its answered renewals had been sent, and when the last question about it was over."""

    number: int
    ttl: int
    answered: list[float]
    last_asked: float

    @property
    def key(self) -> bytes:
        return b"lease/%d" % self.number


@dataclass
class Soak:
    """What is going on."""

    cluster: Cluster
    chance: random.Random
    slack: float = SLACK
    over: threading.Event = field(default_factory=threading.Event)
    disturbed: float = 0.0
    """When a leader was last paused, killed or brought back."""
    ended: int = 0
    renewed: int = 0
    complaints: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: int = 0

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """One try at some member; None: no answer, or a refusal."""
        members: list[ClusterMember] = [one for one in self.cluster.members.values() if one.is_running()]
        try:
            status, answer = self.chance.choice(members).http(
                "POST", path, json.dumps(body).encode(), seconds=CALL_SECONDS
            )
        except (OSError, http.client.HTTPException):
            return None
        return json.loads(answer) if status == 200 else None

    def hold(self) -> None:
        """Leases one after the other, each judged to its end."""
        while not self.over.is_set():
            with self.lock:
                self.numbers += 1
                number = self.numbers
            asked = time.monotonic()
            ttl = self.chance.choice((2, 3))
            if self.call("/v3/lease/grant", {"ID": number, "TTL": ttl}) is None:
                continue
            lived = Lived(number, ttl, [asked], asked)
            put = {"key": encoded(lived.key), "value": "", "lease": number}
            if self.call("/v3/kv/put", put) is None:
                continue
            if self.renew_for_a_while(lived):
                self.judge(lived)

    def renew_for_a_while(self, lived: Lived) -> bool:
        """False: it is said to be gone, and was judged."""
        until = time.monotonic() + self.chance.uniform(0, 5)
        while time.monotonic() < until and not self.over.is_set():
            time.sleep(self.chance.uniform(0.2, lived.ttl / 2))
            asked = time.monotonic()
            answer = self.call("/v3/lease/keepalive", {"ID": lived.number})
            lived.last_asked = time.monotonic()
            if answer is None:
                continue
            if not int(answer["result"].get("TTL", 0)):
                self.check_not_early(lived, lived.last_asked)
                return False
            lived.answered.append(asked)
            self.renewed += 1
        return True

    def judge(self, lived: Lived) -> None:
        """Look until the key is gone, and at each look whether it may, or must, be."""
        while True:
            asked = time.monotonic()
            answer = self.call("/v3/kv/range", {"key": encoded(lived.key)})
            told = time.monotonic()
            if answer is not None and not answer.get("kvs"):
                self.check_not_early(lived, told)
                self.ended += 1
                return
            latest = max(lived.last_asked + CALL_SECONDS, self.disturbed + PAUSE_MAX) + lived.ttl + self.slack
            if answer is not None and asked > latest:
                self.complaints.append(f"lease {lived.number} of {lived.ttl} s is {asked - latest:.2f} s too old")
                return
            time.sleep(0.05)

    def check_not_early(self, lived: Lived, gone_at: float) -> None:
        sooner = lived.answered[-1] + lived.ttl - gone_at
        if sooner > 0:
            self.complaints.append(f"lease {lived.number} of {lived.ttl} s ended {sooner:.2f} s early")

    def disturb(self) -> None:
        """Pause or kill whoever leads; bring it back."""
        leader = self.cluster.leader_now()
        if leader is None:
            return
        self.disturbed = time.monotonic()
        if self.chance.random() < 0.6:
            self.cluster.pause(leader)
            time.sleep(self.chance.uniform(0.5, PAUSE_MAX))
            self.cluster.resume(leader)
        else:
            self.cluster.kill(leader)
            time.sleep(self.chance.uniform(0.1, 1.5))
            self.cluster.start([leader])
        self.disturbed = time.monotonic()


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def soak(
    server: str, folder: Path, seconds: float, *, seed: int = 1, holders: int = 6, slack: float = SLACK, least: int = 0
) -> Soak:
    """Run it for ``seconds``, and until so many leases were renewed and seen to end; the ``complaints`` say what went
    wrong."""
    with Cluster(server, folder) as cluster:
        cluster.leader()
        run = Soak(cluster, random.Random(seed), slack)
        threads = [threading.Thread(target=run.hold) for _ in range(holders)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until or (min(run.ended, run.renewed) < least and not run.complaints):
                time.sleep(run.chance.uniform(0.5, 2))
                run.disturb()
        finally:
            run.over.set()
            for thread in threads:
                thread.join()
    return run


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="leases while leaders are paused and killed")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--server", choices=sorted(KINDS), default="tricord")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-leases-"))
    run = soak(options.server, folder, options.seconds, seed=options.seed)
    print(f"{run.numbers} leases, {run.renewed} renewals, {run.ended} seen to end, seed {options.seed}")
    print("\n".join(run.complaints) or "none ended early, none stayed")
    if run.complaints:
        print(f"data and logs: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
