# SPDX-License-Identifier: Apache-2.0
"""Watchers of all keys, each at one member, at a pace of its own. They go to another member when theirs dies, and now
and then for no reason, and go on where they were, or begin anew with the oldest that there is. They ask for marks, and
look at the past. In some runs a crowd comes along: many watches of one stream, of a key each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tricord.base.operations import Range, RangeResult
from tricord.base.watching import WatchCompacted, WatchEvents, WatchItem, WatchProgress, WatchSpec
from tricord.mvcc.keys import FROM_KEY
from tricord.sim.invariants.key_watches import KeyWatches
from tricord.sim.invariants.watch_order import WatchOrder

if TYPE_CHECKING:
    from tricord.mvcc.watch_queue import WatchQueue
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host

COUNT = 2
PACES = ((0.05, 2_000), (0.1, 2_000), (0.5, 20_000), (2.0, 100_000))
"""Seconds from look to look, and what is taken then: the slow ones are left behind, and told from the history."""
LAST_PACE = (0.1, 1_000_000)
"""When all is healed, all are to be told soon."""
MOVES = 0.02
"""How often a look ends with going elsewhere."""
BEGINS_ANEW = 0.3
"""How often whoever goes elsewhere begins with the oldest that there is."""
ASKS = 0.1
"""How often a look ends with asking for a mark."""
LOOKS_BACK = 0.1
LAST_ROUNDS = 20
STEPS_MAX = 8
"""How much of the hub's work is done at a look: what happens between two steps finds it in the middle of something."""
CROWDS = 0.1
"""In how many runs there is one."""
CROWD = 150


class Account(Protocol):
    """What was told so far, held against what happened."""

    def specs(self) -> list[WatchSpec]:
        """What to watch, to go on where it was."""

    def take(self, items: list[WatchItem]) -> list[WatchSpec]:
        """These were told, by watches in the order of ``specs``; watches that begin anew. Raises Broken."""

    def begin_anew(self, oldest: int) -> None:
        """Go on from this revision, told before or not."""

    @property
    def is_complete(self) -> bool:
        """Whether all that ever happened was told."""


class Observer:
    """One client with one stream."""

    def __init__(self, cluster: Cluster, name: str, account: Account) -> None:
        self._cluster = cluster
        self._random = cluster.stream(name)
        self._name = name
        self.account = account
        self._pace = self._random.choice(PACES)
        self._host: Host | None = None
        self._life = 0
        self._queue: WatchQueue | None = None

    def look(self) -> None:
        """Take what there is."""
        random, cluster = self._random, self._cluster
        is_last = cluster.faults.are_over
        seconds, budget = LAST_PACE if is_last else self._pace
        cluster.schedule.after(seconds * (0.5 + random.random()), self.look)
        moves, place, does = random.random() < MOVES and not is_last, random.random(), random.random()
        host = self._host
        if host is not None and (moves or host.life != self._life):
            self._leave(host)
            host = self._host = None
        if host is None:
            hosts = list(cluster.hosts.values())
            host = hosts[int(place * len(hosts))]
            if not host.up or host.paused:
                return
            if moves and does < BEGINS_ANEW:
                self.account.begin_anew(max(host.machine.compacted(), cluster.watcher.store.first_revision))
            self._attach(host)
        if not host.paused:
            for _ in range(LAST_ROUNDS if is_last else 1):
                self._work(host, 1 + int(random.random() * STEPS_MAX))
                self._take(host, budget)
            if does < ASKS:
                assert self._queue is not None
                host.hub.ask_progress(self._queue)
            elif does < ASKS + LOOKS_BACK:
                self._look_back(host)

    def _attach(self, host: Host) -> None:
        self._host, self._life = host, host.life
        self._queue = host.hub.open(_nothing)
        for spec in self.account.specs():
            host.hub.add(self._queue, spec)

    def _leave(self, host: Host) -> None:
        if host.life == self._life and self._queue is not None:
            host.hub.close(self._queue)
        self._queue = None

    def _work(self, host: Host, steps: int) -> None:
        for _ in range(steps):
            if not host.hub.has_work:
                break
            host.hub.step()

    def _take(self, host: Host, budget: int) -> None:
        assert self._queue is not None
        hub = host.hub
        for spec in self.account.take(hub.take(self._queue, budget)):
            hub.add(self._queue, spec)

    def _look_back(self, host: Host) -> None:
        """Read one key as it was, often at the oldest revision that there is."""
        random, machine = self._random, host.machine
        newest, oldest = machine.revision(), max(machine.compacted(), 1)
        revision = oldest if random.random() < 0.5 else random.randint(oldest, newest)
        key = b"k%d" % random.randrange(max(self._cluster.plan.keys, 1))
        found = machine.read(Range(key, revision=revision))
        assert isinstance(found, RangeResult)
        value = found.kvs[0].value if found.kvs else None
        self._cluster.watcher.store.read(key, value, revision, f"a look back at {key.decode()} by {self._name}")


class AllKeys:
    """The account of one watch of all keys."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._store = cluster.watcher.store
        self._order = WatchOrder(self._store, name)

    def specs(self) -> list[WatchSpec]:
        """Where it was."""
        return [WatchSpec(b"\0", FROM_KEY, self._order.told + 1)]

    def take(self, items: list[WatchItem]) -> list[WatchSpec]:
        """All in order."""
        again: list[WatchSpec] = []
        for item in items:
            if type(item) is WatchEvents:
                self._order.events([shared.event for shared in item.events])
            elif type(item) is WatchProgress and not again:  # else it has ended: the mark is none of its
                self._order.marked(item.revision)
            elif type(item) is WatchCompacted:
                self._order.compacted(item.compacted)
                again = self.specs()
        return again

    def begin_anew(self, oldest: int) -> None:
        """With all of the history."""
        self._order.told = oldest - 1

    @property
    def is_complete(self) -> bool:
        """Whether it knows all."""
        return self._order.told == self._store.revision


class Observers:
    """All of a run."""

    def __init__(self, cluster: Cluster) -> None:
        names = [f"observer {number}" for number in range(COUNT)]
        self._all = [Observer(cluster, name, AllKeys(cluster, name)) for name in names]
        if cluster.stream("crowd").random() < CROWDS:
            keys = [b"k%d" % number for number in range(max(cluster.plan.keys, 1))]
            self._all.append(Observer(cluster, "the crowd", KeyWatches(cluster.watcher.store, keys, CROWD)))

    def begin(self) -> None:
        """They watch from now on."""
        for observer in self._all:
            observer.look()

    @property
    def are_told(self) -> bool:
        """Whether they know all that ever happened."""
        return all(observer.account.is_complete for observer in self._all)


def _nothing() -> None:
    """They look by themselves."""
