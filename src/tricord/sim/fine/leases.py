# SPDX-License-Identifier: Apache-2.0
"""Clients that take leases, put keys on them, also keys that are on others' leases, renew some for a while and let all
of them end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tricord.base.errors import TricordError
from tricord.base.leases import LeaseGrant
from tricord.base.operations import Put, Request
from tricord.server.lease_keeping import ASK_AGAIN
from tricord.statemachine.command import encode_command
from tricord.statemachine.machine import Applied

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host

EVERY_SECONDS = (0.5, 2.0, 4.0)
"""The pause between two holders, drawn for each run."""
TTLS = (1, 1, 2, 3, 5)
AGAIN_SECONDS = 0.3
KEYS = 6
"""Holders share them: a key is put with one lease after the other, or with none."""


class Leases:
    """All holders of a run."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._random = cluster.stream("leases")
        self._count = 0
        self._every = self._random.choice(EVERY_SECONDS)

    def begin(self) -> None:
        """A few, now and then."""
        if not self._cluster.faults.are_over:
            self._cluster.schedule.after(self._every * (0.5 + self._random.random()), self.begin)
            self.burst(1, lambda: None)

    def burst(self, count: int, took_hold: Callable[[], None]) -> None:
        """So many at once; ``took_hold`` is told of each that was granted."""
        random = self._random
        for _ in range(count):
            self._count += 1
            renewals = random.choice((0, 0, 1, 3, 8))
            keys = [b"lease/%d" % number for number in random.sample(range(KEYS), random.choice((1, 1, 2, 3)))]
            pauses = [random.choice((random.uniform(0.2, 0.6), random.uniform(0.9, 1.1))) for _ in range(renewals)]
            takes_back = random.random() < 0.3
            Holder(self._cluster, self._count, random.choice(TTLS), pauses, keys, takes_back, took_hold).begin()


class Holder:
    """One lease's holder: an ``Asker``, which asks whoever leads. It does one thing after the other.

    ``pauses`` are those before its renewals, as parts of the time to live: some renew only when that is about over.
    """

    def __init__(
        self,
        cluster: Cluster,
        identity: int,
        ttl: int,
        pauses: list[float],
        keys: list[bytes],
        takes_back: bool,
        took_hold: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._identity = identity
        self._ttl = ttl
        self._pauses = pauses
        puts = [Put(key, b"held %d.%d" % (identity, place), identity) for place, key in enumerate(keys)]
        free = [Put(keys[0], b"free %d" % identity)] if takes_back else []
        self._requests: list[Request] = [LeaseGrant(ttl, identity), *puts, *free]
        self._took_hold = took_hold
        self._sent = 0
        """When it asked for the renewal under way."""

    def begin(self) -> None:
        """Ask for what is next."""
        leader = self._cluster.leader()
        if not self._requests or leader is None:
            return
        leader.propose(self, encode_command(self._requests.pop(0), None))

    def applied(self, host: Host, applied: Applied) -> None:
        """Go on; where something was refused, no more."""
        if isinstance(applied.outcome, TricordError):
            return
        if self._requests and type(self._requests[0]) is Put and self._requests[0].lease:
            self._took_hold()
        if self._requests:
            self.begin()
        else:
            self._renew_later()

    def _renew_later(self) -> None:
        if self._pauses and not self._cluster.faults.are_over:
            self._cluster.schedule.after(self._ttl * self._pauses.pop(), self._renew)

    def _renew(self) -> None:
        leader = self._cluster.leader()
        if leader is not None:
            self._sent = self._cluster.schedule.now
            leader.read(self)
        else:
            self._cluster.schedule.after(AGAIN_SECONDS, self._renew_later)

    def readable(self, host: Host) -> None:
        """A round confirmed the lead: renew."""
        keeping = host.leases
        if not keeping.in_charge:
            self._cluster.schedule.after(AGAIN_SECONDS, self._renew_later)
            return
        ttl = keeping.renew(self._identity)
        if ttl is None:
            keeping.when_renewed(self._identity, self._renewed)
        else:
            self._renewed(ttl)

    def _renewed(self, ttl: int) -> None:
        if ttl == ASK_AGAIN:
            self._cluster.schedule.after(AGAIN_SECONDS, self._renew_later)
        elif ttl:
            self._cluster.watcher.leases.renewed(self._identity, self._sent)
            self._renew_later()

    def dropped(self, host: Host, error: TricordError) -> None:
        """It is let end, if it is there."""

    def gone(self, host: Host) -> None:
        """It is let end, if it is there."""

    def ended(self, host: Host) -> None:
        """Not of these."""
