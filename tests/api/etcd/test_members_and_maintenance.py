# SPDX-License-Identifier: Apache-2.0
"""MemberList, Status and Alarm: what tools of etcd read before and beside the keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.api.etcd.scripted_engine import STATUS, RecordedCall, ScriptedEngine
from tricord.api import etcd
from tricord.base.errors import NoLeader
from tricord.base.levels import Level
from tricord.base.operations import RangeResult
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import cluster, maintenance


def call(engine: ScriptedEngine, path: str, data: bytes) -> RecordedCall:
    recorded = RecordedCall()
    handler: Any = next(method.handler for method in etcd.methods(engine) if method.path == f"/etcdserverpb.{path}")
    handler(data, recorded)
    return recorded


def test_members_are_listed_with_urls_to_dial_and_a_header_without_revision() -> None:
    (reply,) = call(ScriptedEngine(), "Cluster/MemberList", b"").replies
    answer = cluster.MemberListResponse.FromString(reply)
    assert (answer.header.cluster_id, answer.header.member_id, answer.header.raft_term) == (11, 22, 3)
    assert answer.header.revision == 0
    (member,) = answer.members
    assert (member.ID, member.name, member.isLearner) == (22, "one", False)
    assert list(member.clientURLs) == ["http://127.0.0.1:2379"]
    assert list(member.peerURLs) == ["http://127.0.0.1:2380"]


def test_a_linearizable_list_waits_for_a_round_of_the_cluster() -> None:
    engine = ScriptedEngine()
    recorded = call(engine, "Cluster/MemberList", cluster.MemberListRequest(linearizable=True).SerializeToString())
    assert engine.contexts[0].level is Level.LINEARIZABLE
    assert not recorded.replies
    engine.open[0](RangeResult([], False, 0), engine.stamp())
    assert len(recorded.replies) == 1


def test_a_linearizable_list_fails_without_a_leader() -> None:
    data = cluster.MemberListRequest(linearizable=True).SerializeToString()
    recorded = call(ScriptedEngine([NoLeader()]), "Cluster/MemberList", data)
    assert recorded.failures == [(Status.UNAVAILABLE, "etcdserver: no leader")]


def test_status_presents_the_member_as_etcd_and_says_how_it_is() -> None:
    (reply,) = call(ScriptedEngine(), "Maintenance/Status", b"").replies
    status = maintenance.StatusResponse.FromString(reply)
    assert (status.version, status.storageVersion) == ("3.6.16", "3.6.0")
    assert (status.dbSize, status.dbSizeInUse, status.dbSizeQuota) == (20480, 16384, 2 << 30)
    assert (status.leader, status.raftTerm, status.raftIndex, status.raftAppliedIndex) == (22, 3, 9, 8)
    assert status.HasField("downgradeInfo")
    assert not status.errors
    assert status.header.revision == 44


def test_status_names_alarms_and_a_missing_leader_as_etcd_does() -> None:
    engine = ScriptedEngine(state=replace(STATUS, leader=0, alarms=[(22, "NOSPACE")]))
    (reply,) = call(engine, "Maintenance/Status", b"").replies
    errors = maintenance.StatusResponse.FromString(reply).errors
    assert list(errors) == ["etcdserver: no leader", "memberID:22 alarm:NOSPACE "]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (maintenance.NONE, [(22, maintenance.NOSPACE), (23, maintenance.CORRUPT)]),
        (maintenance.NOSPACE, [(22, maintenance.NOSPACE)]),
        (maintenance.CORRUPT, [(23, maintenance.CORRUPT)]),
    ],
)
def test_alarms_are_read_by_kind(kind: int, expected: list[tuple[int, int]]) -> None:
    engine = ScriptedEngine(state=replace(STATUS, alarms=[(22, "NOSPACE"), (23, "CORRUPT")]))
    request = maintenance.AlarmRequest(alarm=kind)
    (reply,) = call(engine, "Maintenance/Alarm", request.SerializeToString()).replies
    alarms = maintenance.AlarmResponse.FromString(reply).alarms
    assert [(alarm.memberID, alarm.alarm) for alarm in alarms] == expected


def test_alarms_cannot_be_set_by_clients() -> None:
    request = maintenance.AlarmRequest(action=maintenance.AlarmRequest.DEACTIVATE)
    with pytest.raises(GrpcError) as caught:
        call(ScriptedEngine(), "Maintenance/Alarm", request.SerializeToString())
    assert caught.value.status == Status.UNIMPLEMENTED


@pytest.mark.parametrize("path", ["Cluster/MemberList", "Maintenance/Status", "Maintenance/Alarm"])
def test_bytes_that_are_no_message_are_refused(path: str) -> None:
    with pytest.raises(GrpcError) as caught:
        call(ScriptedEngine(), path, b"\x08")
    assert caught.value.status == Status.INTERNAL
