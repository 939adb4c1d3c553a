# SPDX-License-Identifier: Apache-2.0
"""Members as the client sees them: lists, changes, refusals, every endpoint's status, and the lead handed over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.client.memory_caller import MemoryCaller
from tests.client.scripted_server import Call, ScriptedServer, tell
from tests.client.test_remote import client
from tricord.base import errors
from tricord.base.environment import Environment
from tricord.base.levels import Level
from tricord.client.asynchronous import AsyncClient
from tricord.client.blocking import Client
from tricord.client.caller import Caller
from tricord.client.changes import (
    AddMember,
    MemberChange,
    MoveLeader,
    PromoteMember,
    RemoveMember,
    ReplaceMember,
    UpdateMember,
    full_urls,
)
from tricord.wire.etcd.membership import REFUSALS
from tricord.wire.grpc.status import Status
from tricord.wire.schemas import cluster, maintenance, membership
from tricord.wire.schemas.header import ResponseHeader


class Cluster:
    """Three members on ports 1 to 3 with those ids; 4 is a learner that never joined. ``leader`` leads."""

    def __init__(self, world: Environment, leader: int = 2) -> None:
        self.world = world
        self.leader = leader
        self.asked: list[tuple[int, str, bytes]] = []
        self.refusal: tuple[Status, str] | None = None
        self.servers: dict[int, ScriptedServer] = {}

    async def start(self) -> Cluster:
        for member in (1, 2, 3):
            server = self.servers[member] = ScriptedServer()
            server.answer = self.answering(member)  # type: ignore[assignment, method-assign]
            await server.listen(self.world, member)
        return self

    def answering(self, member: int) -> Callable[[Call], None]:
        def answer(call: Call) -> None:
            method = call.path.rpartition("/")[2]
            self.asked.append((member, method, call.request))
            reply = getattr(self, method)(member, call.request)
            if isinstance(reply, bytes):
                call.reply(reply)
            else:
                call.fail(*reply)

        return answer

    def changes(self) -> list[tuple[int, str, bytes]]:
        return [entry for entry in self.asked if entry[1] not in ("Status", "MemberList")]

    def members(self) -> list[cluster.Member]:
        return [
            cluster.Member(ID=number, name=f"n{number}", clientURLs=[f"http://127.0.0.1:{number}"] * (number < 4))
            for number in (1, 2, 3)
        ] + [cluster.Member(ID=4, isLearner=True)]

    def Status(self, member: int, _: bytes) -> bytes:
        status = maintenance.StatusResponse(
            header=ResponseHeader(member_id=member, revision=9), leader=self.leader, raftIndex=10 + member
        )
        return status.SerializeToString()

    def MemberList(self, member: int, _: bytes) -> bytes:
        return cluster.MemberListResponse(members=self.members()).SerializeToString()

    def MoveLeader(self, member: int, request: bytes) -> Any:
        if member != self.leader:
            return Status.FAILED_PRECONDITION, "etcdserver: not leader"
        return self.changed(maintenance.MoveLeaderResponse())

    def MemberAdd(self, member: int, request: bytes) -> Any:
        added = cluster.Member(ID=4, peerURLs=cluster.MemberAddRequest.FromString(request).peerURLs)
        return self.changed(cluster.MemberAddResponse(member=added))

    def MemberRemove(self, member: int, request: bytes) -> Any:
        return self.changed(cluster.MemberRemoveResponse())

    MemberPromote = MemberUpdate = Replace = MemberRemove

    def changed(self, answer: Any) -> Any:
        return self.refusal or answer.SerializeToString()


ENDPOINTS = "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3"


def test_changes_travel_in_etcds_words() -> None:
    async def story(world: Environment) -> None:
        members = await Cluster(world).start()
        async with client(world, ENDPOINTS) as store:
            added = await store.add_member("h:1,https://h:2", learner=True)
            assert (added.id, added.peer_urls) == (4, ["http://h:1", "https://h:2"])
            await store.promote_member(4)
            await store.update_member(4, ["h:3"])
            await store.replace_member(1, 4)
            await store.remove_member(1)
        assert members.changes() == [
            (1, "MemberAdd", cluster.MemberAddRequest(peerURLs=added.peer_urls, isLearner=True).SerializeToString()),
            (1, "MemberPromote", cluster.MemberPromoteRequest(ID=4).SerializeToString()),
            (1, "MemberUpdate", cluster.MemberUpdateRequest(ID=4, peerURLs=["http://h:3"]).SerializeToString()),
            (1, "Replace", membership.ReplaceRequest(old=1, new=4).SerializeToString()),
            (1, "MemberRemove", cluster.MemberRemoveRequest(ID=1).SerializeToString()),
        ]

    tell(story)


@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_a_refusal_has_its_reason_and_is_final(reason: str) -> None:
    async def story(world: Environment) -> None:
        members = await Cluster(world).start()
        members.refusal = REFUSALS[reason]
        async with client(world, ENDPOINTS) as store:
            with pytest.raises(errors.MembershipRefused) as refused:
                await store.remove_member(1)
            assert refused.value.reason == reason
            assert not str(refused.value).startswith(("etcdserver", "tricord"))
            members.refusal = (members.refusal[0], members.refusal[1] + ": n3 is down: see there")
            with pytest.raises(errors.MembershipRefused, match=r"^n3 is down: see there$"):
                await store.replace_member(1, 4)
        assert len(members.changes()) == 2

    tell(story)


def test_a_change_that_may_have_happened_is_unknown_and_not_repeated() -> None:
    async def story(world: Environment) -> None:
        members = await Cluster(world).start()
        members.refusal = (Status.UNAVAILABLE, "etcdserver: request timed out")
        async with client(world, ENDPOINTS) as store:
            with pytest.raises(errors.OutcomeUnknown):
                await store.remove_member(1)
        assert len(members.changes()) == 1

    tell(story)


def test_a_change_that_etcd_does_not_know_is_unimplemented() -> None:
    async def story(world: Environment) -> None:
        members = await Cluster(world).start()
        members.refusal = (Status.UNIMPLEMENTED, "unknown service tricord.v1.Membership")
        async with client(world, ENDPOINTS) as store:
            with pytest.raises(errors.Unimplemented):
                await store.replace_member(1, 4)
            with pytest.raises(errors.InvalidRequest):
                await store.remove_member(-1)

    tell(story)


def test_each_endpoint_says_how_its_member_is_or_why_not() -> None:
    async def story(world: Environment) -> None:
        await Cluster(world).start()
        async with client(world, "127.0.0.1:3,127.0.0.1:9,127.0.0.1:1") as store:
            third, nobody, first = await store.status_of_each()
            assert [each.endpoint for each in await store.status_of_each(everyone=True)] == ENDPOINTS.split(",")
        assert third.status is not None and first.status is not None
        assert (third.endpoint, third.status.member, third.status.revision) == ("127.0.0.1:3", 3, 9)
        assert (first.status.leader, first.status.raft_index) == (2, 11)
        assert (nobody.endpoint, nobody.status) == ("127.0.0.1:9", None)
        assert isinstance(nobody.error, errors.ConnectionFailed)

    tell(story)


def test_an_endpoint_that_says_nothing_costs_no_more_than_the_timeout() -> None:
    async def story(world: Environment) -> None:
        members = await Cluster(world).start()
        members.servers[2].paused = True
        async with client(world, ENDPOINTS, timeout=2.0) as store:
            answers = await store.status_of_each()
        assert [answer.status is not None for answer in answers] == [True, False, True]
        assert world.clock.monotonic() == pytest.approx(2.0, abs=0.1)

    tell(story)


@pytest.mark.parametrize(("wanted", "asked_for"), [(1, 1), (0, 3)])
def test_the_leader_itself_is_asked_to_hand_over_whatever_the_endpoints(wanted: int, asked_for: int) -> None:
    async def story(world: Environment) -> None:
        members = await Cluster(world).start()
        async with client(world, "127.0.0.1:1") as store:
            await store.move_leader(wanted)
        request = maintenance.MoveLeaderRequest(targetID=asked_for).SerializeToString()
        assert members.changes() == [(2, "MoveLeader", request)]
        await asyncio.sleep(0.1)
        assert all(session.lost for server in members.servers.values() for session in server.sessions)

    tell(story)


def test_a_lead_that_moved_meanwhile_is_looked_up_again() -> None:
    async def story(world: Environment) -> None:
        members = await Cluster(world).start()
        first = members.Status

        def stale(member: int, request: bytes) -> bytes:
            answer = first(member, request)
            members.leader = 3
            return answer

        members.Status = stale  # type: ignore[assignment, method-assign]
        async with client(world, ENDPOINTS) as store:
            await store.move_leader(1)
        assert members.changes()[-1][0] == 3

    tell(story)


def test_a_lead_that_nobody_has_cannot_be_moved() -> None:
    async def story(world: Environment) -> None:
        members = await Cluster(world, leader=0).start()
        async with client(world, ENDPOINTS, timeout=1.0) as store:
            with pytest.raises(errors.NoLeader):
                await store.move_leader(1)
        assert not members.changes()

    tell(story)


def test_a_leader_out_of_reach_is_named_as_such() -> None:
    async def story(world: Environment) -> None:
        await Cluster(world, leader=7).start()
        async with client(world, ENDPOINTS) as store:
            with pytest.raises(errors.ConnectionFailed, match="leader cannot be reached"):
                await store.move_leader(1)

    tell(story)


def test_addresses_may_be_written_short() -> None:
    assert full_urls("a:1") == ["http://a:1"]
    assert full_urls(["a:1, https://b:2", "http://c:3"]) == ["http://a:1", "https://b:2", "http://c:3"]
    assert full_urls("") == []


def test_code_that_blocks_makes_the_same_changes() -> None:
    caller = MemoryCaller()

    async def opener() -> Caller:
        return caller

    with Client(lambda: AsyncClient(opener), asyncio.new_event_loop) as store:
        assert store.add_member("h:1").id == 7
        store.promote_member(7)
        store.update_member(7, "h:2")
        store.replace_member(1, 7, timeout=9.0)
        store.remove_member(1)
        store.move_leader()
        assert store.status_of_each(everyone=True)[0].endpoint == "everyone"
        assert store.server_version() == "1.2.3"
        store.members()
        store.members(at_least=Level.ANY)
        assert caller.listed == [Level.LINEARIZABLE, Level.ANY]
    wanted: list[tuple[MemberChange, float]] = [
        (AddMember(["http://h:1"], False), 5.0),
        (PromoteMember(7), 5.0),
        (UpdateMember(7, ["http://h:2"]), 5.0),
        (ReplaceMember(1, 7), 9.0),
        (RemoveMember(1), 5.0),
        (MoveLeader(0), 5.0),
    ]
    assert caller.changes == wanted
