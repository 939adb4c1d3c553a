# SPDX-License-Identifier: Apache-2.0
"""The sending end of a snapshot: a few chunks on their way, at a bounded rate, going on after a broken connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from tricord.base.environment import Clock, Environment
from tricord.base.message import message
from tricord.transport.peer.connection import PeerConnection
from tricord.transport.peer.cuts import Cuts
from tricord.transport.peer.dialling import Address, Dialler
from tricord.transport.peer.settings import PeerSettings
from tricord.wire.peer.events import FrameReceived, Opened, PeerEvent, PongReceived, Refused
from tricord.wire.peer.frames import FrameKind, frame
from tricord.wire.peer.hello import Lane
from tricord.wire.peer.refusals import Refusal, RefusalCode
from tricord.wire.peer.snapshot import SnapshotOffer, decode_offset, encode_offer, encode_offset

Read = Callable[[int, int], bytes]
"""``read(offset, size)``: that part of the file; it blocks, and runs on the lane "read". Raises OSError."""
Progress = Callable[[int, int], None]
"""``progress(taken, size)``: bytes that the receiver has written, of how many."""

_PASSING = frozenset({RefusalCode.MALFORMED, RefusalCode.NOT_READY, RefusalCode.UNKNOWN_MEMBER, RefusalCode.TOO_MANY})
"""Refusals after which another connection may do better: bytes were damaged on the way, or the peer just starts."""


@message
class SnapshotResult:
    """How a transfer ended. ``error`` says why it was not delivered."""

    delivered: bool
    error: str = ""


class Pacer:
    """Spreads bytes over time: after a burst of 0.1 s, ``rate`` bytes a second."""

    def __init__(self, clock: Clock, rate: int) -> None:
        self._clock = clock
        self._rate = rate
        self._due = 0.0

    def delay(self, size: int) -> float:
        """Seconds to wait before so many bytes go out; they count as sent."""
        now = self._clock.monotonic()
        self._due = max(self._due, now - 0.1) + size / self._rate
        return max(0.0, self._due - now)


class SnapshotSender:
    """One transfer to one member."""

    def __init__(
        self,
        environment: Environment,
        dialler: Dialler,
        settings: PeerSettings,
        cuts: Cuts,
        pacer: Pacer,
        *,
        member: int,
        addresses: Callable[[], list[Address]],
        offer: SnapshotOffer,
        read: Read,
        progress: Progress,
        fault: Callable[[BaseException, str], None],
    ) -> None:
        """``addresses`` is asked before each attempt to connect."""
        self.connection: PeerConnection | None = None
        self._environment = environment
        self._dialler = dialler
        self._settings = settings
        self._cuts = cuts
        self._pacer = pacer
        self._member = member
        self._addresses = addresses
        self._offer = offer
        self._read = read
        self._progress = progress
        self._fault = fault
        self._is_open = False
        self._taken = -1
        self._finished = False
        self._lost = False
        self._stopping = False
        self._refusal: Refusal | None = None
        self._error = ""
        self._moved_at = environment.clock.monotonic()
        self._news: asyncio.Future[None] | None = None

    async def run(self) -> SnapshotResult:
        """Until it is delivered, refused, or made no progress for too long. Never raises but for cancellation."""
        attempt = 0
        try:
            while True:
                try:
                    await self._attempt(attempt)
                    return SnapshotResult(True)
                except (_Broken, OSError) as error:
                    self._error = str(error) or self._error
                    self._drop()
                except _Refused as refused:
                    return SnapshotResult(False, refused.args[0])
                if self._now() - self._moved_at > self._settings.snapshot_patience:
                    return SnapshotResult(False, self._error)
                attempt += 1
                await asyncio.sleep(self._settings.retry_max * self._environment.random.uniform(0.5, 1.0))
        finally:
            self._drop()

    def stop(self) -> None:
        """End it soon, undelivered."""
        self._stopping = True
        self._wake()

    async def _attempt(self, number: int) -> None:
        """One connection's worth."""
        self._is_open, self._taken, self._finished, self._lost, self._refusal = False, -1, False, False, None
        addresses = self._addresses()
        if not addresses or self._is_cut():
            raise _Broken("the member cannot be reached")
        connection = await self._dialler.dial(addresses[number % len(addresses)], self._member, Lane.SNAPSHOT, self)
        self.connection = connection
        await self._until(lambda: self._is_open)
        connection.send(frame(FrameKind.OFFER, encode_offer(self._offer)))
        await self._until(lambda: self._taken >= 0)
        await self._send_chunks(connection, self._taken)
        await self._until(lambda: self._taken >= self._offer.size)
        connection.send(frame(FrameKind.FINISH))
        await self._until(lambda: self._finished, self._settings.snapshot_verify)

    async def _send_chunks(self, connection: PeerConnection, sent: int) -> None:
        settings, size = self._settings, self._offer.size
        while sent < size:
            wanted = min(settings.snapshot_chunk, size - sent)
            await self._until(partial(self._has_room, sent + wanted))
            await asyncio.sleep(self._pacer.delay(wanted))
            try:
                data = await self._environment.tasks.in_lane("read", self._read, sent, wanted)
            except OSError as error:
                raise _Refused(f"the snapshot cannot be read: {error}") from None
            if len(data) != wanted:
                raise _Refused("the snapshot is shorter than it was offered")
            await connection.writable()
            self._check()
            connection.send(frame(FrameKind.CHUNK, encode_offset(sent), data))
            sent += wanted

    def _has_room(self, end: int) -> bool:
        return end - self._taken <= self._settings.snapshot_window

    async def _until(self, condition: Callable[[], bool], patience: float = 0.0) -> None:
        """Wait until the condition holds, at most ``patience`` seconds since something moved."""
        while True:
            self._check()
            if condition():
                return
            if self._now() - self._moved_at > (patience or self._settings.snapshot_patience):
                raise _Refused("the receiver took too long")
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def _check(self) -> None:
        if self._stopping:
            raise _Refused("this member is stopping")
        if self._refusal is not None:
            raise (_Broken if self._refusal.code in _PASSING else _Refused)(self._refusal.text)
        if self._lost or self._is_cut():
            raise _Broken("the connection was lost")

    def _drop(self) -> None:
        if self.connection is not None:
            self.connection.drop()
            self.connection = None

    def _is_cut(self) -> bool:
        local = self._dialler.local
        return local is not None and (
            self._cuts.blocked(local.member, self._member) or self._cuts.blocked(self._member, local.member)
        )

    def _now(self) -> float:
        return self._environment.clock.monotonic()

    # --- what the connection tells -------------------------------------------------------------------------

    def tick(self, now: float, grace: float) -> None:
        """Once a heartbeat."""
        self._wake()
        if self.connection is not None:
            self.connection.heard_at += grace
            self.connection.ping(now)
            if now - self.connection.heard_at > self._settings.election_timeout:
                self.connection.abort()

    def heard(self, connection: PeerConnection, events: list[PeerEvent]) -> None:
        for event in events:
            if isinstance(event, FrameReceived):
                self._frame(event)
            elif isinstance(event, PongReceived):
                connection.answered(event.number)
            elif isinstance(event, Opened):
                self._is_open = True
            elif isinstance(event, Refused):
                self._refusal = event.refusal
        self._wake()

    def lost(self, connection: PeerConnection, error: Exception | None) -> None:
        self.connection = None
        self._lost = True
        self._wake()

    def fault(self, error: BaseException, where: str) -> None:
        self._fault(error, where)

    def _frame(self, event: FrameReceived) -> None:
        if event.kind == FrameKind.FINISHED:
            self._finished = True
            return
        taken = min(decode_offset(event.payload), self._offer.size)
        if taken > self._taken:
            self._taken = taken
            self._moved_at = self._now()
            self._progress(taken, self._offer.size)

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class _Broken(Exception):
    """The connection is over; another may go on."""


class _Refused(Exception):
    """The transfer has failed for good."""
