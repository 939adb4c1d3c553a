# SPDX-License-Identifier: Apache-2.0
"""The real environment: a loop, clocks, sockets, tasks."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from typing import cast

import pytest

from tricord.base.environment import Environment
from tricord.runtime import run
from tricord.runtime.tuning import GC_THRESHOLDS, SWITCH_INTERVAL_SECONDS


@pytest.fixture(autouse=True)
def settings_as_before() -> Iterator[None]:
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_a_program_runs_on_the_fastest_loop_and_gives_its_result() -> None:
    async def main(environment: Environment) -> str:
        assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_SECONDS)
        assert gc.get_threshold() == GC_THRESHOLDS
        return type(asyncio.get_running_loop()).__module__

    assert run(main) == "uvloop"


def test_an_error_of_the_program_is_its_callers() -> None:
    async def main(environment: Environment) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(main)


def test_clocks_and_randomness() -> None:
    async def main(environment: Environment) -> None:
        before = environment.clock.monotonic()
        assert environment.clock.monotonic() >= before
        assert environment.clock.wall_ns() > 1_700_000_000 * 10**9
        assert 0 <= environment.random.bits(64) < 1 << 64
        assert environment.random.bits(64) != environment.random.bits(64)
        assert 1.0 <= environment.random.uniform(1.0, 2.0) < 2.0

    run(main)


def test_what_is_asked_for_later_runs_later() -> None:
    async def main(environment: Environment) -> list[str]:
        order: list[str] = []
        over = asyncio.Event()
        environment.tasks.call_later(0.001, order.append, "later")
        environment.tasks.call_later(0.002, over.set)
        environment.tasks.call_later(0.0, order.append, "never").cancel()
        environment.tasks.call_soon(order.append, "soon")

        async def work() -> int:
            order.append("task")
            return 5

        task = environment.tasks.spawn(work(), "work")
        assert task.get_name() == "work"
        assert await task == 5
        await over.wait()
        return order

    order = run(main)
    assert sorted(order) == ["later", "soon", "task"], "each once, and what was cancelled never"
    assert order.index("soon") < order.index("task"), "in the order they were asked for"


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are not derived from it

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Caller(asyncio.Protocol):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.answer.set_result(data)


def test_a_connection_goes_both_ways_without_delay() -> None:
    async def main(environment: Environment) -> None:
        listener = await environment.network.listen("127.0.0.1", 0, Echo)
        ((host, port),) = listener.addresses()
        assert host == "127.0.0.1"
        transport, protocol = await environment.network.connect(host, port, Caller)
        import socket

        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert isinstance(protocol, Caller)
        transport.write(b"hello")
        assert await protocol.answer == b"hello"
        with pytest.raises(OSError):
            await environment.network.listen("127.0.0.1", port, Echo)
        listener.close()
        transport.write(b"")
        transport.close()
        with pytest.raises(OSError):
            await environment.network.connect(host, port, Caller)

    run(main)


def test_importing_it_needs_nothing_of_one_platform_and_no_storage() -> None:
    code = (
        "import sys, tricord.runtime; print(sorted({'lmdb', 'shutil', 'uvloop', 'tricord.storage'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
