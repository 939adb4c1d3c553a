# SPDX-License-Identifier: Apache-2.0
"""Hosts of one eventual keyspace in virtual time, over a network that loses and delays, on disks that fill and die."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from tricord.base.changes import Change, Put
from tricord.base.environment import Environment
from tricord.base.errors import TricordError
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.typed import KeyChange, Update, UpdateResult
from tricord.base.values import Value
from tricord.crdt.cell import Cell
from tricord.crdt.changed import Changed
from tricord.crdt.shown import show
from tricord.server.replicas.eventual_host import EventualHost
from tricord.sim.environment import SimulatedClock, simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk
from tricord.storage.replica_storage import (
    ReplicaStorage,
    open_replica_storage,
    remove_replica_storage,
    renumber_replica_storage,
    replica_directories,
)

MAP_SIZE = 256 << 20
RECORD = KeyspaceRecord(7, "carts", Model.EVENTUAL)
PLACE = 7


class SkewedClock(SimulatedClock):
    """Its wall clock is ahead."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__(loop)
        self.ahead_seconds = 0.0

    def wall_ns(self) -> int:
        return super().wall_ns() + int(self.ahead_seconds * 1e9)


@dataclass
class Node:
    """A machine: a member, or an edge that speaks to the member ``home`` alone."""

    world: World
    name: str
    disk: MemoryDisk
    clock: SkewedClock
    environment: Environment
    number: int = 0
    home: str = ""
    quota: int = MAP_SIZE
    host: EventualHost | None = None
    storage: ReplicaStorage | None = None
    told: list[Changed] = field(default_factory=list)
    """What watchers heard, over all starts."""
    alarms: list[str] = field(default_factory=list)
    broken: list[BaseException] = field(default_factory=list)
    wanted: int = 0
    """How often it asked for a new number."""

    # --- Surroundings ---

    def send(self, keyspace: int, replica: int, data: bytes) -> bool:
        return self.world.send(self, replica, data)

    def can_reach(self, replica: int) -> bool:
        return self.world.way(self, replica) is not None

    def alarm(self, keyspace: int, event: str, text: str) -> None:
        self.alarms.append(event)

    def new_number(self, keyspace: int) -> None:
        self.wanted += 1

    # --- life ---

    def start(self) -> EventualHost:
        """Open what its disk has; under a new number former ones are brought along."""
        found = [each.replica for each in replica_directories(self.disk, "data")]
        if found == [0] and self.number:
            renumber_replica_storage(self.disk, "data", PLACE, 0, self.number)
        formers = [
            (number, open_replica_storage(self.disk, "data", PLACE, number, map_size=MAP_SIZE))
            for number in found
            if number not in (0, self.number)
        ]
        self.storage = open_replica_storage(self.disk, "data", PLACE, self.number, map_size=MAP_SIZE)

        def adopted() -> None:
            for number, storage in formers:
                storage.close()
                remove_replica_storage(self.disk, "data", PLACE, number)

        self.host = EventualHost(
            self.environment,
            RECORD,
            self.number,
            self.storage,
            self,
            cluster=5,
            quota_bytes=self.quota,
            fail=self.broken.append,
            formers=formers,
            adopted=adopted,
        )
        self.host.changed = self.told.extend
        self.world.tell(self)
        self.host.start()
        return self.host

    def kill(self) -> None:
        """What was not committed is lost."""
        assert self.host is not None and self.storage is not None
        self.host.abandon()
        self.storage.close()
        self.host = None

    async def stop(self) -> None:
        """A clean stop."""
        assert self.host is not None
        await self.host.close()
        self.host = None

    def wipe(self) -> None:
        """Another disk, empty."""
        self._use(MemoryDisk())

    def picture(self) -> MemoryDisk:
        """Its disk as it is, for ``restore``."""
        return copy.deepcopy(self.disk)

    def restore(self, disk: MemoryDisk) -> None:
        """Its disk as it was."""
        self._use(disk)

    def _use(self, disk: MemoryDisk) -> None:
        self.disk = disk
        self.world.seeds += 1
        self.environment = simulated_environment(self.world.loop, disk, self.world.seeds, clock=self.clock)

    # --- clients ---

    def update(
        self, key: bytes, change: Change, *, seen: bytes = b"", ttl: int = 0, acks: int = 1, within: float = 5.0
    ) -> list[UpdateResult | TricordError]:
        """Make a write; the list gets its answer."""
        assert self.host is not None
        answers: list[UpdateResult | TricordError] = []
        deadline = self.world.loop.time() + within
        self.host.update(Update([KeyChange(key, change, seen, ttl)], acks), deadline, answers.append)
        return answers

    def put(self, key: bytes, value: bytes) -> list[UpdateResult | TricordError]:
        return self.update(key, Put(value))

    def read(self, keys: list[bytes], replicas: int, within: float = 5.0) -> list[list[Cell] | TricordError]:
        """What so many replicas have; the list gets the answer."""
        assert self.host is not None
        answers: list[list[Cell] | TricordError] = []
        self.host.read(keys, replicas, self.world.loop.time() + within, answers.append)
        return answers

    def value(self, key: bytes) -> Value | None:
        assert self.host is not None
        return self.shown(self.host.cell(key))

    def siblings(self, key: bytes) -> list[Value]:
        assert self.host is not None
        shown = show(self.host.cell(key), self.wall)
        return [] if shown is None else [each.value for each in shown.siblings] or [shown.value]

    def shown(self, cell: Cell) -> Value | None:
        shown = show(cell, self.wall)
        return None if shown is None else shown.value

    @property
    def wall(self) -> int:
        return self.clock.wall_ns() // 1_000_000

    @property
    def is_open(self) -> bool:
        return self.host is not None and self.host.status().is_open


class World:
    """``cut``: pairs of names whose messages are lost, and between which there is no way."""

    def __init__(self, *members: str, seed: int = 1) -> None:
        self.loop = VirtualLoop()
        self.random = random.Random(seed)
        self.seeds = seed * 1000
        self.nodes: dict[str, Node] = {}
        self.cut: set[frozenset[str]] = set()
        self.loss = 0.0
        self.delay = 0.01
        self.sent = 0
        self._epoch = 0
        self._next = 1
        self._active: dict[int, Node] = {}
        self._retired: list[int] = []
        for name in members:
            self.add(name)

    def add(self, name: str, *, home: str = "", quota: int = MAP_SIZE, attach: bool = True) -> Node:
        """A new machine, not started."""
        self.seeds += 1
        disk, clock = MemoryDisk(), SkewedClock(self.loop)
        environment = simulated_environment(self.loop, disk, self.seeds, clock=clock)
        node = self.nodes[name] = Node(self, name, disk, clock, environment, home=home, quota=quota)
        if attach:
            self.attach(node)
        return node

    def attach(self, node: Node) -> None:
        """The catalogue gives it a (new) number."""
        self._active = {number: each for number, each in self._active.items() if each is not node}
        node.number, self._next = self._next, self._next + 1
        self._active[node.number] = node
        self.told()

    def retire(self, node: Node) -> None:
        """The catalogue takes its number away."""
        del self._active[node.number]
        self._retired.append(node.number)
        self.told()

    def told(self) -> None:
        """All hear of the replica set."""
        self._epoch += 1
        for node in self.nodes.values():
            if node.host is not None:
                self.tell(node)

    def tell(self, node: Node) -> None:
        assert node.host is not None
        members = [number for number, each in self._active.items() if not each.home]
        edges = [number for number, each in self._active.items() if each.home]
        node.host.belong(self._epoch, members, edges, self._retired)

    def way(self, node: Node, replica: int) -> Node | None:
        """Who has that replica, if there is a way."""
        other = self._active.get(replica)
        if other is None or other.host is None or other.number != replica:
            return None
        if self._apart(node, other) or (node.home and node.home != other.name) or (other.home not in ("", node.name)):
            return None
        return other

    def send(self, node: Node, replica: int, data: bytes) -> bool:
        other = self.way(node, replica)
        if other is None:
            return False
        self.sent += 1
        if self.random.random() >= self.loss:
            self.loop.call_later(self.random.uniform(0.001, self.delay), self._deliver, node, node.number, other, data)
        return True

    def part(self) -> None:
        """Cut all from all."""
        names = list(self.nodes)
        self.cut = {frozenset((one, other)) for one in names for other in names if one != other}

    def heal(self) -> None:
        """All ways open."""
        self.cut.clear()
        for node in self.nodes.values():
            for number, other in self._active.items():
                if node.host is not None and other is not node and self.way(node, number):
                    node.host.reached(number)

    def digests(self) -> set[int]:
        return {node.host.status().digest for node in self.nodes.values() if node.host is not None}

    def _apart(self, one: Node, other: Node) -> bool:
        return frozenset((one.name, other.name)) in self.cut

    def _deliver(self, sender: Node, number: int, receiver: Node, data: bytes) -> None:
        if receiver.host is not None and not self._apart(sender, receiver):
            receiver.host.received(number, data)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        reached = self.loop.create_future()
        self.loop.call_later(seconds, reached.set_result, None)
        await reached

    async def open(self) -> None:
        """Start all, and wait until they take requests."""
        for node in self.nodes.values():
            if node.host is None:
                node.start()
        await self.sleep(3)
        assert all(node.is_open for node in self.nodes.values())


def play(story: Callable[[World], Coroutine[None, None, None]], world: World) -> World:
    """Run a story to its end; no disk may have failed."""
    try:
        world.loop.run_until_complete(story(world))
    finally:
        world.loop.close()
    assert [node.broken for node in world.nodes.values() if node.broken] == []
    return world


def result(answers: list[UpdateResult | TricordError]) -> UpdateResult:
    """The answer, which must be a good one."""
    assert len(answers) == 1 and isinstance(answers[0], UpdateResult), answers
    return answers[0]


def error(answers: list[UpdateResult | TricordError] | list[list[Cell] | TricordError]) -> TricordError:
    """The answer, which must be an error."""
    assert len(answers) == 1 and isinstance(answers[0], TricordError), answers
    return answers[0]
