# SPDX-License-Identifier: Apache-2.0
"""etcdserverpb.Maintenance: Status, Alarm, Hash, HashKV, MoveLeader; Downgrade is in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from google.protobuf.message import DecodeError, Message

from tricord.api.answering import answer_later
from tricord.api.etcd.downgrade import downgrade
from tricord.api.etcd.errors import fail
from tricord.api.etcd.headers import header
from tricord.api.etcd.snapshot_stream import snapshot
from tricord.api.malformed import malformed
from tricord.base.alarms import AlarmChangeResult
from tricord.base.context import Context
from tricord.base.errors import MembershipRefused, NotForLearners
from tricord.base.operations import Range
from tricord.base.version import ETCD_STORAGE_VERSION, ETCD_VERSION
from tricord.server.engine import Engine
from tricord.wire.etcd.alarms import ACTIVATE, DEACTIVATE, alarm_change
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.schemas import maintenance

SERVICE = "/etcdserverpb.Maintenance/"

# The cheapest linearizable read: alarms are as new as its answer.
_ROUND = Range(b"\0", count_only=True)
NO_LEADER = "etcdserver: no leader"
ALARMS = {"NOSPACE": maintenance.NOSPACE, "CORRUPT": maintenance.CORRUPT}


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""

    def status(data: bytes, call: UnaryCall) -> None:
        try:
            maintenance.StatusRequest.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        call.reply(_status(engine).SerializeToString())

    return [
        Method(SERVICE + "Alarm", _later(engine, maintenance.AlarmRequest, _alarm)),
        Method(SERVICE + "Defragment", _later(engine, maintenance.DefragmentRequest, _defragment)),
        Method(SERVICE + "Downgrade", _later(engine, maintenance.DowngradeRequest, downgrade)),
        Method(SERVICE + "Hash", _later(engine, maintenance.HashRequest, _hash)),
        Method(SERVICE + "HashKV", _later(engine, maintenance.HashKVRequest, _hash_kv)),
        Method(SERVICE + "MoveLeader", _later(engine, maintenance.MoveLeaderRequest, _move_leader)),
        Method(SERVICE + "Snapshot", snapshot(engine), server_streaming=True),
        Method(SERVICE + "Status", status),
    ]


Work = Callable[[Engine, Any, float | None], Coroutine[Any, Any, bytes]]
"""(engine, the request's message, deadline) -> the response's bytes."""


def _later(engine: Engine, kind: type[Message], work: Work) -> Callable[[bytes, UnaryCall], None]:
    def handle(data: bytes, call: UnaryCall) -> None:
        try:
            request = kind.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        answer_later(call, work(engine, request, call.deadline), fail)

    return handle


async def _hash(engine: Engine, _: maintenance.HashRequest, deadline: float | None) -> bytes:
    _refuse_learner(engine)
    digest, stamp = await engine.hash_all()
    return maintenance.HashResponse(header=header(stamp), hash=_folded(digest)).SerializeToString()


async def _hash_kv(engine: Engine, request: maintenance.HashKVRequest, deadline: float | None) -> bytes:
    _refuse_learner(engine)
    content, stamp = await engine.hash_keys(request.revision)
    return maintenance.HashKVResponse(
        header=header(stamp),
        hash=_folded(content.hash),
        compact_revision=content.compacted,
        # etcd repeats whatever was asked for, but for 0.
        hash_revision=request.revision or content.revision,
    ).SerializeToString()


def _folded(digest: int) -> int:
    """64 bits in 32."""
    return (digest ^ digest >> 32) & 0xFFFFFFFF


def _refuse_learner(engine: Engine) -> None:
    if engine.status().is_learner:
        raise NotForLearners


async def _move_leader(engine: Engine, request: maintenance.MoveLeaderRequest, _: float | None) -> bytes:
    target = request.targetID
    if not target:
        # To the engine, 0 is the best follower; to etcd, nobody.
        raise MembershipRefused("no member to lead was named", reason="bad_transferee")
    await engine.move_leader(target)
    return maintenance.MoveLeaderResponse().SerializeToString()


async def _defragment(engine: Engine, _: maintenance.DefragmentRequest, deadline: float | None) -> bytes:
    _refuse_learner(engine)
    await engine.defragment()
    return maintenance.DefragmentResponse().SerializeToString()


def _status(engine: Engine) -> maintenance.StatusResponse:
    status = engine.status()
    errors = list(status.errors)
    if not status.leader and NO_LEADER not in errors:
        errors.append(NO_LEADER)
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
        downgradeInfo=maintenance.DowngradeInfo(enabled=bool(status.downgrade), targetVersion=status.downgrade),
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
