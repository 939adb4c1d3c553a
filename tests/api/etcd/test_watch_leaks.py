# SPDX-License-Identifier: Apache-2.0
"""A Watch stream that ends at any point leaves nothing: no watch, no queue, no task, no object.

A whole member and a client over simulated sockets. Each way to end is tried after each step of a stream's life.
"""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.client.scripted_server import tell
from tricord.api.etcd.watch import _Call
from tricord.api.serving import Serving
from tricord.base.context import Context
from tricord.base.environment import Environment
from tricord.base.operations import Put
from tricord.mvcc.watch_queue import WatchQueue
from tricord.mvcc.watchers import Watcher
from tricord.server.configuration import Configuration
from tricord.transport.client_connection import ClientConnection, dial
from tricord.transport.client_stream import ClientStream
from tricord.wire.grpc.status import GrpcError
from tricord.wire.schemas import watch

WATCH = "/etcdserverpb.Watch/Watch"
STEPS = 14


def create(**fields: int | bool) -> bytes:
    request = watch.WatchCreateRequest(key=b"k", **fields)  # type: ignore[arg-type]
    return watch.WatchRequest(create_request=request).SerializeToString()


async def live(serving: Serving, call: ClientStream, steps: int) -> None:
    """So many steps of a stream's life, none of which waits for the next."""
    engine = serving.member.engine
    for step in range(steps):
        if step in (0, 4):
            await call.send(create(progress_notify=step == 0))
        elif step in (2, 9):
            for _ in range(20):
                await engine.ask(Put(b"k", bytes(20_000)), Context())
        elif step == 3:
            await call.send(create(start_revision=1, watch_id=7))
        elif step == 5:
            await call.send(create(start_revision=10_000))
        elif step == 6:
            await call.send(watch.WatchRequest(progress_request=watch.WatchProgressRequest()).SerializeToString())
        elif step == 7:
            await call.send(watch.WatchRequest(cancel_request=watch.WatchCancelRequest(watch_id=7)).SerializeToString())
        elif step == 8:
            await anext(call)
        elif step == 10:
            for _ in range(300):
                await call.send(create())
        elif step == 12:
            call.end()
        else:
            await asyncio.sleep(0.01)


async def cancel(serving: Serving, connection: ClientConnection, call: ClientStream) -> None:
    call.cancel()


async def break_off(serving: Serving, connection: ClientConnection, call: ClientStream) -> None:
    connection.close()


async def kill_all(serving: Serving, connection: ClientConnection, call: ClientStream) -> None:
    for one in list(serving.server._connections):
        one.abort()


async def nonsense(serving: Serving, connection: ClientConnection, call: ClientStream) -> None:
    try:
        await call.send(b"\xff\xff\xff")
    except (GrpcError, AssertionError):
        call.cancel()  # it was ended from here already


def left() -> dict[str, int]:
    gc.collect()
    kinds = (Watcher, WatchQueue, _Call)
    return {kind.__name__: sum(type(one) is kind for one in gc.get_objects()) for kind in kinds}


@pytest.mark.parametrize("steps", range(STEPS))
def test_nothing_is_left_of_a_stream(steps: int) -> None:
    async def story(world: Environment) -> None:
        serving = Serving(world, Configuration(data_dir="/data", segment_bytes=8 << 20))
        await serving.start()
        await asyncio.sleep(0.5)
        hub, counts = serving.member.watching.hub, serving.member.metrics.watches
        tasks, before = len(asyncio.all_tasks()), left()
        for end in (cancel, break_off, kill_all, nonsense):
            connection = await dial(world, "127.0.0.1", 2379)
            call = await connection.stream(WATCH)
            await live(serving, call, steps)
            await end(serving, connection, call)
            await asyncio.sleep(1)
            assert (hub.count, hub.behind, len(hub.queues)) == (0, 0, 0)
            connection.close()
            await asyncio.sleep(0.1)
            assert serving.server.connection_count() == 0
            assert len(asyncio.all_tasks()) == tasks
            assert counts is not None and counts().streams == 0
        del call, connection
        assert left() == before
        await serving.stop(1.0)

    tell(story)


def test_a_stop_ends_idle_streams_at_once() -> None:
    async def story(world: Environment) -> None:
        serving = Serving(world, Configuration(data_dir="/data", segment_bytes=8 << 20))
        await serving.start()
        connection = await dial(world, "127.0.0.1", 2379)
        call = await connection.stream(WATCH)
        await call.send(create())
        assert watch.WatchResponse.FromString(await anext(call)).created
        began = world.clock.monotonic()
        stopping = asyncio.ensure_future(serving.stop(30.0))
        with pytest.raises(GrpcError, match="server stopped"):
            await anext(call)
        connection.close()
        await stopping
        assert world.clock.monotonic() - began < 2

    tell(story)
