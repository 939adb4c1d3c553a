# SPDX-License-Identifier: Apache-2.0
"""One run: some seconds of faults while clients write, then quiet, and the time until all replicas are equal."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tricord.base.ordered import Table
from tricord.check.history import History
from tricord.eventual.config import EventualConfig
from tricord.eventual.returning import formers_in
from tricord.eventual.turn import Output
from tricord.sim.eventual.clients import Clients
from tricord.sim.eventual.ledger import Ledger
from tricord.sim.eventual.tables import Disk
from tricord.sim.eventual.world import DELAY_MAX, Host, World

FAULTS_SECONDS = 8.0
REQUESTS = 16
"""Of a round of repair in a world of some ten keys and pages of 600 bytes."""


@dataclass(slots=True)
class Outcome:
    """What became of a run. ``took``: seconds from the end of writes and faults to equality; no more than ``bound``."""

    seed: int
    took: float
    bound: float
    history: History
    problems: list[str] = field(default_factory=list)
    entries: int = 0
    """Numbers in the largest context at the end."""
    starts: int = 0


class Run:
    """The world of a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random = Random(f"eventual {seed}")
        self.seed = seed
        self.ledger = Ledger()
        self.world = World(random, self._told)
        self.clients = Clients(self.world, random)
        self.starts = 0
        self._disk_lost = False
        self._retired: set[int] = set()
        self._returning = False
        self.world.ending_seconds = random.choice((1.5, 3600.0))
        for number in range(1, random.randint(3, 5)):
            self.world.add(number)
        self.world.add(len(self.world.hosts) + 1)

    def outcome(self) -> Outcome:
        """Run it."""
        world = self.world
        self._plan()
        world.run(FAULTS_SECONDS)
        self._heal()
        ended = world.now
        config = EventualConfig(cluster=1, keyspace=1, replica=1, incarnation=1)
        bound = config.convergence_seconds(len(world.active) - 1, DELAY_MAX + 0.002, REQUESTS)
        took = self._settle(ended, bound)
        problems = [] if took <= bound else [f"not equal {bound:.1f} s after the end of faults and writes"]
        problems += self.ledger.problems(world)
        self.clients.read_all()
        world.run(world.now + 1)
        entries = max(host.core.entries for host in world.hosts.values() if host.core is not None)
        return Outcome(self.seed, took, bound, self.clients.history(), problems, entries, self.starts)

    def _told(self, host: Host, output: Output) -> None:
        self.ledger.take(host, output, self.world.now)
        self.clients.take(host, output, self.world.now)
        if output.adopted:
            host.formers = []
            self._returning = False

    def _settle(self, ended: float, bound: float) -> float:
        """How long replicas differed after the last fault and write; those that return, and the taking away of what has
        ended, still make some."""
        world = self.world
        until = ended + bound + (8.0 if world.ending_seconds < 60 else 0.0)
        differed = 0.0
        while world.now < max(until, self.ledger.last_write + bound):
            world.run(world.now + 0.1)
            if len(self._digests()) > 1:
                differed = world.now
        return max(0.0, differed - max(ended, self.ledger.last_write))

    def _digests(self) -> set[int]:
        return {host.core.digest for host in self.world.hosts.values() if host.core is not None}

    def _plan(self) -> None:
        world, random = self.world, self._random
        for _ in range(len(world.hosts) * 40):
            number = random.choice(sorted(world.hosts))
            world.at(random.uniform(0.1, FAULTS_SECONDS - 0.1), lambda number=number: self._act(number))  # type: ignore[misc]
        world.loss = random.choice((0.0, 0.05, 0.3))
        world.double = random.choice((0.0, 0.1))
        world.delay = random.choice((DELAY_MAX, 0.3))
        faults = [
            self._cut,
            self._crash,
            self._crash,
            self._wipe,
            self._older_disk,
            self._jump,
            self._retire,
            self._join,
        ]
        for _ in range(random.randint(2, 6)):
            world.at(random.uniform(0.5, FAULTS_SECONDS - 0.5), random.choice(faults))
        if random.random() < 0.5:
            world.at(random.uniform(1, 3), self._cut_all)

    def _act(self, number: int) -> None:
        if number in self.world.hosts:
            self.clients.act(self.world.hosts[number])

    def _one(self) -> Host:
        return self.world.hosts[self._random.choice(sorted(self.world.hosts))]

    def _cut(self) -> None:
        self.world.sides = {number: self._random.randint(0, 1) for number in sorted(self.world.hosts)}
        self.world.at(self.world.now + self._random.uniform(0.5, 4), self._mend)

    def _cut_all(self) -> None:
        self.world.sides = {number: number for number in self.world.hosts}
        self.world.at(self.world.now + self._random.uniform(1, 6), self._mend)

    def _mend(self) -> None:
        self.world.sides = {}

    def _crash(self) -> None:
        host = self._one()
        self.world.stop(host)
        self.world.at(self.world.now + self._random.uniform(0.1, 2), lambda: self._start(host))

    def _wipe(self) -> None:
        host = self._one()
        self.world.stop(host)
        host.disk = Disk()
        self._excuse(host)
        self.world.at(self.world.now + self._random.uniform(0.1, 2), lambda: self._start(host))

    def _older_disk(self) -> None:
        host = self._one()
        older = dict(host.disk.records)

        def restore() -> None:
            if self.world.hosts.get(host.number) is not host:
                return
            self.world.stop(host)
            host.disk = Disk()
            host.disk.records = older
            self._excuse(host)
            self._start(host)

        self.world.at(self.world.now + self._random.uniform(0.5, 3), restore)

    def _jump(self) -> None:
        if self.world.ending_seconds > 60:
            self._one().skew = self._random.choice((600_000, -600_000, 0, 50))

    def _join(self) -> None:
        self.world.add(self._new_number())

    def _retire(self) -> None:
        """It is away, is retired, and comes back under a new number; one at a time, as what only two have that are
        retired at once is lost."""
        host = self._one()
        if host.core is None or self._returning or len(self.world.hosts) < 3:
            return
        self._returning = True
        self.world.stop(host)
        first = not self._retired
        self._retired.add(host.number)
        if self._disk_lost or not first:
            self._excuse(host)
        del self.world.hosts[host.number]
        self.world.active = tuple(number for number in self.world.active if number != host.number)
        self.world.at(self.world.now + self._random.uniform(0.5, 3), lambda: self._return(host))

    def _return(self, host: Host) -> None:
        formers = formers_in([(host.number, host.disk.open())], Table.HEAD)
        self.world.add(self._new_number(), formers)

    def _new_number(self) -> int:
        """One that no replica ever had."""
        return max(*self.world.hosts, *self._retired, 0) + 10

    def _excuse(self, host: Host) -> None:
        """A disk is gone, and with it what was acknowledged there; also what a replica that is retired gave to this one
        alone, or they to each other: each brings back only what nobody had."""
        self._disk_lost = True
        for number in (host.number, *sorted(self._retired)):
            self.ledger.excuse(number)
            self.clients.excuse(number)

    def _start(self, host: Host) -> None:
        if host.core is None and self.world.hosts.get(host.number) is host:
            self.starts += 1
            self.world.start(host)

    def _heal(self) -> None:
        """No faults from now on; who is away comes back at once."""
        self.world.loss = self.world.double = 0.0
        self.world.delay = DELAY_MAX
        self.world.run(self.world.now + 3.5)
        self._mend()
        for host in list(self.world.hosts.values()):
            self._start(host)


def run(seed: int) -> Outcome:
    """The run of a seed: always the same."""
    return Run(seed).outcome()
