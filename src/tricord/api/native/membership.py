# SPDX-License-Identifier: Apache-2.0
"""tricord.v1.Membership: which server this is, and the replacement of a member as one joint change."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tricord.api.answering import answer_later
from tricord.api.malformed import malformed
from tricord.api.native.errors import fail
from tricord.server.engine import Engine
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.schemas import membership

SERVICE = "/tricord.v1.Membership/"


def methods(engine: Engine, version: str) -> list[Method]:
    """The service's methods. ``version`` is tricord's."""

    def replace(data: bytes, call: UnaryCall) -> None:
        try:
            request = membership.ReplaceRequest.FromString(data)
        except DecodeError as error:
            raise malformed(error) from None
        answer_later(call, _replace(engine, request.old, request.new), fail)

    def describe(data: bytes, call: UnaryCall) -> None:
        call.reply(membership.DescribeResponse(version=version).SerializeToString())

    return [Method(SERVICE + "Describe", describe), Method(SERVICE + "Replace", replace)]


async def _replace(engine: Engine, old: int, new: int) -> bytes:
    await engine.replace_member(old, new)
    return membership.ReplaceResponse().SerializeToString()
