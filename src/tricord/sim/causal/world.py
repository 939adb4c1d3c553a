# SPDX-License-Identifier: Apache-2.0
"""The network between replicas, the catalogue of the set, and the trouble that the seed draws."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from tricord.sim.causal.host import Host
from tricord.sim.fine.schedule import SECOND, Schedule
from tricord.sim.fine.trace import Trace
from tricord.sim.plan import Plan

EPOCH_MILLISECONDS = 1_700_000_000_000
SKEW_MAX = 25_000
"""Milliseconds: within what clocks are pulled along, so that stamps keep the order of causes."""


class Company:
    """All replicas, and what lies between them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.source = random.Random(f"causal net {plan.seed}")
        self.schedule = Schedule()
        self.trace = Trace()
        self.fired: Counter[str] = Counter()
        self.lines: list[str] = []
        source = self.source
        self.loss = source.choice((0.0, 0.0, 0.05, 0.3))
        self.doubles = source.choice((0.0, 0.1))
        self.latency = source.choice((0.001, 0.01, 0.05))
        self.star = source.random() < 0.3
        pending, retention = source.choice((2_000, 1 << 20)), source.choice((3_000, 20_000, 1 << 30, 1 << 30))
        self.cut: frozenset[int] = frozenset()
        self.isolated: set[Host] = set()
        self.hosts = [Host(self, number, pending, retention) for number in range(1, plan.members + 1)]
        self.next_number = plan.members + 1
        self.set: tuple[int, frozenset[int], frozenset[int]] = (
            1,
            frozenset(host.number for host in self.hosts),
            frozenset(),
        )
        self.known = dict.fromkeys(self.hosts, self.set)
        self.lost: list[Host] = []
        """Hosts whose disks lost what they had acknowledged; each once for every time."""
        self._lost_at = -2.0
        self._replaced: set[Host] = set()
        """Hosts that have not started since their disks were replaced."""
        self.calm = False

    # -- what hosts see ------------------------------------------------------------------------------------------------

    def seconds(self) -> float:
        """Simulated."""
        return self.schedule.now / SECOND

    def after(self, seconds: float, action: Callable[..., object], *arguments: Any) -> None:
        """Do it then."""
        self.schedule.after(seconds, action, *arguments)

    def wall(self, host: Host) -> int:
        """The host's wall clock, in milliseconds."""
        return EPOCH_MILLISECONDS + self.schedule.now // 1_000_000 + host.skew

    def catalogue(self, host: Host) -> tuple[int, frozenset[int], frozenset[int]]:
        """The replica set, as far as the host has heard of it."""
        if host not in self.isolated and (self.calm or self.source.random() < 0.5):
            self.known[host] = self.set
        return self.known[host]

    def neighbours(self, host: Host) -> list[int]:
        """Whom it has connections to."""
        _, active, _ = self.known[host]
        others = sorted(active - {host.number})
        hub = min(active)
        return [hub] if self.star and host.number != hub and hub in others else others

    def leaves(self, host: Host) -> set[int]:
        """Who has a connection to it alone."""
        neighbours = self.neighbours(host)
        return set(neighbours) if self.star and host.number == min(self.known[host][1]) else set()

    def host_of(self, number: int) -> Host | None:
        """Who has the id now."""
        return next((host for host in self.hosts if host.number == number), None)

    def send(self, sender: Host, receiver: int, kind: str, *content: Any) -> None:
        """Perhaps it comes, perhaps twice, perhaps late."""
        source = self.source
        to = self.host_of(receiver)
        if to is None or (not self.calm and source.random() < self.loss):
            return
        for _ in range(2 if not self.calm and source.random() < self.doubles else 1):
            late = source.expovariate(5.0) if not self.calm and source.random() < 0.05 else 0.0
            self.after(
                self.latency * source.uniform(0.5, 3.0) + late, self._arrive, sender, sender.number, to, kind, content
            )

    def _arrive(self, sender: Host, number: int, to: Host, kind: str, content: tuple[Any, ...]) -> None:
        split = (sender.number in self.cut) != (to.number in self.cut)
        if not to.up or split or sender in self.isolated or to in self.isolated:
            return
        self.trace.turns += 1
        self.trace.note(f"{self.schedule.now} {number} {to.number} {kind} {to.replica.sequence}")
        to.receive(number, kind, content)

    # -- trouble -------------------------------------------------------------------------------------------------------

    def say(self, words: str) -> None:
        """A line of the story."""
        self.lines.append(f"{self.seconds():9.3f} {words}")

    def trouble(self) -> None:
        """Something happens, and then something else, while the plan's time runs."""
        if self.calm:
            return
        source = self.source
        kinds = (self.partition, self.crash, self.crash, self.clock, self.isolate, self.restore, self.wipe, self.grow)
        weights = (4, 4, 2, 2, 1.5, 1, 1, 0.5)
        kind = source.choices(kinds, weights)[0]
        host = source.choice(self.hosts)
        if kind(host):
            self.fired[kind.__name__] += 1
            self.say(f"{kind.__name__} {host.number}")
        self.after(source.expovariate(1.0), self.trouble)

    def partition(self, host: Host) -> bool:
        """Some on one side, the others on the other."""
        size = self.source.randint(1, max(1, len(self.hosts) - 1))
        self.cut = frozenset(found.number for found in self.source.sample(self.hosts, size))
        self.after(self.source.uniform(0.2, 3.0), self._heal, self.cut)
        return True

    def _heal(self, cut: frozenset[int]) -> None:
        if self.cut == cut:
            self.cut = frozenset()

    def crash(self, host: Host) -> bool:
        """The process dies, and what was not synced may be lost."""
        if not host.up:
            return False
        host.crash(self.source.random())
        self.after(self.source.uniform(0.05, 2.0), self._start, host)
        return True

    def _start(self, host: Host) -> None:
        if not host.up:
            self._replaced.discard(host)
            host.start()

    def clock(self, host: Host) -> bool:
        """The wall clock jumps."""
        host.skew = self.source.randint(-SKEW_MAX, SKEW_MAX)
        return True

    def isolate(self, host: Host) -> bool:
        """It is cut off for so long that the catalogue retires it; clients are served there all the same."""
        if self.isolated or len(self.set[1]) < 3 or (self.star and host.number == min(self.set[1])):
            return False
        if not self._another_has_it(host, [other for other in self.hosts if other.number in self.set[1]]):
            return False
        self.isolated.add(host)
        self.after(self.source.uniform(0.2, 1.0), self._retire, host.number)
        self.after(self.source.uniform(1.5, 4.0), self.isolated.discard, host)
        return True

    def _all_well(self) -> bool:
        """One disk at a time: no other was lost lately, or is being made good."""
        seconds, self._lost_at = self._lost_at, self.seconds()
        return self.seconds() > seconds + 2.0 and all(host.up and host.replica.is_open for host in self.hosts)

    def _another_has_it(self, host: Host, hosts: list[Host]) -> bool:
        """Whether one of the others is open and has all that this one has no rows of, as all were said to have it.

        The promise: who takes over a state has none until it has all of it, and an older disk is a lost copy. So where
        no other one is open, the last disk with a whole state would be lost; and who is retired brings back only what
        the others never had: that they have it has to be true still. Both are told in docs/causal.md, Limits.
        """
        kept = host.replica.base.past
        others = [other for other in hosts if other is not host and other not in self._replaced]
        return any(other.replica.is_open and other.replica.durable.includes(kept) for other in others)

    def restore(self, host: Host) -> bool:
        """The process dies, and its disk is replaced by an older copy of itself."""
        if not host.up or not host.older or not self._all_well():
            return False
        host.crash(0.0)
        host.image, host.wal = host.older[0]
        host.older = []
        self.lost.append(host)
        self._replaced.add(host)
        self.after(self.source.uniform(0.05, 1.0), self._start, host)
        return True

    def wipe(self, host: Host) -> bool:
        """The disk is gone. Another replica takes the place, under a new id."""
        if (
            len(self.set[1]) < 3
            or not host.up
            or host in self.isolated
            or (self.star and host.number == min(self.set[1]))
            or not self._another_has_it(host, self.hosts)
        ):
            return False
        host.crash(0.0)
        self.lost.append(host)
        self._retire(host.number)
        self._join(host)
        host.image, host.wal, host.older = type(host.image)(), [], []
        host.joining = True
        self._replaced.add(host)
        self.after(self.source.uniform(0.05, 1.0), self._start, host)
        return True

    def grow(self, host: Host) -> bool:
        """One more replica joins."""
        if len(self.hosts) > 5:
            return False
        joined = Host(self, 0, host.pending, host.retention)
        self.hosts.append(joined)
        self._join(joined)
        joined.joining = True
        joined.start()
        return True

    def come_back(self, host: Host) -> None:
        """A retired replica has heard of it: it joins under a new id, with all that it has."""
        host.checkpoint()
        host.crash(1.0)
        before = host.number
        self._join(host)
        host.joining = True
        self.say(f"{before} comes back as {host.number}")
        self.after(0.05, self._start, host)

    def _retire(self, number: int) -> None:
        epoch, active, retired = self.set
        if number in active:
            self.set = (epoch + 1, active - {number}, retired | {number})

    def _join(self, host: Host) -> None:
        epoch, active, retired = self.set
        host.number = self.next_number
        self.next_number += 1
        self.set = (epoch + 1, active | {host.number}, retired)
        self.known[host] = self.set

    def end_trouble(self) -> None:
        """Nothing goes wrong from now on."""
        self.calm = True
        self.cut = frozenset()
        self.isolated.clear()
        for host in self.hosts:
            self._start(host)
