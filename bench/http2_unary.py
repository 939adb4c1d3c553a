# SPDX-License-Identifier: Apache-2.0
"""How many unary gRPC calls a second the server side of HTTP/2 and gRPC carries, and what one call costs.

    python bench/http2_unary.py [--connections 8] [--outstanding 64] [--seconds 3] [--value 256] [--profile]

Two figures. "server": the server's code alone, fed with the bytes that grpc-go sends, without sockets: microseconds of
Python per call. "socket": a server on loopback and, in a process of its own, a generator that writes prepared frames;
both share the machine's cores, so this is a lower bound.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import functools
import multiprocessing
import pstats
import time
from typing import Any

import uvloop

from tricord.base.environment import Environment
from tricord.runtime.clock import SystemClock, SystemRandom
from tricord.runtime.network import TcpNetwork
from tricord.runtime.tasks import LoopTasks
from tricord.transport import Server
from tricord.transport.server_protocol import ServerProtocol
from tricord.wire.grpc.service import Method, UnaryCall
from tricord.wire.http.routes import Routes
from tricord.wire.http2 import frames
from tricord.wire.http2.header_compression import HeaderEncoder

PATH = "/etcdserverpb.KV/Put"
HEADERS = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", PATH.encode()),
    (b":authority", b"127.0.0.1:2379"),
    (b"content-type", b"application/grpc"),
    (b"user-agent", b"grpc-go/1.62.1"),
    (b"te", b"trailers"),
)


class Requests:
    """The frames of one connection's requests, as grpc-go would send them."""

    def __init__(self, value_size: int) -> None:
        self._encoder = HeaderEncoder()
        self._message = b"\0" + value_size.to_bytes(4) + bytes(value_size)
        self._next = 1

    def hello(self) -> bytes:
        """Preface and SETTINGS, and a large window."""
        return frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0) + frames.window_update(0, 2**30)

    def batch(self, count: int) -> bytes:
        """``count`` unary requests."""
        out = []
        for _ in range(count):
            block = self._encoder.encode(HEADERS)
            out.append(frames.headers(self._next, block, False, 16_384))
            out.append(frames.frame(frames.DATA, frames.END_STREAM, self._next, self._message))
            self._next += 2
        return b"".join(out)


def echo(message: bytes, call: UnaryCall) -> None:
    """The handler: as little as can be."""
    call.reply(b"\x0a\x10headerheaderhead")


class Nowhere(asyncio.Transport):
    """A transport that takes everything."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def write(self, data: Any) -> None:
        self.written += len(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def abort(self) -> None:
        raise AssertionError("the server gave the connection up")

    close = abort


def environment() -> Environment:
    """The real one without a disk."""
    disk: Any = None
    return Environment(SystemClock(), SystemRandom(), disk, TcpNetwork(), LoopTasks(asyncio.get_running_loop()))


async def measure_server(total: int, batch: int, value_size: int, profile: bool) -> float:
    """Microseconds of one call in the server's code."""
    server = Server(environment(), [Method(PATH, echo)], Routes())
    protocol = ServerProtocol(server)
    transport = Nowhere()
    protocol.connection_made(transport)
    requests = Requests(value_size)
    protocol.data_received(requests.hello())
    await asyncio.sleep(0.01)
    batches = [requests.batch(batch) for _ in range(total // batch)]
    profiler = cProfile.Profile() if profile else None
    if profiler:
        profiler.enable()
    started = time.process_time()  # others may have the core meanwhile
    for data in batches:
        for position in range(0, len(data), 16_384):
            protocol.data_received(data[position : position + 16_384])
        await asyncio.sleep(0)
    elapsed = time.process_time() - started
    if profiler:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    assert transport.written > total * 50
    return elapsed / (total // batch * batch) * 1e6


class Generator(asyncio.Protocol):
    """Keeps ``outstanding`` requests under way; a reply is counted by its trailers' frame header."""

    def __init__(self, outstanding: int, value_size: int) -> None:
        self._requests = Requests(value_size)
        self._outstanding = outstanding
        self._left = b""
        self.replies = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        transport.write(self._requests.hello() + self._requests.batch(self._outstanding))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        data = self._left + data
        position, ended = 0, 0
        while len(data) - position >= 9:
            stop = position + 9 + (data[position] << 16 | data[position + 1] << 8 | data[position + 2])
            if stop > len(data):
                break
            ended += data[position + 3] == frames.HEADERS and data[position + 4] & frames.END_STREAM
            position = stop
        self._left = data[position:]
        self.replies += ended
        if ended:
            self._transport.write(self._requests.batch(ended))


def _itself(generator: Generator) -> Generator:
    return generator


def generate(port: int, connections: int, outstanding: int, seconds: float, value_size: int, results: Any) -> None:
    """The generator's process."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        generators = [Generator(outstanding // connections, value_size) for _ in range(connections)]
        for generator in generators:
            await loop.create_connection(functools.partial(_itself, generator), "127.0.0.1", port)
        await asyncio.sleep(0.5)
        before, started = sum(generator.replies for generator in generators), time.perf_counter()
        await asyncio.sleep(seconds)
        replies = sum(generator.replies for generator in generators) - before
        results.put(replies / (time.perf_counter() - started))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def measure_socket(connections: int, outstanding: int, seconds: float, value_size: int) -> float:
    """Calls a second over loopback."""
    server = Server(environment(), [Method(PATH, echo)], Routes())
    listener = await server.listen("127.0.0.1", 0)
    port = listener.addresses()[0][1]
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    process = context.Process(target=generate, args=(port, connections, outstanding, seconds, value_size, results))
    process.start()
    rate: float = await asyncio.get_running_loop().run_in_executor(None, results.get)
    process.join()
    server.abort()
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--outstanding", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--value", type=int, default=256)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        cost = runner.run(measure_server(40_000, 50, options.value, options.profile))
        print(f"server: {cost:.2f} us a call, {1e6 / cost:,.0f} calls/s of Python alone")
        rate = runner.run(measure_socket(options.connections, options.outstanding, options.seconds, options.value))
        print(f"socket: {rate:,.0f} calls/s over loopback, {options.outstanding} calls under way")


if __name__ == "__main__":
    main()
