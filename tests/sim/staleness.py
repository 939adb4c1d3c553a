# SPDX-License-Identifier: Apache-2.0
"""Reads below linearizable on whole members: pauses, cuts, slow links, and clocks that are wrong by as much as may be.

Bounded answers are judged in true time, from the moment the client asked: what any member had applied so long before
must be in them. Sessions move from member to member with their token: all that they saw is one order, and theirs.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from tricord import aio
from tricord.api.serving import Serving
from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.base.levels import Bounded, Level, Stamp
from tricord.check import sequential, sessions
from tricord.check.finding import Limits, Verdict
from tricord.check.history import FAIL, OK, UNKNOWN, History, Operation
from tricord.sim.host_network import Condition
from tricord.sim.wide.world import World
from tricord.statemachine.machine import Applied

BOUNDS = (0.05, 0.2, 0.5, 1.0)


@dataclass
class Answer:
    """A bounded read that was answered."""

    asked: float
    bound: float
    stamp: Stamp
    member: str


class Staleness:
    """One run of a cluster, its clients and its faults, drawn from a seed."""

    def __init__(self, seed: int, seconds: float = 10.0) -> None:
        self.seconds = seconds
        self.world = World(seed)
        self.chance = random.Random(seed)
        self.committed: dict[int, float] = {}
        """When each revision was first applied by anybody."""
        self.answers: list[Answer] = []
        self.operations: list[Operation] = []
        self.over = False
        self.values = 0
        for host in self.world.hosts.values():
            host.clock.run_at(1 + self.chance.choice((-1, 1)) * self.chance.choice((0.0, 0.0005, 0.001)))
            host.started = self._follow

    def _follow(self, serving: Serving) -> None:
        turns = serving.member.turns
        told = turns.watched

        def applied(results: list[Applied]) -> None:
            for one in results:
                if one.events:
                    self.committed.setdefault(one.revision, self.world.loop.time())
            told(results)

        turns.watched = applied

    async def play(self, world: World) -> None:
        await world.start()
        names = world.names
        work = [self._faults(), self._writes(world.client(host="writer"))]
        work += [self._bounded(name, world.client(name, host=f"reader-{name}", timeout=1.5)) for name in names]
        work += [self._session(f"s{number}") for number in range(3)]
        await asyncio.gather(*work)
        world.network.heal()

    async def _faults(self) -> None:
        world, chance = self.world, self.chance
        while world.loop.time() < self.seconds:
            await asyncio.sleep(chance.uniform(0.05, 0.4))
            name = chance.choice(world.names)
            others = [other for other in world.names if other != name]
            kind = chance.choice(("pause", "slow", "cut", "late"))
            if kind == "pause":
                world[name].pausing.begin()
                await asyncio.sleep(chance.uniform(0.1, 1.2))
                world[name].pausing.end()
                continue
            there, back = [(name, other) for other in others], [(other, name) for other in others]
            condition = world.network.impose(
                back if kind == "late" else there + back,
                Condition(cut=True) if kind == "cut" else Condition(delay=chance.uniform(0.1, 0.9)),
            )
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            world.network.lift(condition)
        self.over = True

    async def _writes(self, store: aio.AsyncClient) -> None:
        async with store:
            while not self.over:
                await asyncio.sleep(self.chance.uniform(0.0, 0.03))
                try:
                    await store.put("w", "x", timeout=0.5)
                except TricordError:
                    continue

    async def _bounded(self, name: str, store: aio.AsyncClient) -> None:
        async with store:
            while not self.over:
                await asyncio.sleep(self.chance.uniform(0.0, 0.05))
                asked, bound = self.world.loop.time(), self.chance.choice(BOUNDS)
                try:
                    reply = await store.range("w", "w\0", at_least=Bounded(seconds=bound), timeout=0.6)
                except TricordError:
                    continue
                self.answers.append(Answer(asked, bound, reply.stamp, name))

    async def _session(self, client: str) -> None:
        """One client whose operations go to any member, each with the token of those before."""
        stores = {name: self.world.client(name, host=client, timeout=1.0) for name in self.world.names}
        token = ""
        while not self.over:
            await asyncio.sleep(self.chance.uniform(0.0, 0.1))
            session = stores[self.chance.choice(self.world.names)].session(token)
            key = self.chance.choice(("a", "b"))
            if self.chance.random() < 0.4:
                await self._put(client, session, key)
            else:
                await self._get(client, session, key)
            token = session.token or token
            await session.close()
        for store in stores.values():
            await store.close()

    async def _put(self, client: str, session: aio.AsyncClient, key: str) -> None:
        self.values += 1
        value = f"v{self.values}"
        one = Operation(client, "put", key, value, None, self._now(), status=OK)
        self.operations.append(one)
        try:
            one.revision = (await session.put(key, value)).revision
            one.return_ns = self._now()
        except TricordError as error:
            one.status = UNKNOWN if isinstance(error, OutcomeUnknown) else FAIL
            one.return_ns = None if one.status == UNKNOWN else self._now()

    async def _get(self, client: str, session: aio.AsyncClient, key: str) -> None:
        one = Operation(client, "get", key, None, None, self._now(), status=OK)
        self.operations.append(one)
        try:
            found = await session.get(key, at_least=Level.SEQUENTIAL)
            one.output = None if found is None else found.text
        except TricordError:
            one.status = FAIL
        one.return_ns = self._now()

    def _now(self) -> int:
        return round(self.world.loop.time() * 1e9)

    @property
    def fresh(self) -> int:
        """How many bounded answers state an age: they were given without asking anybody."""
        return sum(bool(one.stamp.age) for one in self.answers)

    def problems(self) -> list[str]:
        """What does not hold, in words."""
        revisions = sorted(self.committed)
        found: list[str] = []
        for one in self.answers:
            age = one.stamp.age
            if age is None or age > one.bound + 1e-9:
                found.append(f"{one.member} was asked for {one.bound} s and stated {age}")
                continue
            # Within the precision of the clocks that were read.
            for what, before in (("bound", one.bound), ("stated age", age)):
                until = one.asked - before - 1e-6
                missing = [r for r in revisions if r > one.stamp.revision and self.committed[r] <= until]
                if missing:
                    found.append(
                        f"{one.member} at {one.asked}: revision {one.stamp.revision} at a {what} of {before} s, but "
                        f"{missing[0]} was there at {self.committed[missing[0]]}"
                    )
        history = History(self.operations)
        for name, model in (("sequential", sequential), ("sessions", sessions)):
            finding = model.check(history, Limits())
            if finding.verdict is not Verdict.HOLDS:
                found.append("\n".join([f"{name}: {finding.reason}", *finding.steps]))
        return found
