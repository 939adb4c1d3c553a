# SPDX-License-Identifier: Apache-2.0
"""The faults that can befall a cluster, each a context: broken within, mended after it.

At any time a majority of members is whole or only slow, so that what ends ends well.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import permutations

from tests.e2e.faults.cluster import HostCluster, HostMember
from tests.e2e.faults.namespaces import Network
from tests.e2e.faults.relay import Shape
from tests.peers.clusters import eventually
from tricord.storage.faulty_disk import OPERATIONS

SHORT, LONG = 0.3, 4.0
FLAPS = 8
CLOCK_STEPS = (-86_400 * 365, -3_600, -30, -2, 2, 30, 3_600, 86_400 * 365)
"""Seconds of a wrong wall clock."""


@dataclass
class Target:
    """Whom a fault hits, and with what."""

    cluster: HostCluster
    network: Network
    victim: str
    other: str
    """Another member."""
    draw: random.Random

    @property
    def rest(self) -> list[str]:
        """All but the victim."""
        return [name for name in self.cluster.members if name != self.victim]

    @property
    def links_of_victim(self) -> list[tuple[str, str]]:
        """Both ways."""
        return [link for link in permutations(self.cluster.members, 2) if self.victim in link]

    @property
    def all_links(self) -> list[tuple[str, str]]:
        """Between any two."""
        return list(permutations(self.cluster.members, 2))


Kind = Callable[[Target], AbstractContextManager[None]]


@contextmanager
def isolated(target: Target) -> Iterator[None]:
    """No other member hears it, nor it them."""
    target.network.isolate(target.victim)
    yield
    target.network.heal()


@contextmanager
def one_way_to(target: Target) -> Iterator[None]:
    """It hears no other member."""
    for name in target.rest:
        target.network.cut(name, target.victim)
    yield
    target.network.heal()


@contextmanager
def one_way_from(target: Target) -> Iterator[None]:
    """No other member hears it."""
    for name in target.rest:
        target.network.cut(target.victim, name)
    yield
    target.network.heal()


@contextmanager
def pair_parted(target: Target) -> Iterator[None]:
    """Two do not hear each other, and the third hears both."""
    target.network.part(target.victim, target.other)
    yield
    target.network.heal()


@contextmanager
def flapping(target: Target) -> Iterator[None]:
    """Its links go and come, and go again."""
    for _ in range(FLAPS):
        target.network.isolate(target.victim)
        target.cluster.linger(target.draw.uniform(0.05, 0.6))
        target.network.heal()
        target.cluster.linger(target.draw.uniform(0.05, 0.6))
    yield


@contextmanager
def cut_from_clients(target: Target) -> Iterator[None]:
    """Members hear it; clients have no answer of it."""
    target.network.cut_from_clients(target.victim)
    yield
    target.network.heal()


@contextmanager
def killed(target: Target) -> Iterator[None]:
    """`kill -9`."""
    target.cluster.kill(target.victim)
    yield
    target.cluster.start([target.victim])


@contextmanager
def all_killed(target: Target) -> Iterator[None]:
    """`kill -9` of all at once."""
    target.cluster.kill_all()
    target.cluster.start()
    yield


@contextmanager
def stopped(target: Target) -> Iterator[None]:
    """SIGTERM: it hands the lead over and ends by itself."""
    target.cluster.members[target.victim].stop()
    yield
    target.cluster.start([target.victim])


@contextmanager
def paused(target: Target) -> Iterator[None]:
    """SIGSTOP: it stands still with its connections open."""
    target.cluster.pause(target.victim)
    try:
        yield
    finally:
        target.cluster.resume(target.victim)


@contextmanager
def all_paused(target: Target) -> Iterator[None]:
    """All stand still, and go on at once."""
    for member in target.cluster.members.values():
        member.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for member in target.cluster.members.values():
            member.signal(signal.SIGCONT)


@contextmanager
def disk_fails(target: Target) -> Iterator[None]:
    """What it writes fails: it stops by itself, and starts again on a disk that works."""
    operation, path = target.draw.choice((("datasync", "*/wal/*"), ("pwrite", "*/wal/*"), ("commit", "*")))
    member = target.cluster.hosts[target.victim]
    member.break_disk({"operations": [operation], "path": path, "error": "EIO"})
    eventually(lambda: not member.is_running(), f"{target.victim} to stop on a disk that fails")
    assert member.wait() != 0, f"{target.victim} ended well on a disk that failed"
    yield
    member.break_disk()
    target.cluster.start([target.victim])


@contextmanager
def disk_odd(target: Target) -> Iterator[None]:
    """Some calls fail, at times: it bears that or stops by itself, and may be started meanwhile, in vain or not."""
    draw, member = target.draw, target.cluster.hosts[target.victim]
    operations = draw.sample(sorted(OPERATIONS), draw.choice((1, 2, 5, len(OPERATIONS))))
    error, every = draw.choice(("EIO", "ENOSPC")), draw.choice((1, 2, 5, 20))
    member.break_disk({"operations": operations, "error": error, "every": every})
    yield
    if not member.is_running():
        member.wait()
        member.start(wait=False)
        target.cluster.linger(draw.uniform(SHORT, LONG))
    member.break_disk()
    eventually(lambda: _lives(member), f"{target.victim} to live on a disk that works again")


def _lives(member: HostMember) -> bool:
    """Whether it is healthy; one that has ended is started."""
    if not member.is_running():
        member.wait()
        member.start(wait=False)
    return member.is_healthy()


@contextmanager
def disk_full(target: Target) -> Iterator[None]:
    """The disk of one member ends here. It lives, and goes on when there is room."""
    cluster = target.cluster
    cluster.room.fill(left=target.draw.choice((0, 0, 1 << 20, 6 << 20, 16 << 20)))
    try:
        yield
        assert cluster.members[cluster.roomy].is_running(), f"{cluster.roomy} ended on a full disk"
    finally:
        cluster.room.free()


@contextmanager
def disk_slow(target: Target) -> Iterator[None]:
    """Its syncs and commits take long, some of them very long."""
    member = target.cluster.hosts[target.victim]
    delay = target.draw.choice((0.01, 0.05, 0.2, 1.0))
    member.break_disk(
        {"operations": ["datasync", "sync_directory"], "delay": delay, "every": target.draw.choice((1, 3, 10))},
        {"operations": ["commit"], "delay": delay},
    )
    yield
    member.break_disk()


@contextmanager
def _shaped(target: Target, links: list[tuple[str, str]], shape: Shape) -> Iterator[None]:
    target.cluster.relays.shape(dict.fromkeys(links, shape))
    yield
    target.cluster.relays.heal(links)


def links_slow(target: Target) -> AbstractContextManager[None]:
    """All links, or those of one member, are far."""
    delay = target.draw.choice((0.005, 0.03, 0.1))
    links = target.draw.choice((target.all_links, target.links_of_victim))
    return _shaped(target, links, Shape(delay=delay, jitter=delay * target.draw.choice((0.1, 1, 2))))


def links_lossy(target: Target) -> AbstractContextManager[None]:
    """What is sent is lost at times, and comes when TCP has sent it again."""
    links = target.draw.choice((target.all_links, target.links_of_victim))
    return _shaped(target, links, Shape(loss=target.draw.choice((0.01, 0.05, 0.2))))


def links_narrow(target: Target) -> AbstractContextManager[None]:
    """All links of a member take few bytes a second, somewhat more than the load brings."""
    return _shaped(target, target.links_of_victim, Shape(rate=target.draw.choice((100_000, 300_000, 1_000_000))))


def links_reset(target: Target) -> AbstractContextManager[None]:
    """Connections end in the middle of a frame."""
    links = target.draw.choice((target.all_links, target.links_of_victim))
    return _shaped(target, links, Shape(reset=target.draw.choice((0.005, 0.05))))


def link_stalled(target: Target) -> AbstractContextManager[None]:
    """One link, one way, or all of a member: nothing gets through, and connections stay."""
    one = (target.victim, target.other)
    links = target.draw.choice(([one], [one[::-1]], target.links_of_victim))
    return _shaped(target, links, Shape(stalled=True))


@contextmanager
def clock_wrong(target: Target) -> Iterator[None]:
    """The wall clock of one member jumps, and back; a step further on the way."""
    clock = target.cluster.clock
    assert clock is not None
    clock.shift(target.draw.choice(CLOCK_STEPS))
    yield
    clock.shift(target.draw.choice(CLOCK_STEPS))
    target.cluster.linger(0.5)
    clock.shift(0)


HARD: dict[str, Kind] = {
    "isolated": isolated,
    "one-way-to-it": one_way_to,
    "one-way-from-it": one_way_from,
    "pair-parted": pair_parted,
    "flapping": flapping,
    "cut-from-clients": cut_from_clients,
    "link-stalled": link_stalled,
    "killed": killed,
    "all-killed": all_killed,
    "stopped": stopped,
    "paused": paused,
    "all-paused": all_paused,
    "disk-fails": disk_fails,
    "disk-full": disk_full,
    "disk-odd": disk_odd,
}
"""At most one of these at a time."""
SOFT: dict[str, Kind] = {
    "disk-slow": disk_slow,
    "links-slow": links_slow,
    "links-lossy": links_lossy,
    "links-narrow": links_narrow,
    "links-reset": links_reset,
    "clock-wrong": clock_wrong,
}
"""These may go on beside one of the others."""


class Faults:
    """Draws faults from a seed, and counts them."""

    def __init__(self, cluster: HostCluster, network: Network, seed: int, kinds: frozenset[str] | None = None) -> None:
        """``kinds``: of these only; None: all that this machine can."""
        self._cluster = cluster
        self._network = network
        self._random = random.Random(seed)
        able = {*HARD, *SOFT} - ({"clock-wrong"} if cluster.clock is None else set())
        self.kinds = sorted(able & kinds if kinds is not None else able)
        self.counts: dict[str, int] = dict.fromkeys(self.kinds, 0)
        self._left: list[str] = []

    def strike(self) -> str:
        """One fault, at times with another beside it, from beginning to end: what it was. Blocks for seconds."""
        draw = self._random
        names = [self._next()]
        soft = [name for name in self.kinds if name in SOFT]
        if names[0] in HARD and soft and draw.random() < 0.4:
            names.insert(0, draw.choice(soft))
        members = list(self._cluster.members)
        # The leader is where it hurts.
        victim = self._cluster.leader() if draw.random() < 0.6 else draw.choice(members)
        other = draw.choice([name for name in members if name != victim])
        self._strike(names, Target(self._cluster, self._network, victim, other, draw))
        return f"{' and '.join(reversed(names))}: {victim}"

    def _next(self) -> str:
        """Each kind once in random order, then again: a short run has many kinds."""
        if not self._left:
            self._left = self.kinds.copy()
            self._random.shuffle(self._left)
        return self._left.pop()

    def _strike(self, names: list[str], target: Target) -> None:
        if not names:
            self._cluster.linger(self._random.uniform(SHORT, LONG))
            return
        kind = (HARD | SOFT)[names[0]]
        with kind(target):
            self.counts[names[0]] += 1
            self._strike(names[1:], target)
