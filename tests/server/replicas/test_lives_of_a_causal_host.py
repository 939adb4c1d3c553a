# SPDX-License-Identifier: Apache-2.0
"""Random lives of a causal host. Each write is answered once, all of it is there or nothing, and as it was answered."""

from __future__ import annotations

import errno
import random
from collections.abc import Awaitable, Callable

import pytest

from tests.server.replicas.company import Company, Place, play
from tricord.base.changes import Put
from tricord.base.errors import DiskFault, OutcomeUnknown, ReplicaCatchingUp, TricordError
from tricord.base.keyspaces import Model
from tricord.base.typed import KeyChange, Update, UpdateResult
from tricord.storage.memory_disk import PowerLost

Told = list[UpdateResult | TricordError]


class Life:
    """What one place goes through."""

    def __init__(self, company: Company, seed: int) -> None:
        self.company, self.random = company, random.Random(seed)
        self.place: Place = company.places[0]
        self.asked: list[tuple[list[bytes], Told]] = []

    def ask(self) -> None:
        number = len(self.asked)
        keys = [b"%d.%d" % (number, part) for part in range(self.random.choice((1, 1, 3)))]
        value = bytes(self.random.choice((3, 300, 30_000, 600_000)))
        deadline = self.company.loop.time() + self.random.choice((0.0, 0.05, 100.0))
        told: Told = []
        self.asked.append((keys, told))
        self.place.host.update(Update([KeyChange(key, Put(value)) for key in keys]), deadline, told.append)

    async def wait(self) -> None:
        await self.company.pass_time(self.random.choice((0.0, 0.0005, 0.002, 0.3)))

    async def settle(self) -> None:
        self.place.host.settle()

    async def fill_or_empty_the_disk(self) -> None:
        self.place.disk.is_full = not self.place.disk.is_full

    async def crash(self) -> None:
        self.place.crash()

    async def stop(self) -> None:
        await self.place.stop()

    async def get_another_number(self) -> None:
        host, self.place.host = self.place.host, None
        await host.close(ReplicaCatchingUp("made anew"))

    async def break_the_disk(self) -> None:
        place = self.place
        place.disk.fail_at = {place.disk.calls + self.random.randrange(1, 4): errno.EIO}
        await self.company.pass_time(0.3)
        if any(not isinstance(failure, PowerLost) for failure in place.failures):
            place.host.abandon(DiskFault("it failed"))
            place.host = None
            place.disk.power_cut()
        place.failures.clear()
        place.disk.fail_at = {}

    async def go_on(self) -> None:
        if self.place.host is None:
            self.place.disk.is_full = False
            await self.place.start()
            await self.company.until(lambda: bool(self.place.host.status().is_open))


@pytest.mark.parametrize("seed", range(4))
def test_each_write_is_answered_once_and_as_it_is(seed: int) -> None:
    async def story(company: Company) -> None:
        life = Life(company, seed)
        often, seldom = [life.wait] * 8, [life.crash, life.stop, life.get_another_number, life.break_the_disk]
        events: list[Callable[[], Awaitable[None]]] = [*often, life.settle, life.fill_or_empty_the_disk, *seldom]
        for _ in range(40):
            await life.go_on()
            for _ in range(life.random.choice((0, 1, 3, 20))):
                life.ask()
            await life.random.choice(events)()
        await life.go_on()
        life.place.disk.is_full = False
        await company.pass_time(10)
        life.place.crash()
        await life.go_on()
        for keys, told in life.asked:
            (outcome,) = told
            is_there = {bool(life.place.host.cell(key)) for key in keys}
            allowed = (
                (True, False)
                if isinstance(outcome, OutcomeUnknown | DiskFault)
                else (isinstance(outcome, UpdateResult),)
            )
            assert is_there in [{one} for one in allowed], (keys, outcome)

    play(Company(Model.CAUSAL, 1, seed=seed), story)
