# SPDX-License-Identifier: Apache-2.0
"""etcdserverpb.Cluster: who the members are. Changing them is not served yet."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tricord.api.etcd.errors import fail, malformed
from tricord.api.etcd.headers import member_header
from tricord.base.context import Context
from tricord.base.errors import TricordError
from tricord.base.levels import Level, Stamp
from tricord.base.operations import Range
from tricord.server.engine import Engine, MemberRecord, Outcome
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.schemas import cluster

SERVICE = "/etcdserverpb.Cluster/"

# The cheapest linearizable read: that it was answered shows that this member is up to date.
_ROUND = Range(b"\0", count_only=True)


def methods(engine: Engine) -> list[Method]:
    """The service's methods."""

    def member_list(data: bytes, call: UnaryCall) -> None:
        try:
            request = cluster.MemberListRequest.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        if not request.linearizable:
            call.reply(_answer(engine, engine.stamp()))
            return
        context = Context(level=Level.LINEARIZABLE, deadline=call.deadline)
        call.on_cancel(context.cancel)

        def reply(outcome: Outcome, stamp: Stamp) -> None:
            if isinstance(outcome, TricordError):
                fail(call, outcome)
            else:
                call.reply(_answer(engine, stamp))

        engine.call(_ROUND, context, reply)

    return [Method(SERVICE + "MemberList", member_list)]


def _answer(engine: Engine, stamp: Stamp) -> bytes:
    members = [_member(record) for record in engine.members()]
    return cluster.MemberListResponse(header=member_header(stamp), members=members).SerializeToString()


def _member(record: MemberRecord) -> cluster.Member:
    return cluster.Member(
        ID=record.id,
        name=record.name,
        peerURLs=record.peer_urls,
        clientURLs=record.client_urls,
        isLearner=record.is_learner,
    )
