# SPDX-License-Identifier: Apache-2.0
"""Watchers of all keys, each at one member; they go to another when it dies, and now and then for no reason, and go on
where they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.base.watching import WatchCompacted, WatchEvents, WatchSpec
from tricord.mvcc.keys import FROM_KEY
from tricord.sim.invariants.watch_order import WatchOrder

if TYPE_CHECKING:
    from tricord.mvcc.watch_queue import WatchQueue
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host

COUNT = 2
LOOK_SECONDS = 0.1
MOVES = 0.02
"""How often a look ends with going elsewhere."""
TAKEN_BYTES = 2_000


class Observer:
    """One watcher."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self._cluster = cluster
        self._random = cluster.stream(f"observer {number}")
        self.order = WatchOrder(cluster.watcher.store, f"observer {number}")
        self._host: Host | None = None
        self._life = 0
        self._queue: WatchQueue | None = None

    def look(self) -> None:
        """Take what there is."""
        random, cluster = self._random, self._cluster
        cluster.schedule.after(LOOK_SECONDS * (0.5 + random.random()), self.look)
        moves, place = random.random() < MOVES, random.random()
        host = self._host
        if host is not None and (moves or host.life != self._life):
            self._leave(host)
            host = self._host = None
        if host is None:
            hosts = list(cluster.hosts.values())
            host = hosts[int(place * len(hosts))]
            if not host.up or host.paused:
                return
            self._attach(host)
        if not host.paused:
            self._take(host)

    def _attach(self, host: Host) -> None:
        self._host, self._life = host, host.life
        self._queue = host.hub.open(_nothing)
        host.hub.add(self._queue, WatchSpec(b"\0", FROM_KEY, self.order.told + 1))

    def _leave(self, host: Host) -> None:
        if host.life == self._life and self._queue is not None:
            host.hub.close(self._queue)
        self._queue = None

    def _take(self, host: Host) -> None:
        assert self._queue is not None
        hub = host.hub
        if hub.has_work:
            hub.step()
        for item in hub.take(self._queue, TAKEN_BYTES):
            if type(item) is WatchEvents:
                self.order.events([shared.event for shared in item.events])
            elif type(item) is WatchCompacted:
                self.order.compacted(item.compacted)
                hub.add(self._queue, WatchSpec(b"\0", FROM_KEY, self.order.told + 1))


class Observers:
    """All of a run."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._all = [Observer(cluster, number) for number in range(COUNT)]

    def begin(self) -> None:
        """They watch from now on."""
        for observer in self._all:
            observer.look()

    @property
    def are_told(self) -> bool:
        """Whether they know all that ever happened."""
        return all(observer.order.told == self._cluster.watcher.store.revision for observer in self._all)


def _nothing() -> None:
    """They look by themselves."""
