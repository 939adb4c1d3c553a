# SPDX-License-Identifier: Apache-2.0
"""Replicas, the network between them and their clocks, in virtual time. All chance comes from one seeded generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from tricord.base.ordered import Table
from tricord.eventual.config import EventualConfig, next_incarnation
from tricord.eventual.replica import EventualReplica
from tricord.eventual.returning import Former
from tricord.eventual.turn import Input, Output, ReadRequest, WriteRequest
from tricord.sim.eventual.tables import Disk

EPOCH = 1_700_000_000
TICK = 0.1
DELAY_MAX = 0.05
"""Of a message, once all faults are over."""


@dataclass(slots=True)
class Host:
    """One machine. Its replica's number changes when it was retired; ``life`` with each start."""

    number: int
    disk: Disk = field(default_factory=Disk)
    core: EventualReplica | None = None
    incarnation: int = 0
    life: int = 0
    skew: int = 0
    """Milliseconds by which its wall clock is ahead."""
    inbox: list[bytes] = field(default_factory=list)
    requests: list[WriteRequest | ReadRequest] = field(default_factory=list)
    persisted: int = 0
    formers: list[Former] = field(default_factory=list)
    due: bool = False


class World:
    """``told`` is told of each turn's output, before its effects are durable."""

    def __init__(self, random: Random, told: Callable[[Host, Output], None]) -> None:
        self.random = random
        self.now = 0.0
        self.hosts: dict[int, Host] = {}
        self.active: tuple[int, ...] = ()
        self.loss = 0.0
        self.double = 0.0
        self.delay = DELAY_MAX
        self.ending_seconds = 3600.0
        self.sides: dict[int, int] = {}
        """Replicas on different sides do not hear each other; where there is none, all do."""
        self._told = told
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Do it then."""
        self._order += 1
        heappush(self._events, (time, self._order, event))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heappop(self._events)
            event()
        self.now = until

    def add(self, number: int, formers: list[Former] | None = None) -> Host:
        """A new host, with an empty disk."""
        host = self.hosts[number] = Host(number, formers=formers or [])
        self.active = (*self.active, number)
        self.start(host)
        return host

    def wall(self, host: Host) -> int:
        """Milliseconds since 1970 by the host's clock."""
        return EPOCH * 1000 + round(self.now * 1000) + host.skew

    def start(self, host: Host) -> None:
        """From what its disk holds. The catalogue knows its incarnations, also where its disk does not."""
        last, chance = host.incarnation, self.random.getrandbits(16)
        host.incarnation = next_incarnation(self.wall(host) // 1000, chance, last)
        config = EventualConfig(
            cluster=1,
            keyspace=1,
            replica=host.number,
            incarnation=host.incarnation,
            batch_bytes=600,
            ending_seconds=self.ending_seconds,
        )
        host.core = EventualReplica(config, host.disk.open(), Table.HEAD, host.formers)
        host.life += 1
        host.persisted = 0
        host.inbox, host.requests, host.due = [], [], False
        self._tick(host, host.life)

    def stop(self, host: Host) -> None:
        """It dies: what was not synced is gone."""
        host.core = None
        host.life += 1

    def wake(self, host: Host) -> None:
        """A turn soon."""
        if host.core is not None and not host.due:
            host.due = True
            life = host.life
            self.at(self.now + 0.001, lambda: self._turn(host, life))

    def _tick(self, host: Host, life: int) -> None:
        if host.life == life:
            self.wake(host)
            self.at(self.now + TICK, lambda: self._tick(host, life))

    def _turn(self, host: Host, life: int) -> None:
        if host.life != life or host.core is None:
            return
        host.due = False
        given = Input(self.now, self.wall(host), persisted=host.persisted, active=self.active)
        given.received, host.inbox = host.inbox, []
        given.writes = [each for each in host.requests if isinstance(each, WriteRequest)]
        given.reads = [each for each in host.requests if isinstance(each, ReadRequest)]
        host.requests = []
        output = host.core.turn(given)
        host.disk.append(output.turn, output.effects)
        self._told(host, output)
        for receiver, data in output.messages:
            self._send(host.number, receiver, data)
        if output.effects:
            self.at(self.now + self.random.uniform(0.001, 0.02), lambda: self._sync(host, life))
        elif len(host.disk.unsynced) == 1:
            host.persisted = host.disk.sync()

    def _sync(self, host: Host, life: int) -> None:
        if host.life == life:
            turn = host.disk.sync()
            if turn:
                host.persisted = turn
                self.wake(host)

    def _send(self, sender: int, receiver: int, data: bytes) -> None:
        if self.random.random() < self.loss or self._apart(sender, receiver):
            return
        for _ in range(2 if self.random.random() < self.double else 1):
            late = self.random.random() < self.double
            delay = self.random.uniform(0.001, self.delay) + (self.random.uniform(0, 3) if late else 0)
            self.at(self.now + delay, lambda: self._deliver(sender, receiver, data))

    def _deliver(self, sender: int, receiver: int, data: bytes) -> None:
        host = self.hosts.get(receiver)
        if host is not None and host.core is not None and not self._apart(sender, receiver):
            host.inbox.append(data)
            self.wake(host)

    def _apart(self, one: int, other: int) -> bool:
        return bool(self.sides) and self.sides.get(one) != self.sides.get(other)
