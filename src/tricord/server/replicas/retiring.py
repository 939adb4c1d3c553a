# SPDX-License-Identifier: Apache-2.0
"""Takes replicas out that will not come back: those of members that left the cluster, and of edges that were silent for
too long. The leader proposes it; every member keeps the time.

An edge shows that it lives by attaching when it connects; the member that it is connected to attaches it again now and
then. That goes through the log, so every member knows of it, whoever leads later. A member that starts counts from
then: nobody is retired too early.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from tricord.base.context import Context
from tricord.base.environment import Environment, Timer
from tricord.base.errors import TricordError
from tricord.base.keyspaces import Model
from tricord.base.membership import Configuration
from tricord.base.replica_sets import MemberReplica, ReplicaAttach, ReplicaRetire, ReplicaSet
from tricord.server.telling import Tells
from tricord.statemachine.machine import StateMachine

LOOK_SECONDS = 10.0
SHOWN_PER_RETENTION = 4
"""How often, in the time after which a silent edge is retired, a connected one is attached again."""


class Lead(Protocol):
    """The replica as this part sees it."""

    @property
    def is_leader(self) -> bool:
        """Whether this member leads."""

    @property
    def configuration(self) -> Configuration:
        """The one in force."""


def to_retire(
    replicas: ReplicaSet, members: Iterable[int], heard: Mapping[int, float], now: float, retention: float
) -> list[int]:
    """The replicas of a set that will not come back. ``heard``: when each edge showed last that it lives; one that is
    not in it is new. ``retention``: seconds of silence after which an edge is retired; 0: never. One is always left."""
    known = frozenset(members)
    gone = []
    for number, holder in replicas.active.items():
        if type(holder) is MemberReplica:
            if known and holder.member not in known:
                gone.append(number)
        elif retention and now - heard.get(number, now) >= retention:
            gone.append(number)
    return gone if len(gone) < len(replicas.active) else gone[:-1]


class Retiring:
    """Looks every 10 seconds. ``edges`` gives (keyspace's id, replica) of each edge that is connected here."""

    def __init__(
        self,
        environment: Environment,
        machine: StateMachine,
        replica: Lead,
        ask: Callable[[ReplicaAttach | ReplicaRetire, Context], Awaitable[Any]],
        tells: Tells,
        *,
        retention: float,
    ) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._machine = machine
        self._replica = replica
        self._ask = ask
        self._tells = tells
        self._retention = retention
        self._heard: dict[int, dict[int, float]] = {}
        """By keyspace and number: when this member learned last that the edge lives."""
        self._asking: set[tuple[int, int]] = set()
        self._timer: Timer = self._tasks.call_later(LOOK_SECONDS, self._look)
        self.edges: Callable[[], Iterable[tuple[int, int]]] = tuple

    def stop(self) -> None:
        """Do no more."""
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._tasks.call_later(LOOK_SECONDS, self._look)
        catalogue, now = self._machine.catalogue, self._clock.monotonic()
        records = [record for record in catalogue.by_name.values() if record.model is not Model.STRONG]
        shown, catalogue.attached = catalogue.attached, set()
        if not records:
            self._heard = {}
            return
        members = self._replica.configuration.members()
        former, self._heard = self._heard, {}
        for record in records:
            replicas = catalogue.replicas(record.id)
            before = former.get(record.id, {})
            heard = self._heard[record.id] = {
                number: now if (record.id, number) in shown else before.get(number, now) for number in replicas.edges
            }
            if self._replica.is_leader:
                for number in to_retire(replicas, members, heard, now, self._retention):
                    self._begin(ReplicaRetire(record.id, number), record.name, number)
        self._show_edges(now)

    def _show_edges(self, now: float) -> None:
        """Attach again who is connected here, and was heard of through the log a while ago."""
        if not self._retention:
            return
        for keyspace, number in self.edges():
            heard = self._heard.get(keyspace, {}).get(number, now)
            if now - heard >= self._retention / SHOWN_PER_RETENTION:
                replicas = self._machine.catalogue.replicas(keyspace)
                self._begin(ReplicaAttach(keyspace, replicas.active[number]), "", number)

    def _begin(self, request: ReplicaAttach | ReplicaRetire, name: str, number: int) -> None:
        place = (request.keyspace, number)
        if place not in self._asking:
            self._asking.add(place)
            self._tasks.spawn(self._propose(request, name, number), "replica set")

    async def _propose(self, request: ReplicaAttach | ReplicaRetire, name: str, number: int) -> None:
        """What fails is asked again at the next look."""
        try:
            await self._ask(request, Context())
        except TricordError as error:
            self._tells.warning("a replica set could not be changed", keyspace=name, replica=number, why=str(error))
        else:
            if name:
                self._tells.info("retired a replica", keyspace=name, replica=number)
        finally:
            self._asking.discard((request.keyspace, number))
