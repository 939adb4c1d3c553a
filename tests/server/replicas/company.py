# SPDX-License-Identifier: Apache-2.0
"""Hosts of one keyspace in virtual time, each with a disk of its own, and a network between them that loses things."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from typing import Any

from tricord.base.changes import AddElement, Change, Put
from tricord.base.environment import Environment
from tricord.base.errors import TricordError
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.typed import KeyChange, Update, UpdateResult
from tricord.crdt.changed import Changed
from tricord.crdt.shown import show
from tricord.server.replicas.opening import open_host
from tricord.sim.environment import SimulatedClock, simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

CLUSTER = 77
MAP_SIZE = 64 << 20


class SkewedClock(SimulatedClock):
    """A wall clock that may be wrong."""

    def __init__(self, loop: VirtualLoop, place: Place) -> None:
        super().__init__(loop)
        self._place = place

    def wall_ns(self) -> int:
        return super().wall_ns() + self._place.ahead * 1_000_000_000


class Place:
    """Where a host runs: a process with a disk. It is the host's ``Surroundings``."""

    def __init__(self, company: Company, number: int, record: KeyspaceRecord) -> None:
        self.company, self.number, self.record = company, number, record
        self.disk = MemoryDisk(seed=company.source.randrange(1 << 30))
        self.host: Any = None
        self.alarms: list[str] = []
        self.wanted_numbers = 0
        self.failures: list[BaseException] = []
        self.told: list[Changed] = []
        self.resyncs = 0
        self.life = 0
        self.ahead = 0
        """Seconds by which its wall clock is."""
        self.environment: Environment = simulated_environment(company.loop, self.disk, seed=number)

    async def start(self) -> None:
        """With what the disk holds."""
        self.life += 1
        loop = self.company.loop
        clock = SkewedClock(loop, self)
        self.environment = simulated_environment(loop, self.disk, seed=self.number * 1000 + self.life, clock=clock)
        host = await open_host(
            self.environment,
            "data",
            self.record.id,
            self.record,
            self.number,
            self,
            cluster=CLUSTER,
            quota_bytes=self.company.quota,
            map_size=MAP_SIZE,
            fail=self.failures.append,
        )
        host.changed = self.told.extend
        host.resynced = self._resynced
        host.belong(*self.company.set)
        host.start()
        self.host = host
        for other in self.company.places:
            if other is not self and other.host is not None and self.company.can_pass(self, other):
                other.host.reached(self.number)
                host.reached(other.number)

    def _resynced(self) -> None:
        self.resyncs += 1

    def crash(self) -> None:
        """The power goes, and comes back."""
        host, self.host = self.host, None
        host.abandon()
        self.disk.power_cut()

    async def stop(self) -> None:
        """Cleanly."""
        host, self.host = self.host, None
        await host.close()

    # --- surroundings -------------------------------------------------------------------------------------

    def send(self, keyspace: int, replica: int, data: bytes) -> bool:
        return self.company.send(self, replica, data)

    def can_reach(self, replica: int) -> bool:
        to = self.company.place_of(replica)
        return to is not None and to.host is not None and self.company.can_pass(self, to)

    def alarm(self, keyspace: int, event: str, text: str) -> None:
        self.alarms.append(event)

    def new_number(self, keyspace: int) -> None:
        self.wanted_numbers += 1

    # --- a client -----------------------------------------------------------------------------------------

    async def update(self, *changes: KeyChange, deadline: float = float("inf"), acks: int = 1) -> UpdateResult:
        """One write. Raises what it is refused with."""
        answered = self.company.loop.create_future()
        self.host.update(Update(list(changes), acks), deadline, answered.set_result)
        found = await answered
        if isinstance(found, TricordError):
            raise found
        assert isinstance(found, UpdateResult)
        return found

    async def put(self, **values: str) -> UpdateResult:
        """Registers, all in one write."""
        return await self.update(*[KeyChange(key.encode(), Put(text.encode())) for key, text in values.items()])

    async def change(self, key: str, change: Change, seen: bytes = b"") -> UpdateResult:
        """One change of one key."""
        return await self.update(KeyChange(key.encode(), change, seen))

    def write(self, key: str, value: str, then: Callable[[], object]) -> None:
        """Put, and go on; ``then`` runs when it is acknowledged."""
        self._ask(KeyChange(key.encode(), Put(value.encode())), then)

    def add(self, key: str, element: str, then: Callable[[], object]) -> None:
        """Add to a set, and go on."""
        self._ask(KeyChange(key.encode(), AddElement(element.encode())), then)

    def _ask(self, change: KeyChange, then: Callable[[], object]) -> None:
        def answered(outcome: UpdateResult | TricordError) -> None:
            if isinstance(outcome, UpdateResult):
                then()

        self.host.update(Update([change]), float("inf"), answered)

    def read(self, key: str) -> Any:
        """A key's value; of a register, its siblings in order."""
        self.host.check_open()
        shown = show(self.host.cell(key.encode()), self.environment.clock.wall_ns() // 1_000_000)
        if shown is None:
            return None
        return sorted(one.value.decode() for one in shown.siblings) if shown.siblings else shown.value

    async def wait_for(self, vector: Any, seconds: float) -> TricordError | None:
        """Until all of it is here."""
        ready = self.company.loop.create_future()
        self.host.wait_for(vector, self.company.loop.time() + seconds, ready.set_result)
        found: TricordError | None = await ready
        return found


class Company:
    """All places, what lies between them, and the catalogue's word."""

    def __init__(self, model: Model, count: int, *, loss: float = 0.0, seed: int = 1, quota: int = MAP_SIZE) -> None:
        self.loop = VirtualLoop()
        self.source = random.Random(seed)
        self.loss, self.latency, self.quota = loss, 0.002, quota
        self.cut: set[int] = set()
        record = KeyspaceRecord(7, "carts", model)
        self.places = [Place(self, number, record) for number in range(1, count + 1)]
        self.set: tuple[int, list[int], list[int], list[int]] = (1, list(range(1, count + 1)), [], [])
        self.sent_bytes = 0

    def join(self, number: int | None = None) -> Place:
        """One more, that is to be started: with a number of the set, or 0."""
        joined = Place(self, len(self.places) + 1 if number is None else number, self.places[0].record)
        self.places.append(joined)
        if number is None:
            self.change_set([place.number for place in self.places], [])
        return joined

    def place_of(self, number: int) -> Place | None:
        return next((place for place in self.places if place.number == number), None)

    def can_pass(self, one: Place, other: Place) -> bool:
        return (one.number in self.cut) == (other.number in self.cut)

    def send(self, sender: Place, replica: int, data: bytes) -> bool:
        to = self.place_of(replica)
        if to is None or to.host is None or not self.can_pass(sender, to):
            return False
        self.sent_bytes += len(data)
        if self.source.random() >= self.loss:
            delay = self.latency * self.source.uniform(0.5, 2.0)
            self.loop.call_later(delay, self._arrive, sender, sender.number, to, to.life, data)
        return True

    def _arrive(self, sender: Place, number: int, to: Place, life: int, data: bytes) -> None:
        if to.host is not None and to.life == life and self.can_pass(sender, to):
            to.host.received(number, data)

    def change_set(self, active: list[int], retired: list[int]) -> None:
        """All that run hear of it at once."""
        self.set = (self.set[0] + 1, active, [], retired)
        for place in self.places:
            if place.host is not None:
                place.host.belong(*self.set)

    def partition(self, *numbers: int) -> None:
        """These on one side, all others on the other; none: all together again."""
        self.cut = set(numbers)
        for one in self.places:
            for other in self.places:
                if one is not other and one.host is not None and other.host is not None and self.can_pass(one, other):
                    one.host.reached(other.number)

    async def start(self) -> None:
        for place in self.places:
            await place.start()
        await self.until(lambda: all(place.host.status().is_open for place in self.places))

    async def pass_time(self, seconds: float) -> None:
        reached = self.loop.create_future()
        self.loop.call_later(seconds, reached.set_result, None)
        await reached

    async def until(self, holds: Callable[[], bool], seconds: float = 60.0) -> float:
        """Wait until it holds; gives how long that took."""
        began = self.loop.time()
        while not holds():
            assert self.loop.time() < began + seconds, "it does not come about"
            await self.pass_time(0.01)
        return self.loop.time() - began

    def are_equal(self) -> bool:
        """Whether all are open, have the same, and no write is only at one."""
        states = [place.host.status() for place in self.places if place.host is not None]
        return (
            all(state.is_open and not state.unsent for state in states)
            and len({state.digest for state in states}) == 1
            and all(place.host.is_durable for place in self.places if place.host is not None)
        )


def play(company: Company, story: Callable[[Company], Coroutine[None, None, None]]) -> None:
    """Run it to its end."""

    async def whole() -> None:
        await story(company)
        for place in company.places:
            if place.host is not None:
                place.host.abandon()

    try:
        company.loop.run_until_complete(whole())
    finally:
        company.loop.close()
