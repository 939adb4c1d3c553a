# SPDX-License-Identifier: Apache-2.0
"""A server of tricord in a thread with a loop of its own, for clients that block."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

import uvloop

from tricord.base.environment import Environment
from tricord.runtime.clock import SystemClock, SystemRandom
from tricord.runtime.network import TcpNetwork
from tricord.runtime.tasks import LoopTasks
from tricord.transport import Limits, Server
from tricord.wire.grpc.service import Method
from tricord.wire.http.routes import Routes

T = TypeVar("T")


def environment() -> Environment:
    """The real world but for the disk, which no transport touches."""
    disk: Any = None
    loop = asyncio.get_running_loop()
    return Environment(SystemClock(), SystemRandom(), disk, TcpNetwork(), LoopTasks(loop))


class Serving:
    """``with Serving(methods, routes) as serving:`` listens on ``serving.port`` of 127.0.0.1."""

    def __init__(
        self,
        methods: list[Method],
        routes: Routes | None = None,
        limits: Limits | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        fast: bool = True,
    ) -> None:
        self._methods = methods
        self._routes = routes or Routes()
        self._limits = limits
        self._tls = tls
        self._fast = fast
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="serving")
        self.port = 0
        self.server: Server
        self.faults: list[tuple[BaseException, str]] = []
        """What handlers raised and should not have."""

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Serving:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if self._fast else None) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.server = Server(
            environment(),
            self._methods,
            self._routes,
            self._limits,
            on_fault=lambda error, where: self.faults.append((error, where)),
        )
        listener = await self.server.listen("127.0.0.1", 0, self._tls)
        self.port = listener.addresses()[0][1]
        self._ready.set()
        await self._stop.wait()
        self.server.abort()
        for _ in range(100):
            if not self.server.connection_count():
                break
            await asyncio.sleep(0.01)
