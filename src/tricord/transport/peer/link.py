# SPDX-License-Identifier: Apache-2.0
"""One lane to one peer: dialled, kept alive, dialled again. Messages go out by it; only pongs come back.

It never waits for the peer: what comes while there is no connection, or while the peer leaves too much untaken, is
dropped, as a network may drop it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from tricord.base.environment import Environment
from tricord.base.reachable import reachable
from tricord.transport.peer.connection import PeerConnection
from tricord.transport.peer.dialling import Address, Dialler, is_refused
from tricord.transport.peer.hooks import LinkState
from tricord.transport.peer.settings import PeerSettings
from tricord.wire.peer.events import Opened, PeerEvent, PongReceived, Refused
from tricord.wire.peer.frames import FRAME_SIZE_MAX, HEADER_SIZE
from tricord.wire.peer.hello import Lane
from tricord.wire.peer.refusals import Refusal, RefusalCode

_SOON = frozenset({RefusalCode.NOT_READY, RefusalCode.UNKNOWN_MEMBER, RefusalCode.TOO_MANY, RefusalCode.BUSY})
"""Refusals that pass by themselves: the other side learns who it is, or of a new member."""


class LinkOwner(Protocol):
    """Whom links tell, on the loop and never from within ``Link.send``."""

    def opened(self, link: Link) -> None:
        """Messages may be sent."""

    def broke(self, link: Link) -> None:
        """An open connection was lost; what was sent by it may be."""

    def absent(self, link: Link) -> None:
        """Nobody listens at any of the peer's addresses."""

    def refused(self, link: Link, refusal: Refusal) -> None:
        """The peer does not serve this member, or is not the one that was meant."""

    def changed(self, state: LinkState) -> None:
        """The link's state is another one."""

    def fault(self, error: BaseException, where: str) -> None:
        """Something raised what it should not have."""


class Link:
    """Runs from its making to ``close``."""

    def __init__(
        self,
        environment: Environment,
        dialler: Dialler,
        owner: LinkOwner,
        settings: PeerSettings,
        member: int,
        lane: Lane,
        addresses: list[Address],
    ) -> None:
        self.member = member
        self.lane = lane
        self.addresses = addresses
        self.state = LinkState(member, lane.name.lower(), False, environment.clock.monotonic(), "")
        self.has_lost = False
        """Whether a connection was lost since the owner cleared this."""
        self._clock = environment.clock
        self._random = environment.random
        self._dialler = dialler
        self._owner = owner
        self._settings = settings
        self._buffer_size = _buffer_size(settings, lane)
        self._connection: PeerConnection | None = None
        self._ended: asyncio.Future[None] | None = None
        self._opened_at = 0.0
        self._first_address = 0
        self._failures = 0
        self._error = ""
        self._is_absent = False
        self._refusal: Refusal | None = None
        self._task = environment.tasks.spawn(self._run(), f"peer link {member:x} {self.state.lane}")

    # --- sending -------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether messages go out at once."""
        return self._connection is not None and self._connection.is_open

    def send(self, frames: bytes) -> bool:
        """Write frames, or drop them: False. They must be whole."""
        connection = self._connection
        if connection is None or not connection.is_open:
            return False
        if connection.waiting_size + len(frames) > self._buffer_size:
            return False
        connection.send(frames)
        return True

    @property
    def has_room(self) -> bool:
        """Whether messages go out at once, and few enough bytes wait."""
        connection = self._connection
        return connection is not None and connection.is_open and connection.waiting_size < self._settings.replica_buffer

    def tick(self, now: float, grace: float) -> None:
        """Once a heartbeat. ``grace``: seconds in which this process heard nobody, by its own fault."""
        connection = self._connection
        if connection is None:
            return
        connection.heard_at += grace
        connection.ping(now)
        if now - connection.heard_at > self._settings.election_timeout:
            reachable("a link to a peer was silent for too long")
            self._failed(f"silent for {now - connection.heard_at:.1f} s")
            connection.abort()

    def close(self) -> None:
        """Close the connection, dial no more."""
        self._task.cancel()
        if self._connection is not None:
            self._connection.drop()

    # --- dialling ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            started = self._clock.monotonic()
            self._refusal, self._error, self._opened_at = None, "", 0.0
            if await self._dial():
                assert self._ended is not None
                await self._ended
            self._connection = None
            self._set_state(False, self._error or "the connection was lost")
            now = self._clock.monotonic()
            if not self._opened_at:
                self._report_failure()
                await asyncio.sleep(self._pause(now - started))
                self._failures += 1
                continue
            self.has_lost = True
            self._owner.broke(self)
            if now - self._opened_at >= self._settings.election_timeout:
                self._failures = 0  # it was no connection that opens only to be lost
            await asyncio.sleep(self._pause(0.0))
            self._failures += 1

    async def _dial(self) -> bool:
        """Try the addresses in turn until one takes the connection, which may be over already."""
        errors: list[OSError] = []
        count = len(self.addresses)
        for place in range(count):
            self._ended = asyncio.get_running_loop().create_future()
            try:
                address = self.addresses[(self._first_address + place) % count]
                connection = await self._dialler.dial(address, self.member, self.lane, self)
            except OSError as error:
                errors.append(error)
                continue
            if not self._ended.done():
                self._connection = connection
            return True
        self._failed("; ".join(dict.fromkeys(str(error) for error in errors)) or "no address is known")
        self._is_absent = bool(errors) and all(map(is_refused, errors))
        return False

    def _report_failure(self) -> None:
        if self._is_absent:
            self._is_absent = False
            self._owner.absent(self)
        elif self._refusal is not None:
            self._owner.refused(self, self._refusal)
        self._first_address += 1

    def _pause(self, spent: float) -> float:
        """Seconds until the next attempt; what the last one took counts: attempts are ``retry_max`` apart at most."""
        settings = self._settings
        if self._refusal is not None and self._refusal.code not in _SOON:
            return settings.refused_retry * self._random.uniform(0.8, 1.2)
        longest = min(settings.retry_max, settings.retry_first * 2.0 ** min(self._failures, 10))
        return max(longest - spent, settings.retry_first) * self._random.uniform(0.5, 1.0)

    def _failed(self, reason: str) -> None:
        self._error = self._error or reason  # what came first explains what follows

    def _set_state(self, connected: bool, error: str) -> None:
        old = self.state
        if (old.connected, old.error) != (connected, error):
            since = self._clock.monotonic() if old.connected != connected else old.since
            self.state = LinkState(self.member, old.lane, connected, since, error)
            self._owner.changed(self.state)

    # --- what the connection tells -------------------------------------------------------------------------

    def heard(self, connection: PeerConnection, events: list[PeerEvent]) -> None:
        for event in events:
            if isinstance(event, PongReceived):
                connection.answered(event.number)
            elif isinstance(event, Opened):
                self._connection = connection
                self._opened_at = self._clock.monotonic()
                self._set_state(True, self.state.error)
                self._owner.opened(self)
            elif isinstance(event, Refused):
                self._refusal = event.refusal
                self._failed(event.refusal.text)

    def lost(self, connection: PeerConnection, error: Exception | None) -> None:
        self._connection = None
        if error is not None:
            self._failed(str(error) or type(error).__name__)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def fault(self, error: BaseException, where: str) -> None:
        self._owner.fault(error, where)


def _buffer_size(settings: PeerSettings, lane: Lane) -> int:
    """Bytes that may wait; a lane of replicas looks at ``has_room`` before, and takes one message beyond it."""
    if lane == Lane.REPLICAS:
        return settings.replica_buffer + HEADER_SIZE + FRAME_SIZE_MAX
    return settings.append_buffer if lane == Lane.APPEND else settings.control_buffer
