# SPDX-License-Identifier: Apache-2.0
"""grpcio, an implementation of its own, calls the server: ten thousand mixed calls, with TLS and without."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from tests.transport import interop_service
from tests.transport.conftest import Certificates
from tests.transport.interop_messages import (
    Empty,
    Payload,
    SimpleRequest,
    SimpleResponse,
    StreamingInputCallRequest,
    StreamingInputCallResponse,
    StreamingOutputCallRequest,
    StreamingOutputCallResponse,
)
from tests.transport.serving import Serving

SERVICE = "/grpc.testing.TestService/"
CALLS = 10_000


class Stub:
    """The service's methods on one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.empty = channel.unary_unary(SERVICE + "EmptyCall", Empty.SerializeToString, Empty.FromString)
        self.unary = channel.unary_unary(
            SERVICE + "UnaryCall", SimpleRequest.SerializeToString, SimpleResponse.FromString
        )
        self.output = channel.unary_stream(
            SERVICE + "StreamingOutputCall",
            StreamingOutputCallRequest.SerializeToString,
            StreamingOutputCallResponse.FromString,
        )
        self.input = channel.stream_unary(
            SERVICE + "StreamingInputCall",
            StreamingInputCallRequest.SerializeToString,
            StreamingInputCallResponse.FromString,
        )
        self.duplex = channel.stream_stream(
            SERVICE + "FullDuplexCall",
            StreamingOutputCallRequest.SerializeToString,
            StreamingOutputCallResponse.FromString,
        )


def _output_request(*sizes: int, interval_us: int = 0) -> Any:
    request = StreamingOutputCallRequest()
    for size in sizes:
        request.response_parameters.add(size=size, interval_us=interval_us)
    return request


def _small(stub: Stub, turn: int) -> None:
    assert len(stub.unary(SimpleRequest(response_size=turn % 500), timeout=60).payload.body) == turn % 500


def _large(stub: Stub, turn: int) -> None:
    request = SimpleRequest(response_size=300_000, payload=Payload(body=bytes(100_000)))
    assert len(stub.unary(request, timeout=60).payload.body) == 300_000


def _compressed(stub: Stub, turn: int) -> None:
    request = SimpleRequest(response_size=7, payload=Payload(body=b"z" * 5_000))
    assert len(stub.unary(request, timeout=60, compression=grpc.Compression.Gzip).payload.body) == 7


def _refused(stub: Stub, turn: int) -> None:
    request = SimpleRequest()
    request.response_status.code, request.response_status.message = 9, "no: ünïcode\n"
    with pytest.raises(grpc.RpcError) as refused:
        stub.unary(request, timeout=60)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.details() == "no: ünïcode\n"


def _upload(stub: Stub, turn: int) -> None:
    requests = (StreamingInputCallRequest(payload=Payload(body=bytes(1_000 * size))) for size in range(5))
    assert stub.input(requests, timeout=60).aggregated_payload_size == 10_000


def _download(stub: Stub, turn: int) -> None:
    sizes = [10, 70_000, 0, 5]
    assert [len(reply.payload.body) for reply in stub.output(_output_request(*sizes), timeout=60)] == sizes


def _ping_pong(stub: Stub, turn: int) -> None:
    turns = threading.Semaphore(1)

    def requests() -> Iterator[Any]:
        for size in (1, 40_000, 3):
            turns.acquire()
            yield _output_request(size)

    sizes = []
    for reply in stub.duplex(requests(), timeout=60):
        sizes.append(len(reply.payload.body))
        turns.release()
    assert sizes == [1, 40_000, 3]


def _cancelled(stub: Stub, turn: int) -> None:
    replies = stub.output(_output_request(5, 5, 5, interval_us=1_000_000), timeout=60)
    replies.cancel()
    with pytest.raises(grpc.RpcError) as cancelled:
        next(replies)
    assert cancelled.value.code() is grpc.StatusCode.CANCELLED


def _cancelled_after_first(stub: Stub, turn: int) -> None:
    replies = stub.output(_output_request(5, 5, interval_us=2_000), timeout=60)
    assert len(next(replies).payload.body) == 5
    replies.cancel()


def _out_of_time(stub: Stub, turn: int) -> None:
    with pytest.raises(grpc.RpcError) as late:
        list(stub.output(_output_request(5, interval_us=5_000_000), timeout=0.005))
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


RARE: list[Callable[[Stub, int], None]] = [
    _large,
    _compressed,
    _refused,
    _upload,
    _download,
    _ping_pong,
    _cancelled,
    _cancelled_after_first,
    _out_of_time,
]


def _mixed(channels: list[grpc.Channel]) -> None:
    stubs = [Stub(channel) for channel in channels]

    def one(turn: int) -> str:
        call = RARE[turn // 10 % len(RARE)] if turn % 10 == 0 else _small
        call(stubs[turn % len(stubs)], turn)
        return call.__name__

    with ThreadPoolExecutor(8) as pool:
        done = Counter(pool.map(one, range(CALLS)))
    assert done["_small"] == CALLS - CALLS // 10
    assert len(done) == 1 + len(RARE)


def test_ten_thousand_mixed_calls_without_tls(plain_server: Serving) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.insecure_channel(plain_server.endpoint, options) for _ in range(2)]
    _mixed(channels)
    for channel in channels:
        channel.close()


def test_ten_thousand_mixed_calls_with_tls(tls_server: Serving, certificates: Certificates) -> None:
    with open(certificates.authority, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.secure_channel(f"localhost:{tls_server.port}", credentials, options) for _ in range(2)]
    _mixed(channels)
    for channel in channels:
        channel.close()


def test_a_thousand_calls_at_once_on_one_connection_and_on_plain_asyncio() -> None:
    with Serving(interop_service.methods(), fast=False) as serving, grpc.insecure_channel(serving.endpoint) as channel:
        stub = Stub(channel)
        futures = [stub.unary.future(SimpleRequest(response_size=2_000), timeout=60) for _ in range(1_500)]
        assert all(len(future.result().payload.body) == 2_000 for future in futures)
        uploads = [
            stub.unary.future(SimpleRequest(payload=Payload(body=bytes(400_000))), timeout=60) for _ in range(100)
        ]
        for upload in uploads:
            upload.result()
        assert serving.faults == []


def test_a_server_that_drains_finishes_calls_under_way_and_loses_none(plain_server: Serving) -> None:
    with grpc.insecure_channel(plain_server.endpoint) as channel:
        replies = Stub(channel).output(_output_request(1, 2, 3, interval_us=100_000), timeout=60)
        assert len(next(replies).payload.body) == 1
        draining = threading.Thread(target=lambda: plain_server.run(plain_server.server.drain(10)))
        draining.start()
        assert [len(reply.payload.body) for reply in replies] == [2, 3]
        draining.join(60)
        assert plain_server.server.connection_count() == 0


def test_a_drain_ends_by_force_after_its_grace(plain_server: Serving) -> None:
    with grpc.insecure_channel(plain_server.endpoint) as channel:
        replies = Stub(channel).output(_output_request(1, 2, interval_us=20_000_000), timeout=60)
        while not plain_server.server.connection_count():
            time.sleep(0.01)
        plain_server.run(plain_server.server.drain(0.3))
        with pytest.raises(grpc.RpcError) as ended:
            next(replies)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
