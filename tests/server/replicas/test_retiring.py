# SPDX-License-Identifier: Apache-2.0
"""Who is taken out of a replica set, and when: in simulated time, over a state machine of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mvcc.memory_store import MemoryStore
from tests.statemachine.driving import Driver
from tricord.base.context import Context
from tricord.base.errors import NoLeader
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceDrop, Model
from tricord.base.membership import Configuration
from tricord.base.replica_sets import EdgeReplica, Holder, MemberReplica, ReplicaAttach, ReplicaRetire, ReplicaSet
from tricord.server.replicas.retiring import LOOK_SECONDS, Retiring, to_retire
from tricord.server.telling import TellsNobody
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

ONE, TWO = MemberReplica(1), MemberReplica(2)
EDGE, OTHER = EdgeReplica(b"e" * 16), EdgeReplica(b"o" * 16)
RETENTION = 400.0


class World:
    """A member's ``Retiring``. It leads unless a test says otherwise; what it asks for is applied, or refused."""

    def __init__(self) -> None:
        self.is_leader = True
        self.configuration = Configuration(voters=(1, 2))
        self.refuse = False
        self.asked: list[ReplicaAttach | ReplicaRetire] = []
        self.driver = Driver(MemoryStore())
        for name, model in (("carts", Model.CAUSAL), ("strong", Model.STRONG), ("likes", Model.EVENTUAL)):
            self.driver.call(KeyspaceCreate(name, model))
        self.loop = VirtualLoop()
        self.retiring = Retiring(
            simulated_environment(self.loop, MemoryDisk(), seed=1),
            self.driver.machine,
            self,
            self.ask,
            TellsNobody(),
            retention=RETENTION,
        )

    async def ask(self, request: ReplicaAttach | ReplicaRetire, _: Context) -> Any:
        self.asked.append(request)
        if self.refuse:
            raise NoLeader
        return self.driver.call(request)

    def attach(self, *holders: Holder, keyspace: int = 1) -> None:
        for holder in holders:
            self.driver.call(ReplicaAttach(keyspace, holder))

    def active(self, keyspace: int = 1) -> list[int]:
        return sorted(self.driver.machine.catalogue.replicas(keyspace).active)

    def pass_time(self, seconds: float) -> None:
        async def wait() -> None:
            reached = self.loop.create_future()
            self.loop.call_later(seconds, reached.set_result, None)
            await reached

        self.loop.run_until_complete(wait())


@pytest.fixture
def world() -> Any:
    world = World()
    yield world
    world.retiring.stop()
    world.loop.close()


def test_the_rule() -> None:
    replicas = ReplicaSet(9, {1: ONE, 2: TWO, 4: EDGE, 7: OTHER}, 8)
    assert to_retire(replicas, (1, 2), {4: 0.0, 7: 0.0}, 399.0, RETENTION) == []
    assert to_retire(replicas, (1, 3), {4: 0.0, 7: 100.0}, 400.0, RETENTION) == [2, 4]
    assert to_retire(replicas, (1, 2), {7: 0.0}, 1e9, RETENTION) == [7], "one not heard of yet is new"
    assert to_retire(replicas, (1, 2), {4: 0.0, 7: 0.0}, 1e9, 0) == [], "never"
    assert to_retire(replicas, (), {4: 0.0}, 0.0, RETENTION) == [], "nobody knows the members yet"
    assert to_retire(replicas, (3,), {4: 0.0, 7: 0.0}, 1e9, RETENTION) == [1, 2, 4], "the last one stays"


def test_members_that_left_are_retired_at_the_next_look(world: World) -> None:
    world.attach(ONE, TWO)
    world.attach(TWO, ONE, keyspace=3)
    world.pass_time(LOOK_SECONDS + 1)
    assert world.active() == [1, 2]
    world.configuration = Configuration(voters=(1,))
    world.pass_time(LOOK_SECONDS + 1)
    assert (world.active(), world.active(3)) == ([1], [2])
    world.pass_time(RETENTION * 2)
    assert len(world.asked) == 2, "a member is never retired for its silence"


def test_a_silent_edge_is_retired_and_one_that_attaches_again_is_not(world: World) -> None:
    world.attach(ONE, EDGE, OTHER)
    world.pass_time(RETENTION / 2)
    world.attach(OTHER)
    world.pass_time(RETENTION / 2 + LOOK_SECONDS)
    assert world.active() == [1, 3]
    world.pass_time(RETENTION / 2 + LOOK_SECONDS)
    assert world.active() == [1]
    world.attach(EDGE)
    assert world.active() == [1, 4], "it comes back as another"
    world.pass_time(RETENTION - LOOK_SECONDS)
    assert world.active() == [1, 4]


def test_connected_edges_are_attached_again_and_stay(world: World) -> None:
    world.attach(EDGE, OTHER)
    assert world.active() == [1, 2]
    world.is_leader = False
    world.retiring.edges = lambda: [(1, 1), (1, 9), (77, 1)]
    world.pass_time(RETENTION * 2)
    assert set(map(type, world.asked)) == {ReplicaAttach}
    assert 7 <= len(world.asked) <= 8, "four times in the time of a retention"
    world.is_leader = True
    world.pass_time(LOOK_SECONDS)
    assert world.active() == [1], "whoever leads kept the time"


def test_what_fails_is_asked_again(world: World) -> None:
    world.attach(ONE, TWO)
    world.configuration = Configuration(voters=(1,))
    world.refuse = True
    world.pass_time(LOOK_SECONDS * 2 + 1)
    assert world.asked == [ReplicaRetire(1, 2)] * 2
    world.refuse = False
    world.pass_time(LOOK_SECONDS)
    assert world.active() == [1]


def test_a_dropped_keyspace_is_forgotten(world: World) -> None:
    world.attach(EDGE)
    world.retiring.edges = lambda: [(1, 1)]
    world.pass_time(LOOK_SECONDS + 1)
    world.driver.call(KeyspaceDrop("carts"))
    world.driver.call(KeyspaceDrop("likes"))
    world.pass_time(RETENTION * 2)
    assert world.asked == []
