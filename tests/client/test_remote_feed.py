# SPDX-License-Identifier: Apache-2.0
"""A watch over a network that breaks, on a clock that jumps: at each point of a stream, by each way to break it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.client.scripted_server import Call, ScriptedServer, tell
from tests.client.test_remote import client
from tricord.base import errors
from tricord.base.environment import Environment
from tricord.wire.grpc.status import Status
from tricord.wire.http2.limits import Http2Limits
from tricord.wire.schemas import mvcc
from tricord.wire.schemas import watch as schema
from tricord.wire.schemas.header import ResponseHeader

LAST = 30
"""The store's newest revision; each changed the key."""


def response(**fields: Any) -> bytes:
    return schema.WatchResponse(header=ResponseHeader(cluster_id=1, revision=LAST), **fields).SerializeToString()


def changes(first: int, last: int) -> bytes:
    events = [
        mvcc.Event(kv=mvcc.KeyValue(key=b"k", value=b"v", mod_revision=revision)) for revision in range(first, last + 1)
    ]
    return response(events=events)


class WatchedStore:
    """A server that tells all changes from where a watch begins, three at a time, and breaks after so many messages.

    Faults are used up one by one: (how many messages it sends before, what it does then).
    """

    def __init__(self, *faults: tuple[int, Callable[[Call], None]]) -> None:
        self.faults = list(faults)
        self.starts: list[int] = []
        self.metadata: list[bytes | None] = []

    def heard(self, call: Call, message: bytes) -> None:
        create = schema.WatchRequest.FromString(message).create_request
        self.starts.append(create.start_revision)
        self.metadata.append(call.headers.get(b"hasleader"))
        first = create.start_revision or LAST + 1
        told = [response(created=True), *(changes(at, min(at + 2, LAST)) for at in range(first, LAST + 1, 3))]
        if self.faults:
            sent, fault = self.faults.pop(0)
            for one in told[:sent]:
                call.send(one)
            fault(call)
        else:
            for one in told:
                call.send(one)


async def watched(
    world: Environment, *faults: tuple[int, Callable[[Call], None]]
) -> tuple[ScriptedServer, WatchedStore]:
    server, store = ScriptedServer(), WatchedStore(*faults)
    server.stream = store.heard
    await server.listen(world)
    return server, store


def garbage(call: Call) -> None:
    call.send(b"\xff\xff\xff")


def cut_short(call: Call) -> None:
    call.send_part(changes(1, 3))
    call.session.flush()
    call.session.transport.close()


def no_leader(call: Call) -> None:
    call.fail(Status.UNAVAILABLE, "etcdserver: no leader")


def cancelled_by_the_server(call: Call) -> None:
    call.send(response(canceled=True, cancel_reason="etcdserver: no leader"))


def end(call: Call) -> None:
    if not call.begun:
        call.send(response(created=True))
    call.end()


FAULTS = [Call.cut, Call.reset, Call.refuse, garbage, cut_short, no_leader, cancelled_by_the_server, end]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("times", [1, 3])
def test_however_a_stream_breaks_each_change_is_told_once(fault: Callable[[Call], None], times: int) -> None:
    async def story(world: Environment) -> None:
        for sent in range(6):
            if fault in (cut_short, garbage) and not sent:
                continue
            server, store = await watched(world, *[(sent, fault)] * times)
            async with client(world) as db, db.watch("k", from_revision=11) as events:
                got = [(await events.__anext__()).revision for _ in range(20)]
                assert got == list(range(11, 31))
                assert await events.take(0.5) is None
            assert len(store.starts) == times + 1
            # A connection that is cut may lose what was on its way.
            wanted = min(LAST + 1, 11 + 3 * max(0, sent - 1) * times)
            assert store.starts[-1] == wanted or (fault is Call.cut and 11 <= store.starts[-1] < wanted)
            assert set(store.metadata) == {b"true"}
            await asyncio.sleep(0.1)
            assert all(session.lost for session in server.sessions)
            server.stop()

    tell(story)


def test_what_a_watch_is_refused_for_is_raised() -> None:
    async def story(world: Environment) -> None:
        for reason, kind in (
            ("etcdserver: permission denied", errors.PermissionDenied),
            ("mvcc: watcher range is empty", errors.InvalidRequest),
            ("etcdserver: mvcc: required revision has been compacted", errors.RevisionCompacted),
        ):
            server = ScriptedServer()
            refusal = response(created=True, canceled=True, cancel_reason=reason)
            server.stream = lambda call, message, refusal=refusal: call.send(refusal)
            await server.listen(world)
            async with client(world) as db:
                with pytest.raises(kind):
                    async with db.watch("k", from_revision=1) as events:
                        await events.take_batch()
            server.stop()

    tell(story)


def test_a_server_that_makes_no_watch_is_left_for_the_next() -> None:
    async def story(world: Environment) -> None:
        deaf = ScriptedServer()
        deaf.stream = lambda call, message: None
        await deaf.listen(world, 1)
        server, store = ScriptedServer(), WatchedStore()
        server.stream = store.heard
        await server.listen(world, 2)
        async with client(world, "127.0.0.1:1,127.0.0.1:2") as db:
            events = db.watch("k", from_revision=30, timeout=1.0)
            assert [event.revision for event in await events.take_batch()] == [30]
            events.close()
            with pytest.raises(errors.DeadlineExceeded):
                deaf.listener, server.stream = deaf.listener, deaf.stream
                async with db.watch("k", timeout=1.0):
                    pass

    tell(story)


def test_watches_leave_room_for_calls() -> None:
    async def story(world: Environment) -> None:
        server, store = ScriptedServer(limits=Http2Limits(max_concurrent_streams=20)), WatchedStore()
        server.stream = store.heard
        await server.listen(world)
        async with client(world) as db:
            watches = [db.watch("k", from_revision=30) for _ in range(50)]
            for watch in watches:
                await watch.__aenter__()
            assert len(server.sessions) == 3
            assert [len(await watch.take_batch()) for watch in watches] == [1] * 50
            for watch in watches[:18]:
                watch.close()
            await asyncio.sleep(0.1)
            assert [session.lost for session in server.sessions] == [True, False, False], "empty, it is closed"
        await asyncio.sleep(0.1)
        assert all(session.lost for session in server.sessions), "those that nobody closed are gone with the client"
        with pytest.raises(errors.Cancelled):
            await watches[-1].take_batch()

    tell(story)
