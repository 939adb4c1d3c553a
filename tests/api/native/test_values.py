# SPDX-License-Identifier: Apache-2.0
"""tricord.v1.Values over gRPC: requests and watches in keyspaces of any model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.api.etcd.scripted_engine import RecordedCall
from tests.api.native.model_engine import HERE, ModelEngine, as_engine, model_engine
from tricord.api import native
from tricord.base import changes
from tricord.base.dots import VersionVector
from tricord.base.errors import Stopping
from tricord.base.levels import Level, Stamp
from tricord.base.token import Token
from tricord.base.typed import Fetch, KeyChange, TypedWatch, Update
from tricord.wire.grpc.metadata import Metadata
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.native import value_watches, values
from tricord.wire.native.value_watches import WatchAnswer, WatchCancel, WatchCreate, WatchCreated, WatchEnded


@dataclass
class Call(RecordedCall):
    """A call of a stream. ``room``: how many messages it takes before it says that it takes no more."""

    room: int = 1000
    waits: Callable[[], None] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def post(self, messages: list[bytes]) -> bool:
        self.replies += messages
        self.news.set()
        return len(self.replies) < self.room

    def on_room(self, function: Callable[[], None]) -> None:
        self.waits = function

    async def told(self, count: int) -> list[WatchAnswer]:
        """So many answers of a watch stream."""
        while len(self.replies) < count:
            self.news.clear()
            await self.news.wait()
        return [value_watches.decode_watch_answer(reply)[0] for reply in self.replies]


def metadata(**said: str) -> Metadata:
    return Metadata([("of", "ours"), *((name.replace("_", "-"), value) for name, value in said.items())])


def handler_of(engine: ModelEngine, name: str) -> Any:
    methods = native.methods(as_engine(engine), "1.2.3")
    return next(each.handler for each in methods if each.path == f"/tricord.v1.Values/{name}")


async def ask(engine: ModelEngine, request: Update | Fetch, **said: str) -> Call:
    call = Call(metadata=metadata(**said))
    data = values.VALUE_MESSAGES[type(request)](request, Level.ANY).SerializeToString()
    handler_of(engine, type(request).__name__)(data, call)
    await call.ended.wait()
    return call


def run(story: Callable[[ModelEngine], Awaitable[None]]) -> None:
    async def told() -> None:
        async with model_engine() as engine:
            await story(engine)

    asyncio.run(told())


ADD = Update([KeyChange(b"n", changes.Add(2)), KeyChange(b"s", changes.AddElement(b"x"))])


def test_updates_and_fetches_with_tokens() -> None:
    async def story(engine: ModelEngine) -> None:
        call = await ask(engine, ADD, tricord_keyspace="carts", tricord_token="")
        result, stamp = values.decode_update_response(call.replies[0], Level.ANY)
        assert (result.sequence, result.acks, stamp.revision) == (2, 1, 2)
        assert dict(call.leading)["tricord-level"] == "causal"
        token = dict(call.leading)["tricord-token"]
        assert isinstance(token, str)
        assert Token.from_text(token).keyspaces[70] == VersionVector({HERE: 2})
        call = await ask(engine, Fetch(b"n", b"\0"), tricord_keyspace="carts", tricord_token=token)
        found, _ = values.decode_fetch_response(call.replies[0], Level.ANY)
        assert [(key.key, key.value.value) for key in found.keys if key.value] == [(b"n", 2), (b"s", [b"x"])]
        assert engine.contexts[-1].token == Token.from_text(token).encode()

    run(story)


def test_a_strong_keyspace_is_one_of_registers() -> None:
    async def story(engine: ModelEngine) -> None:
        put = Update([KeyChange(b"a", changes.Put(b"1")), KeyChange(b"b", changes.Put(b"2"))])
        assert values.decode_update_response((await ask(engine, put)).replies[0], Level.ANY)[0].sequence == 2
        call = await ask(engine, Fetch(b"a", b"c", 1))
        found, _ = values.decode_fetch_response(call.replies[0], Level.ANY)
        assert (found.more, found.keys[0].value and found.keys[0].value.value) == (True, b"1")
        guarded = Update([KeyChange(b"a", changes.Put(b"3"), found.keys[0].context)])
        assert not (await ask(engine, guarded)).failures
        call = await ask(engine, guarded)
        assert call.failures[0][0] is Status.FAILED_PRECONDITION
        assert call.trailing == [("tricord-error", "changed_meanwhile")]
        (key,) = values.decode_fetch_response((await ask(engine, Fetch(b"none"))).replies[0], Level.ANY)[0].keys
        assert key.value is None
        assert not (await ask(engine, Update([KeyChange(b"none", changes.Put(b"3"), key.context)]))).failures
        call = await ask(engine, ADD)
        assert call.trailing == [("tricord-error", "not_of_this_model")]

    run(story)


def test_refusals_have_their_code() -> None:
    async def story(engine: ModelEngine) -> None:
        call = await ask(engine, ADD, tricord_keyspace="none")
        assert call.failures == [(Status.NOT_FOUND, "no keyspace is called 'none'")]
        assert call.trailing == [("tricord-error", "keyspace_not_found")]
        for said, code in ({"tricord_level": "psychic"}, "invalid_request"), ({"tricord_token": "!"}, "token_damaged"):
            assert (await ask(engine, ADD, **said)).trailing == [("tricord-error", code)]
        call = Call(metadata=metadata())
        handler_of(engine, "Update")(b"\x0a\x02\x12\x00", call)
        assert call.failures[0][0] is Status.INVALID_ARGUMENT
        with pytest.raises(GrpcError) as caught:
            handler_of(engine, "Fetch")(b"\x0a\xff", Call())
        assert caught.value.status is Status.INTERNAL

    run(story)


async def watching(engine: ModelEngine, call: Call, *requests: value_watches.WatchRequest) -> asyncio.Task[None]:
    call.incoming = [value_watches.encode_watch_request(request) for request in requests]
    return asyncio.get_running_loop().create_task(handler_of(engine, "Watch")(call))


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_watches_of_a_causal_keyspace() -> None:
    async def story(engine: ModelEngine) -> None:
        await ask(engine, ADD, tricord_keyspace="carts")
        call = Call(metadata=metadata(tricord_keyspace="carts"))
        spec = TypedWatch(b"n")
        task = await watching(
            engine, call, WatchCreate(spec), WatchCreate(TypedWatch(b"")), WatchCancel(7), WatchCancel(0)
        )
        created, state, refused, gone = await call.told(4)
        assert created == WatchCreated(0)
        assert isinstance(refused, WatchEnded)
        assert (refused.code, gone) == ("key_not_provided", WatchEnded(0))
        assert not isinstance(state, WatchCreated | WatchEnded)
        assert state.vector == VersionVector({HERE: 2})
        await ended(task)
        assert engine.keyspaces["carts"].streams == []
        call = Call(metadata=metadata(tricord_keyspace="carts"))
        task = await watching(engine, call, WatchCreate(TypedWatch(b"n", resume=state.vector, position=state.position)))
        await call.told(1)
        await ask(engine, ADD, tricord_keyspace="carts")
        _, told = await call.told(2)
        assert not isinstance(told, WatchCreated | WatchEnded)
        assert [(key.key, key.value and key.value.value, told.resynced) for key in told.keys] == [(b"n", 4, False)]
        engine.keyspaces["carts"].streams[0].failure = Stopping()
        engine.keyspaces["carts"].streams[0].wake()
        assert call.failures == [(Status.UNAVAILABLE, "server stopped")]
        assert call.trailing == [("tricord-error", "stopping")]
        await ended(task)

    run(story)


def test_a_caller_that_takes_nothing_is_told_when_it_has_room() -> None:
    async def story(engine: ModelEngine) -> None:
        call = Call(metadata=metadata(tricord_keyspace="carts"), room=2)
        task = await watching(engine, call, WatchCreate(TypedWatch(b"n")))
        await call.told(2)
        await ask(engine, ADD, tricord_keyspace="carts")
        assert len(call.replies) == 2
        call.room = 100
        assert call.waits is not None
        call.waits()
        assert len(await call.told(3)) == 3
        await ended(task)

    run(story)


def test_watches_that_cannot_be() -> None:
    async def story(engine: ModelEngine) -> None:
        call = Call(metadata=metadata(tricord_keyspace="none"))
        with pytest.raises(GrpcError) as caught:
            await (await watching(engine, call))
        assert (caught.value.status, call.trailing) == (Status.NOT_FOUND, [("tricord-error", "keyspace_not_found")])
        call = Call(incoming=[b"\x0a\xff"], metadata=metadata())
        with pytest.raises(GrpcError) as caught:
            await handler_of(engine, "Watch")(call)
        assert caught.value.status is Status.INTERNAL
        call = Call(metadata=metadata())
        task = await watching(engine, call, WatchCreate(TypedWatch(b"a", resume=VersionVector())))
        (refused,) = await call.told(1)
        assert isinstance(refused, WatchEnded)
        assert refused.code == "not_of_this_model"
        await ended(task)

    run(story)


def test_a_stamp_is_told_to_those_who_ask() -> None:
    async def story(engine: ModelEngine) -> None:
        call = await ask(engine, Fetch(b"a"), tricord_level="sequential")
        assert dict(call.leading)["tricord-level"] == "sequential"
        assert (await ask(engine, Fetch(b"a"))).leading == []
        assert isinstance(engine.stamp("carts"), Stamp)

    run(story)
