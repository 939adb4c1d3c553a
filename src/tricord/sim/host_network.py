# SPDX-License-Identifier: Apache-2.0
"""A network between hosts, on which things go wrong.

TCP makes all of it late: what is sent on a route that is cut arrives when it is joined again, what is lost is sent
again, and nothing overtakes what went before on the same connection. Only a broken connection loses bytes. Dialling
over a cut gets no answer. Datagrams are lost where TCP would be late, and overtake each
other. Each host has its own view of the network, so that it is known who dials whom.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tricord.base.environment import Datagrams, Listener
from tricord.sim.hosts import Pause
from tricord.sim.network import MemoryNetwork, MemoryTransport

Route: TypeAlias = tuple[str, str]
"""From one host to another."""

RETRY_SECONDS = 0.2
"""How long TCP takes to notice a loss; doubled with each loss of the same bytes."""


@dataclass(slots=True, eq=False)
class Condition:
    """What is wrong with some routes, for a while."""

    cut: bool = False
    delay: float = 0.0
    """Seconds, the longest; drawn for each block."""
    loss: float = 0.0
    """The probability of each loss."""
    bytes_per_second: float = 0.0
    """0: as many as there are."""
    took_hold: int = 0
    """How many blocks met it."""
    _free_at: dict[Route, float] = field(default_factory=dict)

    def lateness(self, route: Route, now: float, size: int, chance: random.Random) -> float:
        """Seconds by which a block of ``size`` bytes that is sent now comes late."""
        late = chance.uniform(0.0, self.delay) if self.delay else 0.0
        again = RETRY_SECONDS
        while self.loss and chance.random() < self.loss and again < 8 * RETRY_SECONDS:
            late += again
            again *= 2
        if self.bytes_per_second:
            start = max(now, self._free_at.get(route, 0.0))
            self._free_at[route] = start + size / self.bytes_per_second
            late += self._free_at[route] - now
        self.took_hold += late > 0
        return late

    def loses(self, chance: random.Random) -> bool:
        """Whether a datagram that is sent now never arrives."""
        lost = self.cut or bool(self.loss and chance.random() < self.loss)
        self.took_hold += lost
        return lost


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
        self.route: Route = (names[0][0], names[1][0])
        self.arrives_at = 0.0
        """When what was sent last arrives; nothing arrives before it."""
        self._breaking: float | None = None

    def break_in_frame(self, share: float) -> None:
        """Break when the next block is sent, after this share of it."""
        self._breaking = share

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._breaking is None:
            super().write(data)
            return
        super().write(bytes(data)[: int(len(data) * self._breaking)])
        self._breaking = None
        self._hosts.broken_in_frame += 1
        self.abort()

    def die(self) -> None:
        """The process at this end is gone; nobody there hears of anything."""
        self._lost = self._closing = True
        self._inbox.clear()
        self._inbox_size = 0
        self._hosts.wires.pop(self, None)

    def _travel(self, arrive: Callable[..., None], *args: Any) -> None:
        self._hosts.travel(self, arrive, args)

    def _deliver(self, block: bytes) -> None:
        peer = self._peer
        if peer is not None and peer._lost and not self._lost and not self._hosts.is_off(self.route[1]):
            # Somebody is there who does not know this connection.
            self._loop.call_later(self._latency, self._lose, ConnectionResetError("connection reset"))
        super()._deliver(block)

    def _lose(self, error: Exception | None) -> None:
        self._hosts.wires.pop(self, None)
        super()._lose(error)


class HostNetwork(MemoryNetwork):
    """All hosts of one simulation."""

    def __init__(self, loop: asyncio.AbstractEventLoop, latency: float = 0.0005, seed: int = 0) -> None:
        super().__init__(loop, latency)
        self._chance = random.Random(seed)
        self._conditions: dict[Route, list[Condition]] = {}
        self._held: list[tuple[HostTransport, Callable[..., None], tuple[Any, ...]]] = []
        self._changed = loop.create_future()
        self._pauses: dict[str, Pause] = {}
        self._off: dict[str, None] = {}
        self.wires: dict[HostTransport, None] = {}
        """All ends of open connections."""
        self.broken_in_frame = 0
        self.sent: Callable[[Route, tuple[Any, ...]], None] | None = None
        """Told of everything that is sent."""

    def set_latency(self, seconds: float) -> None:
        """How long everything takes on its way."""
        self._latency = seconds

    def pause_of(self, host: str) -> Pause:
        """What holds the host back."""
        return self._pauses.setdefault(host, Pause())

    def at(self, host: str) -> HostView:
        """The network as this host sees it."""
        return HostView(self, host)

    # --- what is wrong with routes -------------------------------------------------------------------------

    def impose(self, routes: Iterable[Route], condition: Condition) -> Condition:
        """From now on this is so on these routes."""
        for route in routes:
            self._conditions.setdefault(route, []).append(condition)
        return condition

    def lift(self, condition: Condition) -> None:
        """It is over; what was held up by it arrives."""
        for route in list(self._conditions):
            left = [one for one in self._conditions[route] if one is not condition]
            if left:
                self._conditions[route] = left
            else:
                del self._conditions[route]
        self._release()

    def cut(self, one: str, other: str) -> Condition:
        """Nothing passes between the two, in either direction."""
        return self.impose([(one, other), (other, one)], Condition(cut=True))

    def passes(self, one: str, other: str) -> bool:
        """Whether anything passes from one to the other."""
        return not self._is_cut((one, other))

    def heal(self) -> None:
        """Everything passes, and what was held up arrives first."""
        self._conditions.clear()
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for wire, arrive, args in held:
            self.travel(wire, arrive, args)
        self._changed.set_result(None)
        self._changed = self._loop.create_future()

    def _is_cut(self, route: Route) -> bool:
        return route in self._conditions and any(one.cut for one in self._conditions[route])

    # --- what becomes of hosts -----------------------------------------------------------------------------

    def is_off(self, host: str) -> bool:
        """Whether the host has no power: it does not even refuse."""
        return host in self._off

    def power(self, host: str, *, on: bool) -> None:
        """The host's power goes, or is there."""
        if on:
            self._off.pop(host, None)
        else:
            self._off[host] = None
        self._release()

    def drop(self, host: str) -> None:
        """The process on the host died: its listeners are gone, and without power nobody tells the others."""
        for address in [address for address in self.listeners if address[0] == host]:
            del self.listeners[address]
        for address in [address for address in self.datagrams if address[0] == host]:
            del self.datagrams[address]
        for wire in [wire for wire in self.wires if wire.route[0] == host]:
            wire.die()
            peer = wire._peer
            if peer is not None and not self.is_off(host):
                self.travel(wire, peer._lose, (ConnectionResetError("connection reset"),))

    def reset(self, hosts: Iterable[str], share: float) -> int:
        """Break the connections of these hosts, each in the middle of what it sends next; how many there are."""
        chosen = frozenset(hosts)
        wires = [wire for wire in self.wires if wire.route[0] in chosen or wire.route[1] in chosen]
        for wire in wires:
            wire.break_in_frame(share)
        return len(wires)

    # --- what travels --------------------------------------------------------------------------------------

    def travel(self, wire: HostTransport, arrive: Callable[..., None], args: tuple[Any, ...]) -> None:
        """Arrive later, or when the route is there again."""
        route, now = wire.route, self._loop.time()
        conditions = self._conditions.get(route)
        at = now + self._latency
        if conditions is not None:
            size = len(args[0]) if args and isinstance(args[0], bytes) else 0
            for condition in conditions:
                if condition.cut:
                    condition.took_hold += 1
                    self._held.append((wire, arrive, args))
                    return
                at += condition.lateness(route, now, size, self._chance)
        if self.sent is not None:
            self.sent(route, args)
        wire.arrives_at = at = max(at, wire.arrives_at)
        self._loop.call_at(at, self.pause_of(route[1]).run, _never, arrive, args)

    def carry(self, source: str, there: tuple[str, int], data: bytes) -> None:
        route, late = (source, there[0]), self._latency
        for condition in self._conditions.get(route, ()):
            if condition.loses(self._chance):
                return
            late += self._chance.uniform(0.0, condition.delay) if condition.delay else 0.0
        if self.sent is not None:
            self.sent(route, (data,))
        if not self.is_off(there[0]):
            pause = self.pause_of(there[0])
            self._loop.call_later(late, pause.run, _never, self._hand_over, (source, there, data))

    async def reach(self, source: str, target: str) -> None:
        """Return once a packet could have gone from one host to the other, and back, and somebody there took it."""
        while self._is_cut((source, target)) or self._is_cut((target, source)) or target in self._off:
            await asyncio.shield(self._changed)
        await asyncio.sleep(self._latency)
        await self.pause_of(target).over()

    def wire(self, here: tuple[str, int], there: tuple[str, int]) -> MemoryTransport:
        wire = HostTransport(self._loop, self._latency, (here, there), self)
        self.wires[wire] = None
        return wire


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

    async def open_datagrams(self, host: str, port: int, receive: Callable[[bytes, str], None]) -> Datagrams:
        return self._network.bind(self._host, host, port, receive)


def _never() -> bool:
    return False
