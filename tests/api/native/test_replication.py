# SPDX-License-Identifier: Apache-2.0
"""The edges' door: what comes first, what does not belong there, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.api.etcd.scripted_engine import ScriptedEngine
from tricord.api.native.replication import methods
from tricord.base.edges import EdgeHello, EdgeSet, Said
from tricord.base.errors import InvalidRequest, ReplicaRetired
from tricord.base.keyspaces import Model
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.native.replication import decode_told, encode_hello, encode_said

HELLO = EdgeHello("carts", Model.CAUSAL, bytes(16))


class Stream:
    """What the engine gives."""

    def __init__(self) -> None:
        self.heard: list[Said] = []
        self.rooms = 0
        self.closed = False

    def said(self, piece: Said) -> None:
        if piece.data == b"too large":
            raise InvalidRequest("a replica's message has too many bytes")
        self.heard.append(piece)

    def room(self) -> None:
        self.rooms += 1

    def close(self) -> None:
        self.closed = True


class Engine(ScriptedEngine):
    """Welcomes edges."""

    async def open_edge(self, hello: EdgeHello, tell: Any, end: Any) -> Any:
        self.tell, self.end, self.stream = tell, end, Stream()
        return self.stream


class Call:
    """One call of an edge, as far as the door uses it."""

    def __init__(self, *messages: bytes) -> None:
        self._messages = messages
        self.posted: list[bytes] = []
        self.takes = True
        self.trailing: dict[str, str | bytes] = {}
        self.room: Callable[[], None] | None = None
        self.failed: tuple[Status, str] | None = None

    async def messages(self) -> AsyncIterator[bytes]:
        for message in self._messages:
            yield message

    def post(self, messages: list[bytes]) -> bool:
        self.posted += messages
        return self.takes

    def on_room(self, function: Callable[[], None]) -> None:
        self.room = function

    def set_trailing(self, name: str, value: str | bytes) -> None:
        self.trailing[name] = value

    def fail(self, status: Status, text: str) -> None:
        self.failed = (status, text)


def serve(call: Call) -> Engine:
    engine = Engine()
    handler: Any = methods(engine)[0].handler
    asyncio.run(handler(call))
    return engine


def test_what_an_edge_says_goes_to_the_engine_until_it_is_gone() -> None:
    call = Call(encode_hello(HELLO), encode_said(Said(b"a", True)), encode_said(Said(b"b")))
    engine = serve(call)
    assert engine.stream.heard == [Said(b"a", True), Said(b"b")] and engine.stream.closed
    call.takes = False
    assert not engine.tell(EdgeSet(3)) and decode_told(call.posted[-1]) == EdgeSet(3)
    assert call.room is not None
    call.room()
    assert engine.stream.rooms == 1
    engine.end(ReplicaRetired("gone"))
    assert call.failed == (Status.FAILED_PRECONDITION, "gone") and call.trailing == {"tricord-error": "replica_retired"}


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ((), Status.INVALID_ARGUMENT),
        ((encode_said(Said(b"first")),), Status.INVALID_ARGUMENT),
        ((b"",), Status.INVALID_ARGUMENT),
        ((b"\xff\xff garbage",), Status.INTERNAL),
        ((encode_hello(HELLO), encode_hello(HELLO)), Status.INVALID_ARGUMENT),
        ((encode_hello(HELLO), b"\xff\xff garbage"), Status.INTERNAL),
        ((encode_hello(HELLO), encode_said(Said(b"too large"))), Status.INVALID_ARGUMENT),
    ],
)
def test_what_does_not_belong_there_ends_the_call(messages: tuple[bytes, ...], status: Status) -> None:
    with pytest.raises(GrpcError) as refusal:
        serve(Call(*messages))
    assert refusal.value.status == status
