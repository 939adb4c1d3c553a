# SPDX-License-Identifier: Apache-2.0
"""etcdserverpb.Maintenance: Status, MoveLeader, and Alarm to read alarms. The other methods are not served yet."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tricord.api.answering import answer_later
from tricord.api.etcd.errors import fail, malformed
from tricord.api.etcd.headers import header
from tricord.base.errors import MembershipRefused
from tricord.base.version import ETCD_STORAGE_VERSION, ETCD_VERSION
from tricord.server.engine import Engine
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import maintenance

SERVICE = "/etcdserverpb.Maintenance/"

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
        if request.action != maintenance.AlarmRequest.GET:
            raise GrpcError(Status.UNIMPLEMENTED, "alarms cannot be set or cleared by clients of this member yet")
        call.reply(_alarms(engine, request.alarm).SerializeToString())

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
    # The form in which etcd prints an alarm, its trailing space included.
    errors += [f"memberID:{member} alarm:{name} " for member, name in status.alarms]
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


def _alarms(engine: Engine, kind: int) -> maintenance.AlarmResponse:
    """The alarms of one kind, or all of them for NONE."""
    raised = [(member, ALARMS[name]) for member, name in engine.status().alarms]
    return maintenance.AlarmResponse(
        header=header(engine.stamp()),
        alarms=[
            maintenance.AlarmMember(memberID=member, alarm=alarm)
            for member, alarm in raised
            if kind in (maintenance.NONE, alarm)
        ],
    )
