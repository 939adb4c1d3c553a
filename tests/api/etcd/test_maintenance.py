# SPDX-License-Identifier: Apache-2.0
"""Status, Alarm and MoveLeader: what tools of etcd ask of one member."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.api.etcd.scripted_engine import STATUS, RecordedCall, ScriptedEngine
from tricord.api import etcd
from tricord.base.alarms import AlarmChange, AlarmChangeResult, AlarmKind
from tricord.base.downgrading import DowngradeChange, DowngradeChangeResult
from tricord.base.errors import MembershipRefused, RevisionInFuture
from tricord.base.operations import Range, RangeResult
from tricord.wire.etcd.alarms import ACTIVATE, DEACTIVATE
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import maintenance


def call(engine: ScriptedEngine, path: str, data: bytes) -> RecordedCall:
    recorded = RecordedCall()
    handler: Any = next(method.handler for method in etcd.methods(engine) if method.path == f"/etcdserverpb.{path}")

    async def answered() -> None:
        handler(data, recorded)
        await recorded.ended.wait()

    asyncio.run(answered())
    return recorded


def alarms(recorded: RecordedCall) -> list[tuple[int, int]]:
    (reply,) = recorded.replies
    return [(alarm.memberID, alarm.alarm) for alarm in maintenance.AlarmResponse.FromString(reply).alarms]


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
    engine = ScriptedEngine(state=replace(STATUS, leader=0, alarms=[(22, "NOSPACE"), (0, "CORRUPT")]))
    (reply,) = call(engine, "Maintenance/Status", b"").replies
    errors = maintenance.StatusResponse.FromString(reply).errors
    assert list(errors) == ["etcdserver: no leader", "memberID:22 alarm:NOSPACE ", "alarm:CORRUPT "]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (maintenance.NONE, [(22, maintenance.NOSPACE), (23, maintenance.CORRUPT)]),
        (maintenance.NOSPACE, [(22, maintenance.NOSPACE)]),
        (maintenance.CORRUPT, [(23, maintenance.CORRUPT)]),
        (9, []),
    ],
)
def test_alarms_are_read_by_kind_whatever_member_is_named(kind: int, expected: list[tuple[int, int]]) -> None:
    engine = ScriptedEngine(
        outcomes=[RangeResult([], False, 0)], state=replace(STATUS, alarms=[(22, "NOSPACE"), (23, "CORRUPT")])
    )
    request = maintenance.AlarmRequest(alarm=kind, memberID=99)
    assert alarms(call(engine, "Maintenance/Alarm", request.SerializeToString())) == expected
    assert [type(request) for request in engine.requests] == [Range], "as new as a linearizable read"


@pytest.mark.parametrize(
    ("action", "changed", "told"),
    [(ACTIVATE, True, 1), (ACTIVATE, False, 1), (DEACTIVATE, True, 1), (DEACTIVATE, False, 0)],
)
def test_alarms_are_raised_and_cleared_in_the_log(action: int, changed: bool, told: int) -> None:
    engine = ScriptedEngine(outcomes=[AlarmChangeResult(changed)])
    request = maintenance.AlarmRequest(action=action, memberID=77, alarm=maintenance.NOSPACE)
    recorded = call(engine, "Maintenance/Alarm", request.SerializeToString())
    assert alarms(recorded) == [(77, maintenance.NOSPACE)] * told
    assert engine.requests == [AlarmChange(77, AlarmKind.NOSPACE, action == ACTIVATE)]


@pytest.mark.parametrize("action", [ACTIVATE, DEACTIVATE])
def test_no_alarm_at_all_is_nothing_to_do(action: int) -> None:
    engine = ScriptedEngine()
    request = maintenance.AlarmRequest(action=action, memberID=77)
    assert alarms(call(engine, "Maintenance/Alarm", request.SerializeToString())) == []
    assert not engine.requests


@pytest.mark.parametrize(
    ("action", "kind"), [(9, maintenance.NOSPACE), (9, maintenance.NONE), (ACTIVATE, 9), (DEACTIVATE, -1)]
)
def test_unknown_actions_and_alarms_are_refused(action: int, kind: int) -> None:
    engine = ScriptedEngine()
    request = maintenance.AlarmRequest(action=action, memberID=77, alarm=kind)
    ((status, text),) = call(engine, "Maintenance/Alarm", request.SerializeToString()).failures
    assert status is Status.INVALID_ARGUMENT
    assert "is not known" in text
    assert not engine.requests


def test_the_lead_is_moved_to_whom_the_request_names() -> None:
    engine = ScriptedEngine()
    data = maintenance.MoveLeaderRequest(targetID=33).SerializeToString()
    assert call(engine, "Maintenance/MoveLeader", data).replies == [b""]
    assert engine.changes == [("move", 33)]


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        ("not_leader", (Status.FAILED_PRECONDITION, "etcdserver: not leader")),
        ("bad_transferee", (Status.FAILED_PRECONDITION, "etcdserver: bad leader transferee")),
        ("transfer_failed", (Status.UNKNOWN, "etcdserver: request timed out, leader transfer took too long")),
    ],
)
def test_a_lead_that_stays_says_why(reason: str, failure: tuple[Status, str]) -> None:
    engine = ScriptedEngine(refusal=MembershipRefused("in other words", reason=reason))
    data = maintenance.MoveLeaderRequest(targetID=33).SerializeToString()
    assert call(engine, "Maintenance/MoveLeader", data).failures == [failure]


def test_nobody_is_no_member_to_lead() -> None:
    engine = ScriptedEngine()
    recorded = call(engine, "Maintenance/MoveLeader", b"")
    assert recorded.failures == [(Status.FAILED_PRECONDITION, "etcdserver: bad leader transferee")]
    assert not engine.changes


@pytest.mark.parametrize(("asked", "told"), [(0, 44), (5, 5), (-3, -3)])
def test_keys_are_hashed_at_a_revision(asked: int, told: int) -> None:
    data = maintenance.HashKVRequest(revision=asked).SerializeToString()
    (reply,) = call(ScriptedEngine(), "Maintenance/HashKV", data).replies
    response = maintenance.HashKVResponse.FromString(reply)
    assert (response.hash, response.compact_revision, response.hash_revision) == (0x12345678 ^ 0x9ABCDEF0, 7, told)
    assert response.header.revision == 44


def test_all_is_hashed_in_32_bits() -> None:
    (reply,) = call(ScriptedEngine(), "Maintenance/Hash", b"").replies
    assert maintenance.HashResponse.FromString(reply).hash == 0


@pytest.mark.parametrize("path", ["Maintenance/Hash", "Maintenance/HashKV"])
def test_learners_hash_nothing_and_refusals_have_etcds_words(path: str) -> None:
    learner = ScriptedEngine(state=replace(STATUS, is_learner=True))
    refused = (Status.FAILED_PRECONDITION, "etcdserver: rpc not supported for learner")
    assert call(learner, path, b"").failures == [refused]
    engine = ScriptedEngine(refusal=RevisionInFuture())
    refused = (Status.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision")
    assert call(engine, path, b"").failures == [refused]


VALIDATE, ENABLE, CANCEL = 0, 1, 2
ROUND = RangeResult([], False, 0)


def downgrade(engine: ScriptedEngine, action: int, version: str = "") -> RecordedCall:
    request = maintenance.DowngradeRequest(action=action, version=version)
    return call(engine, "Maintenance/Downgrade", request.SerializeToString())


@pytest.mark.parametrize("version", ["3.5", "3.5.0", "3.05", "3.5.0+x", "3.5.1", "3.5.0-rc"])
def test_a_downgrade_by_one_minor_version_is_fine_and_marked(version: str) -> None:
    engine = ScriptedEngine(outcomes=[ROUND, ROUND, DowngradeChangeResult(), DowngradeChangeResult()])
    for action in (VALIDATE, ENABLE, CANCEL):
        (reply,) = downgrade(engine, action, version).replies
        assert maintenance.DowngradeResponse.FromString(reply).version == "3.6"
    changes = [request for request in engine.requests if isinstance(request, DowngradeChange)]
    assert changes == [DowngradeChange("3.5.0"), DowngradeChange("")]


@pytest.mark.parametrize("action", [VALIDATE, ENABLE])
@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("wrong downgrade target version format", ["", "abc", "3", "v3.5", " 3.5", "3.5.0.0", "3.5\n", "9" * 99]),
        ("invalid downgrade target version", ["3.4.0", "3.6.0", "3.7", "4.0", "0.0"]),
    ],
)
def test_other_versions_are_refused(action: int, text: str, versions: list[str]) -> None:
    for version in versions:
        engine = ScriptedEngine()
        assert downgrade(engine, action, version).failures == [(Status.INVALID_ARGUMENT, f"etcdserver: {text}")]
        assert not engine.requests


def test_one_downgrade_is_marked_at_a_time_and_status_says_it() -> None:
    marked = replace(STATUS, downgrade="3.5.0")
    for action in (VALIDATE, ENABLE):
        refused = (Status.FAILED_PRECONDITION, "etcdserver: cluster has a downgrade job in progress")
        assert downgrade(ScriptedEngine(outcomes=[ROUND], state=marked), action, "3.5").failures == [refused]
    (reply,) = call(ScriptedEngine(state=marked), "Maintenance/Status", b"").replies
    info = maintenance.StatusResponse.FromString(reply).downgradeInfo
    assert (info.enabled, info.targetVersion) == (True, "3.5.0")


def test_an_unknown_way_to_downgrade_is_refused() -> None:
    assert downgrade(ScriptedEngine(), 7, "3.5").failures == [(Status.UNKNOWN, "etcdserver: unknown method")]


@pytest.mark.parametrize("path", ["Status", "Alarm", "MoveLeader", "HashKV", "Downgrade"])
def test_bytes_that_are_no_message_are_refused(path: str) -> None:
    with pytest.raises(GrpcError) as caught:
        call(ScriptedEngine(), f"Maintenance/{path}", b"\x08")
    assert caught.value.status == Status.INTERNAL
