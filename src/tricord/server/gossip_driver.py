# SPDX-License-Identifier: Apache-2.0
"""Carries out what the core of gossip decides: its turns, its UDP socket, its streams.

What came in since the last turn goes into the next one, all at once. Hooks run behind a turn and may call anything
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tricord.base.environment import Datagrams, Environment, Timer
from tricord.base.errors import ConfigurationError
from tricord.base.message import message
from tricord.gossip import Answer, Delivery, Exchange, Gossip, GossipConfig, Input, MemberEvent, Output, Request
from tricord.gossip.config import METADATA_MAX
from tricord.gossip.turn import Address
from tricord.transport.gossip.accepting import Acceptor
from tricord.transport.gossip.dialling import PacketStream, ask
from tricord.transport.gossip.hooks import StreamHooks
from tricord.transport.loopback import is_loopback
from tricord.transport.peer.dialling import DialTls

WAITING_MAX = 1024
"""Packets, and requests, of one turn; what is beyond is lost."""
STREAMS_MAX = 64
"""Streams of others, beside one of each member where packets go by streams."""
FAULT_SECONDS = 1.0
"""After this it goes on, when a turn failed."""
_CLAIM_BYTES = 64 + METADATA_MAX
_FRAME_BYTES = 64 << 10


@message
class GossipHooks:
    """Whom the driver tells. All run on the loop; what one of them raises is told to ``fault``."""

    changed: Callable[[MemberEvent], None] = lambda event: None
    delivered: Callable[[Delivery], None] = lambda delivery: None
    fault: Callable[[BaseException, str], None] = lambda error, where: None


class GossipDriver:
    """One member's gossip. Make it, ``start`` it, say who belongs; ``leave`` and ``close`` it."""

    def __init__(
        self,
        environment: Environment,
        config: GossipConfig,
        hooks: GossipHooks | None = None,
        *,
        insecure: bool = False,
        tcp_only: bool = False,
        tls: DialTls = None,
    ) -> None:
        """Without keys only loopback is heard, unless ``insecure``; ``tcp_only`` where UDP does not pass. ``tls`` is
        for streams that this member opens. Raises ConfigurationError."""
        self.core = Gossip(config, environment.random)
        self._environment = environment
        self._hooks = hooks or GossipHooks()
        self._has_keys = bool(config.keys)
        self._insecure = insecure
        self._tcp_only = tcp_only
        self._tls = tls
        self._members = 0
        self._waiting = Input(0.0)
        self._datagrams: Datagrams | None = None
        self._address: Address | None = None
        self._packet_streams: dict[Address, PacketStream] = {}
        self._asking: dict[int, asyncio.Task[None]] = {}
        self._timer: Timer | None = None
        self._is_soon = False
        self._is_closed = False
        self._left = asyncio.Event()
        streams = StreamHooks(self._packet, self._request, self._admits, self._frame_size_max)
        self._acceptor = Acceptor(environment, streams, lambda: STREAMS_MAX + self._members * tcp_only)

    @property
    def address(self) -> Address:
        """Where it listens, by UDP and TCP."""
        assert self._address is not None, "it is started"
        return self._address

    async def start(self, host: str, port: int) -> None:
        """Begin where another listens by TCP, and hands connections that begin with ``PREFACE`` to protocols of
        ``accept``. Binds the same port by UDP. Raises ConfigurationError, OSError."""
        if not (self._admits(host) or host == "localhost"):
            raise ConfigurationError(
                f"gossip on {host} can be heard from other machines: give it keys, or say that it is insecure"
            )
        if not self._tcp_only:
            self._datagrams = await self._environment.network.open_datagrams(host, port, self._datagram)
        self._address = (host, port)
        self._turn_now(Input(0.0))

    def accept(self) -> asyncio.Protocol:
        """For a stream that another opened."""
        return self._acceptor.protocol()

    # --- what the host says --------------------------------------------------------------------------------

    def belong(self, members: dict[int, Address]) -> None:
        """All who belong, and where they listen. Raises ConfigurationError: too many."""
        self._turn_now(Input(0.0, listed=members))
        self._members = len(members)
        for address in [address for address in self._packet_streams if address not in members.values()]:
            self._packet_streams.pop(address).close()

    def broadcast(self, topic: int, payload: bytes) -> None:
        """Tell everybody, likely. Raises RequestTooLarge."""
        self._turn_now(Input(0.0, broadcasts=[(topic, payload)]))

    def describe(self, metadata: bytes) -> None:
        """Say this of this member from now on. Raises RequestTooLarge."""
        self._turn_now(Input(0.0, metadata=metadata))

    def set_keys(self, keys: tuple[bytes, ...]) -> None:
        """Another ring of keys. Raises ConfigurationError."""
        if self._has_keys and not keys:
            raise ConfigurationError("gossip: a ring that has keys does not become empty while the member runs")
        self._turn_now(Input(0.0, keys=keys))
        self._has_keys = bool(keys)

    async def leave(self) -> None:
        """Tell the others that this member goes; returns when they were told, or when that took too long."""
        self._turn_now(Input(0.0, leave=True))
        await self._left.wait()

    def close(self) -> None:
        """Say and hear nothing more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._datagrams is not None:
            self._datagrams.close()
        self._acceptor.close()
        for stream in self._packet_streams.values():
            stream.close()
        for asking in list(self._asking.values()):
            asking.cancel()
        self._left.set()

    # --- turns ---------------------------------------------------------------------------------------------

    def _soon(self) -> None:
        if not self._is_soon:
            self._is_soon = True
            self._environment.tasks.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_soon = False
        told, self._waiting = self._waiting, Input(0.0)
        try:
            self._turn_now(told)
        except Exception as error:  # a bug of ours: it costs what came in, not the member
            self._hooks.fault(error, "a turn of gossip")
            self._plan(FAULT_SECONDS)

    def _turn_now(self, told: Input) -> None:
        if self._is_closed:
            return
        assert self._address is not None, "it is started before anything is told"
        told.now = self._environment.clock.monotonic()
        output = self.core.turn(told)
        self._plan(max(0.0, output.wake_at - told.now))
        self._send(output)
        answers = dict(output.answers)
        for request in told.requests:
            self._acceptor.answer(request.stream, answers.get(request.stream))
        if output.left:
            self._left.set()
        self._tell(output)

    def _plan(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._environment.tasks.call_later(seconds, self._turn)

    def _send(self, output: Output) -> None:
        for address, packet in output.packets:
            if self._datagrams is not None:
                self._datagrams.send(packet, *address)
            else:
                self._stream_to(address).send(packet)
        for exchange in output.exchanges:
            self._asking[exchange.ticket] = self._environment.tasks.spawn(self._ask(exchange), "gossip exchange")

    def _stream_to(self, address: Address) -> PacketStream:
        stream = self._packet_streams.get(address)
        if stream is None:
            stream = self._packet_streams[address] = PacketStream(self._environment, address, self._tls)
        return stream

    async def _ask(self, exchange: Exchange) -> None:
        try:
            size_max = self._frame_size_max()
            answer = await ask(
                self._environment, exchange.address, exchange.payload, size_max, exchange.timeout, self._tls
            )
        finally:
            del self._asking[exchange.ticket]
        self._waiting.answers.append(Answer(exchange.ticket, answer))
        self._soon()

    def _tell(self, output: Output) -> None:
        for event in output.events:
            self._guard(self._hooks.changed, event)
        for delivery in output.deliveries:
            self._guard(self._hooks.delivered, delivery)

    def _guard(self, hook: Callable[..., None], told: MemberEvent | Delivery) -> None:
        try:
            hook(told)
        except Exception as error:  # gossip outlives its owner's mistakes
            self._hooks.fault(error, "a hook of gossip")

    # --- what comes in -------------------------------------------------------------------------------------

    def _admits(self, host: str) -> bool:
        return self._has_keys or self._insecure or is_loopback(host)

    def _frame_size_max(self) -> int:
        return _FRAME_BYTES + self._members * _CLAIM_BYTES

    def _datagram(self, data: bytes, host: str) -> None:
        if self._admits(host):
            self._packet(data)

    def _packet(self, data: bytes) -> None:
        if len(self._waiting.packets) < WAITING_MAX:
            self._waiting.packets.append(data)
            self._soon()

    def _request(self, stream: int, data: bytes) -> None:
        if len(self._waiting.requests) < WAITING_MAX:
            self._waiting.requests.append(Request(stream, data))
            self._soon()
