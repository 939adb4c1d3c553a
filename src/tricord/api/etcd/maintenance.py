# SPDX-License-Identifier: Apache-2.0
"""etcdserverpb.Maintenance: Status, Alarm, MoveLeader."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tricord.api.answering import answer_later
from tricord.api.etcd.errors import fail, malformed
from tricord.api.etcd.headers import header
from tricord.base.alarms import AlarmChangeResult
from tricord.base.context import Context
from tricord.base.errors import MembershipRefused
from tricord.base.operations import Range
from tricord.base.version import ETCD_STORAGE_VERSION, ETCD_VERSION
from tricord.server.engine import Engine
from tricord.wire.etcd.alarms import ACTIVATE, DEACTIVATE, alarm_change
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.schemas import maintenance

SERVICE = "/etcdserverpb.Maintenance/"

# The cheapest linearizable read: alarms are as new as its answer.
_ROUND = Range(b"\0", count_only=True)
ALARMS = {"NOSPACE": maintenance.NOSPACE, "CORRUPT": maintenance.CORRUPT}


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""

    def status(data: bytes, call: UnaryCall) -> None:
        try:
            maintenance.StatusRequest.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        call.reply(_status(engine).SerializeToString())

    def alarm(data: bytes, call: UnaryCall) -> None:
        try:
            request = maintenance.AlarmRequest.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        answer_later(call, _alarm(engine, request, call.deadline), fail)

    def move_leader(data: bytes, call: UnaryCall) -> None:
        try:
            request = maintenance.MoveLeaderRequest.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        answer_later(call, _move_leader(engine, request.targetID), fail)

    return [
        Method(SERVICE + "Alarm", alarm),
        Method(SERVICE + "MoveLeader", move_leader),
        Method(SERVICE + "Status", status),
    ]


async def _move_leader(engine: Engine, target: int) -> bytes:
    if not target:
        # To the engine, 0 is the best follower; to etcd, nobody.
        raise MembershipRefused("no member to lead was named", reason="bad_transferee")
    await engine.move_leader(target)
    return maintenance.MoveLeaderResponse().SerializeToString()


def _status(engine: Engine) -> maintenance.StatusResponse:
    status = engine.status()
    errors = list(status.errors)
    if not status.leader:
        errors.append("etcdserver: no leader")
    errors += [_alarm_text(member, name) for member, name in status.alarms]
    return maintenance.StatusResponse(
        header=header(engine.stamp()),
        version=ETCD_VERSION,
        dbSize=status.size_bytes,
        leader=status.leader,
        raftIndex=status.raft_index,
        raftTerm=status.raft_term,
        raftAppliedIndex=status.raft_applied_index,
        errors=errors,
        dbSizeInUse=status.used_bytes,
        isLearner=status.is_learner,
        storageVersion=ETCD_STORAGE_VERSION,
        dbSizeQuota=status.quota_bytes,
        downgradeInfo=maintenance.DowngradeInfo(),
    )


def _alarm_text(member: int, name: str) -> str:
    """The form in which etcd prints an alarm, its trailing space included."""
    return (f"memberID:{member} " if member else "") + f"alarm:{name} "


async def _alarm(engine: Engine, request: maintenance.AlarmRequest, deadline: float | None) -> bytes:
    """GET gives the alarms of one kind, or all of them for NONE, whatever member is named; the others give the alarm
    that they raised or cleared, and nothing where there was nothing to clear."""
    context = Context(deadline=deadline)
    if request.action == maintenance.AlarmRequest.GET:
        _, stamp = await engine.ask(_ROUND, context)
        raised = [(member, ALARMS[name]) for member, name in engine.status().alarms]
        alarms = [(member, alarm) for member, alarm in raised if request.alarm in (maintenance.NONE, alarm)]
    elif request.alarm == maintenance.NONE and request.action in (ACTIVATE, DEACTIVATE):
        # Nothing to do, and no reason to complain; as etcd answers it.
        alarms, stamp = [], engine.stamp()
    else:
        change = alarm_change(request)
        result, stamp = await engine.ask(change, context)
        assert isinstance(result, AlarmChangeResult)
        alarms = [(change.member, change.kind)] if change.raised or result.changed else []
    return maintenance.AlarmResponse(
        header=header(stamp),
        alarms=[maintenance.AlarmMember(memberID=member, alarm=alarm) for member, alarm in alarms],
    ).SerializeToString()
