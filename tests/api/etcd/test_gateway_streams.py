# SPDX-License-Identifier: Apache-2.0
"""Streams through the JSON gateway: values in, lines out, an end whenever either side wants one."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.transport.serving import Serving
from tricord.api.etcd import gateway_streams
from tricord.api.etcd.gateway import add_routes
from tricord.wire.grpc.service import Method, StreamCall, StreamHandler
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes
from tricord.wire.schemas import lease

PATH = "/v3/lease/keepalive"
METHOD = "/etcdserverpb.Lease/LeaseKeepAlive"


async def renew(call: StreamCall) -> None:
    """Answer each message with its id, and a TTL of 7."""
    async for data in call.messages():
        number = lease.LeaseKeepAliveRequest.FromString(data).ID
        await call.send(lease.LeaseKeepAliveResponse(ID=number, TTL=7).SerializeToString())


def routes(handler: StreamHandler, *, client_streaming: bool = True) -> Routes:
    table = Routes()
    add_routes([Method(METHOD, handler, client_streaming, server_streaming=True)], table)
    return table


async def lines_of(response: HttpResponse) -> list[Any]:
    assert not isinstance(response.body, bytes)
    found = [json.loads(line) async for line in response.body]
    await response.body.aclose()
    return found


def post(handler: StreamHandler, body: bytes, **kind: bool) -> tuple[int, list[Any]]:
    async def story() -> tuple[int, list[Any]]:
        response = await routes(handler, **kind).answer(HttpRequest("POST", PATH, "", [], body, "1.1"))
        if isinstance(response.body, bytes):
            return response.status, [json.loads(response.body)]
        return response.status, await lines_of(response)

    return asyncio.run(story())


def answer(number: int) -> dict[str, Any]:
    return {"result": {"ID": str(number), "TTL": "7"}}


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        (b'{"ID":"5"}', [5]),
        (b'{"ID":5}{"ID":6}', [5, 6]),
        (b' {"ID":5}\n\n {"ID":6}\r\n', [5, 6]),
        (b'{"ID":5}x{"ID":6}', [5]),
        (b'{"ID":5}{"ID":"no number"}{"ID":6}', [5]),
        (b'{"ID":5}{"ID":', [5]),
        (b"", []),
        (b"nonsense", []),
        (b"\xff\xfe", []),
    ],
)
def test_each_value_is_a_message_and_what_is_none_is_the_end(body: bytes, numbers: list[int]) -> None:
    assert post(renew, body) == (200, [answer(number) for number in numbers])


def test_a_method_that_only_answers_in_a_stream_takes_one_value_and_refuses_what_is_none() -> None:
    assert post(renew, b'{"ID":5}{"ID":6}', client_streaming=False) == (200, [answer(5)])
    status, told = post(renew, b'{"ID":true}', client_streaming=False)
    assert (status, told[0]["code"]) == (400, 3)


def test_an_error_before_the_first_message_has_its_status_and_one_behind_is_the_last_line() -> None:
    async def refuse(call: StreamCall) -> None:
        raise GrpcError(Status.INVALID_ARGUMENT, "etcdserver: user name is empty")

    async def renew_and_fail(call: StreamCall) -> None:
        await renew(call)
        raise GrpcError(Status.UNAVAILABLE, "etcdserver: no leader")

    refused = {"error": {"code": 3, "message": "etcdserver: user name is empty"}}
    assert post(refuse, b"") == (400, [refused])
    failed = {"error": {"code": 14, "message": "etcdserver: no leader"}}
    assert post(renew_and_fail, b'{"ID":5}') == (200, [answer(5), failed])


def test_a_broken_handler_is_an_internal_error() -> None:
    async def broken(call: StreamCall) -> None:
        raise KeyError("detail")

    assert post(broken, b"") == (500, [{"error": {"code": 13, "message": "the handler failed"}}])


def test_a_message_larger_than_grpc_takes_is_refused() -> None:
    body = b'{"ID":5}' * 3 + b' {"ID":"5", "unknown":"%s"}' % (b"x" * (3 << 20))
    assert post(renew, body)[0] == 200  # unknown fields are no part of the message


class Watched:
    """A handler that sends until it is stopped, and tells how it went."""

    def __init__(self) -> None:
        self.sent = 0
        self.cancelled = 0
        self.ended = asyncio.Event()

    async def __call__(self, call: StreamCall) -> None:
        call.on_cancel(self._cancelled)
        try:
            while True:
                await call.send(lease.LeaseKeepAliveResponse(ID=1 << 40, TTL=7).SerializeToString())
                self.sent += 1
                await asyncio.sleep(0)
        finally:
            self.ended.set()

    def _cancelled(self) -> None:
        self.cancelled += 1


def test_who_reads_no_further_stops_the_sender_and_who_leaves_ends_it() -> None:
    watched = Watched()

    async def story() -> None:
        before = len(asyncio.all_tasks())
        response = await routes(watched).answer(HttpRequest("POST", PATH, "", [], b"", "1.1"))
        assert not isinstance(response.body, bytes)
        for _ in range(30_000):
            await asyncio.sleep(0)
        assert 1 < watched.sent < 10_000, "it went on without a reader"
        await response.body.aclose()
        await response.body.aclose()
        await asyncio.sleep(0)
        assert watched.ended.is_set() and watched.cancelled == 1
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == before

    asyncio.run(story())


def test_who_leaves_before_the_first_message_ends_the_call() -> None:
    ended = asyncio.Event()

    async def silent(call: StreamCall) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def story() -> None:
        asking = asyncio.create_task(_answered(routes(silent)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        await ended.wait()

    asyncio.run(asyncio.wait_for(story(), 60))


async def _set(event: asyncio.Event) -> None:
    await event.wait()


def _answered(table: Routes) -> Any:
    answering: Callable[[HttpRequest], Awaitable[HttpResponse]] = table.answer
    return answering(HttpRequest("POST", PATH, "", [], b"", "1.1"))


def test_over_a_socket_the_lines_come_one_by_one_and_a_lost_connection_ends_the_call() -> None:
    watched = Watched()
    with Serving([], routes(watched)) as serving:
        with socket.create_connection(("127.0.0.1", serving.port), timeout=60) as sock:
            sock.sendall(b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" % PATH.encode())
            told = b""
            while told.count(b"}}\n") < 100:
                told += sock.recv(65_536)
            head, _, rest = told.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK") and b"transfer-encoding: chunked" in head.lower()
            size, _, line = rest.partition(b"\r\n")
            assert json.loads(line[: int(size, 16)]) == {"result": {"ID": str(1 << 40), "TTL": "7"}}
        serving.run(_set(watched.ended))
        assert watched.cancelled == 1


def test_a_body_of_very_many_messages_is_read_as_they_are_wanted_and_stops_nobody() -> None:
    async def story() -> None:
        taken, turns, done = 0, 0, asyncio.Event()

        async def take(call: StreamCall) -> None:
            nonlocal taken
            async for _ in call.messages():
                taken += 1
                if taken == 1000:
                    done.set()
                    await asyncio.Event().wait()

        async def others() -> None:
            nonlocal turns
            while not done.is_set():
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.ensure_future(others())
        # A broken value far behind is not come to.
        body = b"{}" * 100_000 + b"{"
        call = asyncio.ensure_future(routes(take).answer(HttpRequest("POST", PATH, "", [], body, "1.1")))
        await beside
        assert taken == 1000
        assert turns >= 1000 // gateway_streams.MESSAGES_AT_ONCE - 1
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(story())
