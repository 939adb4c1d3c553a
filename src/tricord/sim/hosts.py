# SPDX-License-Identifier: Apache-2.0
"""Hosts that can be paused, and their network, whose wires can be cut.

A wire that is cut makes what was sent late, as TCP makes of loss, and dialling gets no answer. Each host has its own
view of the network, so that it is known who dials whom. What should have run on a host while it was paused runs when it
goes on, late; its clock went on.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from tricord.base.environment import Listener, Timer
from tricord.sim.environment import SimulatedTasks
from tricord.sim.network import MemoryNetwork, MemoryTransport
from tricord.sim.virtual_loop import VirtualLoop

T = TypeVar("T")


class Pause:
    """Holds back what runs on one host."""

    def __init__(self) -> None:
        self.is_on = False
        self._held: list[tuple[Callable[[], bool], Callable[..., object], tuple[Any, ...]]] = []
        self._over = asyncio.Event()
        self._over.set()

    async def over(self) -> None:
        """Return when the host runs."""
        await self._over.wait()

    def run(self, is_off: Callable[[], bool], function: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Now, or when the host goes on, unless ``is_off`` says by then that it shall not."""
        if self.is_on:
            self._held.append((is_off, function, args))
        else:
            function(*args)

    def begin(self) -> None:
        """SIGSTOP."""
        self.is_on = True
        self._over.clear()

    def end(self) -> None:
        """SIGCONT."""
        self.is_on = False
        self._over.set()
        held, self._held = self._held, []
        for is_off, function, args in held:
            if self.is_on:
                self._held.append((is_off, function, args))
            elif not is_off():
                function(*args)

    def forget(self) -> None:
        """The process is gone."""
        self.is_on = False
        self._over.set()
        self._held = []


class PausableTasks(SimulatedTasks):
    """Tasks of a host."""

    def __init__(self, loop: VirtualLoop, pause: Pause) -> None:
        super().__init__(loop)
        self._pause = pause

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        self._loop.call_soon(self._pause.run, _never, function, args)

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Timer:
        timer: asyncio.TimerHandle

        def fire() -> None:
            self._pause.run(timer.cancelled, function, args)

        timer = self._loop.call_later(delay, fire)
        return timer

    def in_lane_then(
        self,
        lane: str,
        function: Callable[..., T],
        args: tuple[Any, ...],
        done: Callable[[T | None, BaseException | None], None],
    ) -> None:
        super().in_lane_then(lane, function, args, lambda result, error: self._pause.run(_never, done, (result, error)))


def _never() -> bool:
    return False


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
        self._pauses: dict[str, Pause] = {}

    def pause_of(self, host: str) -> Pause:
        """What holds the host back."""
        return self._pauses.setdefault(host, Pause())

    def at(self, host: str) -> HostView:
        """The network as this host sees it."""
        return HostView(self, host)

    def cut(self, one: str, other: str) -> None:
        """Nothing passes between the two, in either direction."""
        self._cuts |= {(one, other), (other, one)}

    def passes(self, one: str, other: str) -> bool:
        """Whether anything does."""
        return (one, other) not in self._cuts

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
            self._loop.call_later(self._latency, self.pause_of(route[1]).run, _never, arrive, args)

    async def reach(self, source: str, target: str) -> None:
        """Return once a packet could have gone from one host to the other, and somebody there took it."""
        while (source, target) in self._cuts:
            await asyncio.shield(self._healed)
        await asyncio.sleep(self._latency)
        await self.pause_of(target).over()

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
