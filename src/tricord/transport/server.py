# SPDX-License-Identifier: Apache-2.0
"""The server: listeners, the connections they accepted, and how both come to an end.

One port speaks HTTP/2 (prior knowledge, or ALPN with TLS) and HTTP/1.1. gRPC requests go to the methods, all others to
the routes. Connections of other members are told by their preface and handed over.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from tricord.base.environment import Environment, Listener, Timer
from tricord.transport.gate import Admits, gated
from tricord.transport.limits import Limits
from tricord.transport.server_protocol import ServerProtocol
from tricord.wire.grpc.service import Method, Registry
from tricord.wire.http.routes import Routes
from tricord.wire.peer.frames import PREFACE as PEER_PREFACE

_FLUSH_LATER = 0.02
"""How long the answer to a PING may wait for a reply to travel with."""
_SPARE_CONNECTIONS = 64
"""Beyond the limit of connections, for members alone: clients cannot keep them out."""
_DRAIN_NOTICE = 0.25
"""A draining server still takes streams that were under way when its peer got the news."""


class Server:
    """Serves methods and routes. All methods run on the loop of the environment."""

    def __init__(
        self,
        environment: Environment,
        methods: list[Method],
        routes: Routes,
        limits: Limits | None = None,
        *,
        on_fault: Callable[[BaseException, str], None] | None = None,
        peers: Callable[[], asyncio.Protocol] | None = None,
    ) -> None:
        """``on_fault(error, where)`` is told of exceptions that handlers should not have raised.

        ``peers`` makes the protocol of a connection that begins as another member's; None: there are no members.
        """
        self.environment = environment
        self.registry = Registry(methods)
        self.routes = routes
        self.limits = limits or Limits()
        self.others: dict[bytes, Callable[[], asyncio.Protocol]] = {} if peers is None else {PEER_PREFACE: peers}
        """Who takes connections that begin with this preface. Places beyond the clients' are kept for them."""
        self.refused_connections = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self._on_fault = on_fault
        self._listeners: list[Listener] = []
        self._connections: dict[ServerProtocol, None] = {}
        self._flush_later: dict[ServerProtocol, None] = {}
        self._timer: Timer | None = None
        self._draining = False
        self._empty: asyncio.Future[None] | None = None

    async def listen(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, admits: Admits | None = None
    ) -> Listener:
        """Bind and serve. Port 0 takes a free one; see ``Listener.addresses``. ``admits`` looks at the certificates of
        clients. Raises OSError."""
        factory = gated(admits, lambda: ServerProtocol(self))
        listener = await self.environment.network.listen(host, port, factory, tls)
        self._listeners.append(listener)
        if self._timer is None:
            self._timer = self.environment.tasks.call_later(self.limits.tick, self._tick)
        return listener

    def connection_count(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    async def drain(self, grace: float) -> None:
        """Stop accepting, let every call under way finish within ``grace`` seconds, close. Then all is closed."""
        self._draining = True
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            connection.drain()
        if self._connections:
            self._empty = asyncio.get_running_loop().create_future()
            tasks = self.environment.tasks
            notice = tasks.call_later(min(_DRAIN_NOTICE, grace), self._finish_drain)
            end = tasks.call_later(grace, self.abort)
            try:
                await self._empty
            finally:
                notice.cancel()
                end.cancel()
        self._stop_timer()

    def abort(self) -> None:
        """Close everything now."""
        self._draining = True
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            connection.abort()
        self._stop_timer()

    def report(self, error: BaseException, where: str) -> None:
        """A handler failed unexpectedly."""
        if self._on_fault is not None:
            self._on_fault(error, where)

    def admit(self, connection: ServerProtocol) -> bool:
        """A connection was accepted; False: there are too many."""
        spare = _SPARE_CONNECTIONS if self.others else 0
        if self._draining or len(self._connections) >= self.limits.max_connections + spare:
            self.refused_connections += 1
            return False
        self._connections[connection] = None
        return True

    def has_too_many(self) -> bool:
        """Whether the newest connection is beyond what clients may have."""
        return len(self._connections) > self.limits.max_connections

    def dismiss(self, connection: ServerProtocol) -> None:
        """A connection is gone."""
        self._connections.pop(connection, None)
        if not self._connections and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def flush_later(self, connection: ServerProtocol) -> None:
        """Flush a connection in some milliseconds: one timer for all of them."""
        if not self._flush_later:
            self.environment.tasks.call_later(_FLUSH_LATER, self._flush_waiting)
        self._flush_later[connection] = None

    def _flush_waiting(self) -> None:
        waiting, self._flush_later = self._flush_later, {}
        for connection in waiting:
            connection.flush()

    def _finish_drain(self) -> None:
        for connection in list(self._connections):
            connection.finish_drain()

    def _tick(self) -> None:
        self._timer = self.environment.tasks.call_later(self.limits.tick, self._tick)
        now = self.environment.clock.monotonic()
        for connection in list(self._connections):
            connection.tick(now)
        self._bound_memory()

    def _bound_memory(self) -> None:
        held = {connection: connection.held_bytes() for connection in self._connections}
        excess = sum(held.values()) - self.limits.max_held_bytes
        if excess > 0:
            for connection in sorted(held, key=lambda candidate: -held[candidate]):
                connection.abort()
                excess -= held[connection]
                if excess <= 0:
                    break

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
