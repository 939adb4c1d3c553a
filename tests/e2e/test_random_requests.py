# SPDX-License-Identifier: Apache-2.0
"""Every method of every service is given nonsense: bytes that are no message, and messages full of extremes.

Whatever comes, there is an answer or a refusal with a status that says what is wrong; the member serves on, and no
watch or stream is left behind.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.peers.clusters import eventually
from tests.peers.processes import MemberProcess
from tricord.api.etcd.gateway_routes import ROUTES
from tricord.wire.schemas import keyspaces, maintenance, values

NATIVE: dict[str, type[Message]] = {
    "/tricord.v1.Keyspaces/Create": keyspaces.KeyspaceCreateRequest,
    "/tricord.v1.Keyspaces/Drop": keyspaces.KeyspaceDropRequest,
    "/tricord.v1.Keyspaces/List": keyspaces.KeyspaceListRequest,
    "/tricord.v1.Keyspaces/Describe": keyspaces.KeyspaceDescribeRequest,
    "/tricord.v1.Keyspaces/Retire": keyspaces.ReplicaRetireRequest,
    "/tricord.v1.Values/Update": values.UpdateRequest,
    "/tricord.v1.Values/Fetch": values.FetchRequest,
    "/tricord.v1.Values/Watch": values.ValuesWatchRequest,
}
REQUESTS = {route.method: route.request for route in ROUTES.values()} | NATIVE
STREAMS = {
    "/tricord.v1.Values/Watch",
    "/etcdserverpb.Watch/Watch",
    "/etcdserverpb.Lease/LeaseKeepAlive",
    "/etcdserverpb.Maintenance/Snapshot",
    "/v3electionpb.Election/Observe",
}
MODELS = {"random-causal": keyspaces.CAUSAL, "random-eventual": keyspaces.EVENTUAL}
SECONDS = 60.0
"""A bound on a hang."""
ALARM = "/etcdserverpb.Maintenance/Alarm"
INTEGERS = (0, 1, -1, 2, 7, 1 << 31, (1 << 63) - 1, -(1 << 63), 9_000_000_001)
BYTES = (b"", b"\0", b"k", b"\xff" * 9, b"x" * 3_000, "é/ü".encode(), b"\0" * 600)
SAYS_WHAT_IS_WRONG = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNKNOWN,  # of locks and elections, as in etcd
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DATA_LOSS,
}


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemberProcess]:
    """A member of this module alone."""
    directory: Path = tmp_path_factory.mktemp("random") / "data"
    with MemberProcess(directory) as running:
        yield running


@pytest.fixture(scope="module")
def channel(member: MemberProcess) -> Iterator[grpc.Channel]:
    """A connection to it."""
    with grpc.insecure_channel(member.endpoint) as opened:
        create = opened.unary_unary("/tricord.v1.Keyspaces/Create")
        for name, model in MODELS.items():
            create(keyspaces.KeyspaceCreateRequest(name=name, model=model).SerializeToString(), timeout=SECONDS)
        yield opened


def fill(message: Message, draw: random.Random, depth: int = 3) -> None:
    """Set some of the fields to extremes."""
    for field in message.DESCRIPTOR.fields:
        if draw.random() < 0.35:
            continue
        current = getattr(message, field.name)
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if depth and not isinstance(current, Message):
                for _ in range(draw.randrange(3)):
                    fill(current.add(), draw, depth - 1)
            elif depth:
                current.SetInParent()
                fill(current, draw, depth - 1)
        elif hasattr(current, "append"):
            current.extend(scalar(field, draw) for _ in range(draw.randrange(3)))
        else:
            setattr(message, field.name, scalar(field, draw))


def scalar(field: Any, draw: random.Random) -> Any:
    kind = field.type
    if kind == FieldDescriptor.TYPE_BYTES:
        return draw.choice(BYTES)
    if kind == FieldDescriptor.TYPE_STRING:
        return draw.choice(("", "http://", "no url", "x" * 500, "é"))
    if kind == FieldDescriptor.TYPE_BOOL:
        return draw.random() < 0.5
    if kind == FieldDescriptor.TYPE_ENUM:
        # Not beyond: etcd itself dies of an alarm's action that it does not know.
        return draw.choice([value.number for value in field.enum_type.values])
    wide = draw.choice(INTEGERS)
    if kind in (FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_UINT32):
        wide = abs(wide)
    return wide & 0x7FFF_FFFF if kind in (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_INT32) else wide


def ask(
    channel: grpc.Channel, method: str, data: list[bytes], keyspace: str = "default", patience: float | None = None
) -> grpc.StatusCode:
    """What the call ended with. One that waits or goes on is left soon, or after so many seconds of ``patience``."""
    metadata = (("tricord-keyspace", keyspace),) if method.startswith("/tricord.v1.Values/") else ()
    try:
        if method in STREAMS:
            call = channel.stream_stream(method)(iter(data), timeout=patience or 0.2, metadata=metadata)
            for _ in call:
                pass
        else:
            channel.unary_unary(method)(data[0], timeout=patience or 0.5, metadata=metadata)
    except grpc.RpcError as error:
        assert isinstance(error, grpc.Call)
        return error.code()
    return grpc.StatusCode.OK


def disarm(channel: grpc.Channel) -> None:
    """Clear the alarms that were drawn."""
    alarm = channel.unary_unary(ALARM)
    listed = alarm(maintenance.AlarmRequest().SerializeToString(), timeout=SECONDS)
    raised = maintenance.AlarmResponse.FromString(listed)
    for one in raised.alarms:
        request = maintenance.AlarmRequest(
            action=maintenance.AlarmRequest.DEACTIVATE, memberID=one.memberID, alarm=one.alarm
        )
        alarm(request.SerializeToString(), timeout=SECONDS)


@pytest.mark.parametrize("method", sorted(REQUESTS))
def test_nonsense_is_answered_or_refused(method: str, member: MemberProcess, channel: grpc.Channel) -> None:
    draw = random.Random(method)
    kind = REQUESTS[method]
    assert ask(channel, method, [b"\xff\xff\xff no message"], patience=SECONDS) is grpc.StatusCode.INTERNAL
    for _ in range(6 if method in STREAMS else 12):
        messages = []
        for _ in range(draw.randrange(1, 6) if method in STREAMS else 1):
            request = kind()
            fill(request, draw)
            messages.append(request.SerializeToString())
        keyspace = draw.choice(["default", *MODELS])
        code = ask(channel, method, messages, keyspace)
        assert code is grpc.StatusCode.OK or code in SAYS_WHAT_IS_WRONG, (code, messages)
        # Half of a message, and its bytes in another order.
        for spoiled in (messages[0][: len(messages[0]) // 2], bytes(draw.sample(messages[0], len(messages[0])))):
            with suppress(grpc.RpcError):
                ask(channel, method, [spoiled], keyspace)
    disarm(channel)
    member.wait_until_healthy()


def test_nothing_is_left_of_what_was_asked(member: MemberProcess, channel: grpc.Channel) -> None:
    def figure(name: str) -> float:
        _, page = member.http("GET", "/metrics")
        lines = page.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    # A call that its caller left may still be on its way to its end.
    eventually(lambda: figure("etcd_debugging_mvcc_watcher_total") == 0, "all watches to end")
    eventually(lambda: figure("etcd_debugging_mvcc_watch_stream_total") == 0, "their streams to end")
    eventually(
        lambda: figure("grpc_server_started_total") == figure("grpc_server_handled_total") > 0, "all calls to end"
    )
    assert "Traceback" not in member.log_text()
