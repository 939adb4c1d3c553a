# SPDX-License-Identifier: Apache-2.0
"""Edges' streams to whole members, in virtual time: who is welcomed, what is passed on, and how a stream ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.edges import EdgeHello, EdgeSet, EdgeTold, EdgeWelcome, Said
from tricord.base.errors import (
    EdgeInUse,
    EdgeOfAnotherCluster,
    InvalidRequest,
    KeyspaceExists,
    KeyspaceNotFound,
    ReplicaRetired,
    TricordError,
    Unimplemented,
)
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceDrop, Model
from tricord.base.replica_sets import MemberReplica, ReplicaAttach, ReplicaRetire
from tricord.sim.wide.world import World

HELLO = EdgeHello("carts", Model.CAUSAL, b"an edge's 16 byt")


class Edge:
    """The edge's end of a stream."""

    def __init__(self) -> None:
        self.told: list[EdgeTold] = []
        self.ended: list[TricordError] = []
        self.takes = True

    def tell(self, told: EdgeTold) -> bool:
        self.told.append(told)
        return self.takes

    @property
    def welcome(self) -> EdgeWelcome:
        assert isinstance(self.told[0], EdgeWelcome)
        return self.told[0]


class Keeping:
    """Does for one member what its hosts do: attaches it to each keyspace, and tells its exchange of the sets."""

    def __init__(self, member: Any) -> None:
        self.member = member
        self.heard: list[tuple[int, int, int, bytes]] = []
        self.reached: list[tuple[int, int]] = []
        self._known: set[int] = set()
        member.exchange.received = lambda *said: self.heard.append(said)
        member.exchange.reached = lambda *whom: self.reached.append(whom)

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(0.01)

    async def look(self) -> None:
        catalogue, exchange = self.member.machine.catalogue, self.member.exchange
        records = [record for record in catalogue.records if record.model is not Model.STRONG]
        for record in records:
            replicas = catalogue.replicas(record.id)
            own = MemberReplica(self.member.identity.member)
            if not replicas.number_of(own):
                await self.member.engine.ask(ReplicaAttach(record.id, own), Context())
            holders = {
                number: one.member if isinstance(one, MemberReplica) else one.identity
                for number, one in replicas.active.items()
            }
            exchange.belong(record.id, holders)
        for gone in self._known - {record.id for record in records}:
            exchange.forget(gone)
        self._known = {record.id for record in records}


def play(story: Any) -> None:
    async def run(world: World) -> None:
        await world.start()
        leader = await world.led()
        keeping = Keeping(world[leader].member)
        keeping.member.machine.catalogue.create(KeyspaceCreate("carts", Model.CAUSAL))
        task = asyncio.ensure_future(keeping.run())
        try:
            await story(keeping, keeping.member)
        finally:
            task.cancel()

    World(seed=7, names=("n1",)).play(run)


def test_an_edge_is_welcomed_with_a_number_and_both_sides_are_heard() -> None:
    async def story(keeping: Keeping, member: Any) -> None:
        edge = Edge()
        stream = await member.engine.open_edge(HELLO, edge.tell, edge.ended.append)
        welcome, exchange = edge.welcome, member.exchange
        assert (welcome.cluster, welcome.history) == (member.identity.cluster, member.identity.history)
        assert welcome.record.name == "carts" and welcome.record.model is Model.CAUSAL
        assert {welcome.number, welcome.replica} == {1, 2}
        assert welcome.replicas.edges == [welcome.number] and welcome.replicas.members == [welcome.replica]
        keyspace = welcome.record.id
        stream.said(Said(b"he", True))
        stream.said(Said(b"llo"))
        assert keeping.heard == [(keyspace, welcome.replica, welcome.number, b"hello")]
        edge.takes = False
        assert exchange.send(keyspace, welcome.replica, welcome.number, b"and back")
        assert not exchange.can_reach(keyspace, welcome.number) and edge.told[-1] == Said(b"and back")
        keeping.reached.clear()
        stream.room()
        assert exchange.can_reach(keyspace, welcome.number) and keeping.reached == [(keyspace, welcome.number)]
        stream.close()
        assert not exchange.can_reach(keyspace, welcome.number)
        again = Edge()
        await member.engine.open_edge(replace(HELLO, id=keyspace), again.tell, again.ended.append)
        assert again.welcome.number == welcome.number, "it keeps its number"

    play(story)


def test_a_second_process_is_not_heard_while_the_first_is_connected() -> None:
    async def story(keeping: Keeping, member: Any) -> None:
        edge, again = Edge(), Edge()
        hello = replace(HELLO, run=1)
        first = await member.engine.open_edge(hello, edge.tell, edge.ended.append)
        copied = replace(HELLO, run=2, former=edge.welcome.number)
        for _ in range(2):
            with pytest.raises(EdgeInUse):
                await member.engine.open_edge(copied, again.tell, again.ended.append)
        assert not edge.ended and not again.told
        same = await member.engine.open_edge(hello, again.tell, again.ended.append)
        assert again.welcome.number == edge.welcome.number, "a process may connect anew before its old stream has ended"
        first.close()
        with pytest.raises(EdgeInUse):
            await member.engine.open_edge(copied, again.tell, again.ended.append)
        same.close()
        then = Edge()
        await member.engine.open_edge(replace(HELLO, run=2), then.tell, then.ended.append)
        assert then.welcome.number == edge.welcome.number

    play(story)


def test_changes_of_the_set_are_told_and_a_retired_edge_comes_back_under_a_new_number() -> None:
    async def story(keeping: Keeping, member: Any) -> None:
        edge, other = Edge(), Edge()
        await member.engine.open_edge(HELLO, edge.tell, edge.ended.append)
        await member.engine.open_edge(replace(HELLO, identity=bytes(16)), other.tell, other.ended.append)
        await asyncio.sleep(0.1)
        known = edge.told[-1]
        assert isinstance(known, EdgeSet)
        assert sorted(known.edges) == sorted([edge.welcome.number, other.welcome.number]) and known.retired == []
        keyspace, former = edge.welcome.record.id, edge.welcome.number
        await member.engine.ask(ReplicaRetire(keyspace, former), Context())
        await asyncio.sleep(0.1)
        assert [type(error) for error in edge.ended] == [ReplicaRetired] and not other.ended
        assert isinstance(other.told[-1], EdgeSet) and other.told[-1].retired == [former]
        again = Edge()
        await member.engine.open_edge(replace(HELLO, former=former), again.tell, again.ended.append)
        assert again.welcome.number > former and not member.exchange.can_reach(keyspace, former)

    play(story)


def test_a_dropped_keyspace_ends_the_stream_and_is_not_taken_for_another_of_its_name() -> None:
    async def story(keeping: Keeping, member: Any) -> None:
        edge = Edge()
        await member.engine.open_edge(HELLO, edge.tell, edge.ended.append)
        keyspace = edge.welcome.record.id
        await member.engine.ask(KeyspaceDrop("carts"), Context())
        await asyncio.sleep(0.1)
        assert [type(error) for error in edge.ended] == [KeyspaceNotFound]
        for made_again in (False, True):
            if made_again:
                member.machine.catalogue.create(KeyspaceCreate("carts", Model.CAUSAL))
            with pytest.raises(KeyspaceNotFound, match="was dropped"):
                await member.engine.open_edge(replace(HELLO, id=keyspace), edge.tell, edge.ended.append)

    play(story)


def test_what_cannot_be_is_refused() -> None:
    async def story(keeping: Keeping, member: Any) -> None:
        edge = Edge()
        await member.engine.open_edge(HELLO, edge.tell, edge.ended.append)
        cluster, history = member.identity.cluster, member.identity.history
        for hello, error in (
            (replace(HELLO, model=Model.EVENTUAL), KeyspaceExists),
            (replace(HELLO, model=Model.STRONG), InvalidRequest),
            (replace(HELLO, keyspace="Not A Name"), InvalidRequest),
            (replace(HELLO, protocol=9), Unimplemented),
            (replace(HELLO, cluster=cluster + 1, history=history), EdgeOfAnotherCluster),
            (replace(HELLO, cluster=cluster, history=history + 1), EdgeOfAnotherCluster),
        ):
            with pytest.raises(error):
                await member.engine.open_edge(hello, edge.tell, edge.ended.append)

    play(story)
