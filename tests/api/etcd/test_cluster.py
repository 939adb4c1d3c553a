# SPDX-License-Identifier: Apache-2.0
"""The Cluster service over an engine that follows a list: what it asks, what it answers, and how refusals read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.message import Message

from tests.api.etcd.scripted_engine import RecordedCall, ScriptedEngine
from tests.api.scripted_membership import two_members
from tricord.api import etcd
from tricord.base.errors import MembershipRefused, NoLeader, OutcomeUnknown, TricordError
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import cluster

NEW = "http://127.0.0.1:2480"


def call(engine: ScriptedEngine, method: str, request: Message) -> RecordedCall:
    recorded = RecordedCall()

    async def answered() -> None:
        handle(engine, method)(request.SerializeToString(), recorded)
        await recorded.ended.wait()

    asyncio.run(answered())
    return recorded


def handle(engine: ScriptedEngine, method: str) -> Any:
    path = f"/etcdserverpb.Cluster/{method}"
    return next(each.handler for each in etcd.methods(engine) if each.path == path)


def test_members_are_listed_with_urls_to_dial_and_a_header_without_revision() -> None:
    engine = ScriptedEngine(records=two_members())
    (reply,) = call(engine, "MemberList", cluster.MemberListRequest()).replies
    answer = cluster.MemberListResponse.FromString(reply)
    assert (answer.header.cluster_id, answer.header.member_id, answer.header.raft_term) == (11, 22, 3)
    assert answer.header.revision == 0
    one, other = answer.members
    assert (one.ID, one.name, one.isLearner, list(one.clientURLs)) == (22, "one", False, ["http://127.0.0.1:2379"])
    assert (other.ID, other.name, other.isLearner, list(other.peerURLs)) == (33, "", True, [NEW])
    assert engine.changes == [("list", False)]


def test_a_linearizable_list_is_asked_for_as_such_and_fails_without_a_leader() -> None:
    engine = ScriptedEngine(refusal=NoLeader())
    recorded = call(engine, "MemberList", cluster.MemberListRequest(linearizable=True))
    assert recorded.failures == [(Status.UNAVAILABLE, "etcdserver: no leader")]
    assert engine.changes == [("list", True)]


def test_a_new_member_is_told_apart_and_listed() -> None:
    engine = ScriptedEngine()
    (reply,) = call(engine, "MemberAdd", cluster.MemberAddRequest(peerURLs=[NEW], isLearner=True)).replies
    answer = cluster.MemberAddResponse.FromString(reply)
    assert (answer.member.ID, answer.member.isLearner) == (33, True)
    assert [member.ID for member in answer.members] == [22, 33]
    assert engine.changes == [("add", (NEW,), "", True)]


@pytest.mark.parametrize(
    ("method", "request_", "change"),
    [
        ("MemberRemove", cluster.MemberRemoveRequest(ID=33), ("remove", 33)),
        ("MemberPromote", cluster.MemberPromoteRequest(ID=33), ("promote", 33)),
        ("MemberUpdate", cluster.MemberUpdateRequest(ID=33, peerURLs=[NEW]), ("update", 33, (NEW,))),
    ],
)
def test_changes_answer_with_the_members(method: str, request_: Message, change: tuple[object, ...]) -> None:
    engine = ScriptedEngine(records=two_members())
    (reply,) = call(engine, method, request_).replies
    answer = cluster.MemberRemoveResponse.FromString(reply)  # all three have one shape
    assert [member.ID for member in answer.members] == [22, 33]
    assert (answer.header.member_id, answer.header.revision) == (22, 0)
    assert engine.changes == [change]


@pytest.mark.parametrize(
    "urls",
    [
        [],
        [""],
        ["bad"],
        ["127.0.0.1:2380"],
        ["http://host"],
        ["http://:2380"],
        ["http://host:0"],
        ["http://host:65536"],
        ["http://host:9999999999999999"],
        ["http://host:2380/path"],
        ["http://user@host:2380"],
        ["http://::1:2380"],
        ["ftp://host:2380"],
        [NEW, "bad"],
    ],
)
def test_addresses_that_cannot_be_dialled_never_reach_the_engine(urls: list[str]) -> None:
    engine = ScriptedEngine()
    wanted = [(Status.INVALID_ARGUMENT, "etcdserver: given member URLs are invalid")]
    assert call(engine, "MemberAdd", cluster.MemberAddRequest(peerURLs=urls)).failures == wanted
    assert call(engine, "MemberUpdate", cluster.MemberUpdateRequest(ID=22, peerURLs=urls)).failures == wanted
    assert not engine.changes


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (
            MembershipRefused(reason="not_enough_started"),
            (Status.UNKNOWN, "etcdserver: re-configuration failed due to not enough started members"),
        ),
        (MembershipRefused(reason="unhealthy"), (Status.UNAVAILABLE, "etcdserver: unhealthy cluster")),
        (MembershipRefused(reason="unknown_member"), (Status.NOT_FOUND, "etcdserver: member not found")),
        (OutcomeUnknown(), (Status.UNAVAILABLE, "etcdserver: request timed out")),
    ],
)
def test_refusals_are_in_etcds_words(error: TricordError, failure: tuple[Status, str]) -> None:
    engine = ScriptedEngine(refusal=error)
    assert call(engine, "MemberRemove", cluster.MemberRemoveRequest(ID=22)).failures == [failure]


@pytest.mark.parametrize("method", ["MemberAdd", "MemberRemove", "MemberUpdate", "MemberList", "MemberPromote"])
def test_bytes_that_are_no_message_are_refused(method: str) -> None:
    with pytest.raises(GrpcError) as caught:
        handle(ScriptedEngine(), method)(b"\x08", RecordedCall())
    assert caught.value.status == Status.INTERNAL
