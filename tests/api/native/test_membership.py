# SPDX-License-Identifier: Apache-2.0
"""tricord's own door: a member is replaced by one call, and refusals read as at etcd's door."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.etcd.scripted_engine import RecordedCall, ScriptedEngine
from tricord.api import native
from tricord.api.native.errors import STATUS
from tricord.base import errors
from tricord.base.errors import MembershipRefused, TricordError
from tricord.wire.grpc.metadata import Metadata
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import membership, pool


def handler_of(engine: ScriptedEngine, name: str) -> Any:
    return next(
        each.handler for each in native.methods(engine, "1.2.3") if each.path == f"/tricord.v1.Membership/{name}"
    )


def replace(engine: ScriptedEngine, data: bytes) -> RecordedCall:
    recorded = RecordedCall(metadata=Metadata([("of", "ours")]))
    handler = handler_of(engine, "Replace")

    async def answered() -> None:
        handler(data, recorded)
        await recorded.ended.wait()

    asyncio.run(answered())
    return recorded


REQUEST = membership.ReplaceRequest(old=22, new=33).SerializeToString()


def test_a_replacement_names_the_old_member_and_the_new() -> None:
    engine = ScriptedEngine()
    assert replace(engine, REQUEST).replies == [b""]
    assert engine.changes == [("replace", 22, 33)]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (MembershipRefused("no 5", reason="unknown_member"), (Status.NOT_FOUND, "etcdserver: member not found: no 5")),
        (MembershipRefused("the moon is full", reason="moon"), (Status.FAILED_PRECONDITION, "the moon is full")),
        (errors.NoLeader(), (Status.UNAVAILABLE, "etcdserver: no leader")),
        (errors.DiskFull("no room"), (Status.RESOURCE_EXHAUSTED, "no room")),
        (errors.OutcomeUnknown("perhaps"), (Status.UNAVAILABLE, "perhaps")),
    ],
)
def test_errors_have_the_status_of_their_kind(error: TricordError, failure: tuple[Status, str]) -> None:
    assert replace(ScriptedEngine(refusal=error), REQUEST).failures == [failure]


def test_every_status_is_a_failure() -> None:
    assert Status.OK not in STATUS.values()


def test_bytes_that_are_no_request_are_refused() -> None:
    with pytest.raises(GrpcError) as caught:
        replace(ScriptedEngine(), b"\x08")
    assert caught.value.status == Status.INTERNAL


def test_the_server_says_who_it_is() -> None:
    recorded = RecordedCall()
    handler_of(ScriptedEngine(), "Describe")(b"", recorded)
    (reply,) = recorded.replies
    assert membership.DescribeResponse.FromString(reply).version == "1.2.3"


def test_reflection_has_the_service() -> None:
    assert b"tricord.v1" in pool.SERIALIZED["tricord/membership.proto"]
