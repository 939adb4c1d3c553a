# SPDX-License-Identifier: Apache-2.0
"""A network of hosts whose wires can be cut: what was sent is late, as TCP makes of loss, and dialling gets no answer.

Each host has its own view of the network, so that it is known who dials whom.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from tricord.base.environment import Listener
from tricord.sim.network import MemoryNetwork, MemoryTransport


class HostTransport(MemoryTransport):
    """One end of a connection between two hosts."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        latency: float,
        names: tuple[tuple[str, int], tuple[str, int]],
        hosts: HostNetwork,
    ) -> None:
        super().__init__(loop, latency, names)
        self._hosts = hosts
        self._route = (names[0][0], names[1][0])

    def _travel(self, arrive: Callable[..., None], *args: Any) -> None:
        self._hosts.travel(self._route, arrive, args)


class HostNetwork(MemoryNetwork):
    """All hosts of one simulation."""

    def __init__(self, loop: asyncio.AbstractEventLoop, latency: float = 0.0005) -> None:
        super().__init__(loop, latency)
        self._cuts: set[tuple[str, str]] = set()
        self._held: list[tuple[tuple[str, str], Callable[..., None], tuple[Any, ...]]] = []
        self._healed = loop.create_future()

    def at(self, host: str) -> HostView:
        """The network as this host sees it."""
        return HostView(self, host)

    def cut(self, one: str, other: str) -> None:
        """Nothing passes between the two, in either direction."""
        self._cuts |= {(one, other), (other, one)}

    def heal(self) -> None:
        """Everything passes, and what was held up arrives first."""
        self._cuts.clear()
        held, self._held = self._held, []
        for route, arrive, args in held:
            self.travel(route, arrive, args)
        self._healed.set_result(None)
        self._healed = self._loop.create_future()

    def travel(self, route: tuple[str, str], arrive: Callable[..., None], args: tuple[Any, ...]) -> None:
        """Arrive later, or after the healing."""
        if route in self._cuts:
            self._held.append((route, arrive, args))
        else:
            self._loop.call_later(self._latency, arrive, *args)

    async def reach(self, source: str, target: str) -> None:
        """Return once a packet could have gone from one host to the other."""
        while (source, target) in self._cuts:
            await asyncio.shield(self._healed)
        await asyncio.sleep(self._latency)

    def wire(self, here: tuple[str, int], there: tuple[str, int]) -> MemoryTransport:
        return HostTransport(self._loop, self._latency, (here, there), self)


class HostView:
    """What one host can do. It is a ``base.environment.Network``."""

    def __init__(self, network: HostNetwork, host: str) -> None:
        self._network = network
        self._host = host

    async def listen(
        self, host: str, port: int, factory: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None
    ) -> Listener:
        return await self._network.listen(host, port, factory, tls)

    async def connect(
        self,
        host: str,
        port: int,
        factory: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        await self._network.reach(self._host, host)
        return self._network.join(self._host, (host, port), factory)
