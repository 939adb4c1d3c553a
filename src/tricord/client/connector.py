# SPDX-License-Identifier: Apache-2.0
"""Keeps one connection to one of several members: the one in use, until it fails; then the next that answers.

An endpoint that does not answer at once gets company: after a quarter of a second the next is dialled beside it, and
the first that answers is taken. An endpoint that failed is dialled after all others for some seconds. Calls that need a
connection at the same time share one dialling; a caller that gives up does not end it for the others.
"""

from __future__ import annotations

import asyncio

from tricord.base.environment import Environment
from tricord.base.errors import Cancelled, ConnectionFailed, DeadlineExceeded
from tricord.base.reachable import reachable
from tricord.client.channel import Channel, Dial
from tricord.client.endpoints import Endpoint
from tricord.transport.client_connection import CallBroken
from tricord.transport.tls_reason import reason_of

STAGGER_SECONDS = 0.25
"""How long a dial has the stage to itself."""
REMEMBER_SECONDS = 5.0
"""How long an endpoint that failed comes last."""


class Connector:
    """Belongs to one client, on one loop."""

    def __init__(self, environment: Environment, endpoints: list[Endpoint], dial: Dial, dial_timeout: float) -> None:
        self._environment = environment
        self._endpoints = endpoints
        self._dial = dial
        self._dial_timeout = dial_timeout
        self._failed: list[tuple[bool, float] | None] = [None] * len(endpoints)
        """Of each endpoint: whether it could not even be dialled, and when that was."""
        self._in_use = 0
        self._current: Channel | None = None
        self._dialling: asyncio.Task[Channel] | None = None
        self._closed = False

    @property
    def endpoint(self) -> str:
        """The one in use; empty: none."""
        current = self._current
        return str(self._endpoints[self._in_use]) if current is not None and current.usable else ""

    async def channel(self, deadline: float) -> Channel:
        """The connection in use, or a new one. Raises ConnectionFailed after all endpoints failed, DeadlineExceeded."""
        current = self._current
        if current is not None:
            if current.usable:
                return current
            self._current = None
            current.retire()
        if self._closed:
            raise Cancelled("the client was closed")
        if self._dialling is None:
            self._dialling = self._environment.tasks.spawn(self._dial_each(), "dial")
            self._dialling.add_done_callback(self._dialled)
        dialling = self._dialling
        remaining = deadline - self._environment.clock.monotonic()
        done, _ = await asyncio.wait((dialling,), timeout=max(0.0, remaining))
        if not done:
            raise DeadlineExceeded(f"deadline exceeded while connecting to {self._names()}; nothing was sent")
        if dialling.cancelled():
            raise Cancelled("the client was closed")
        error = dialling.exception()
        if isinstance(error, ConnectionFailed):
            raise ConnectionFailed(str(error))  # one each: waiters must not share a traceback
        return dialling.result()

    def leave(self, channel: Channel) -> None:
        """Calls fail there: use the next endpoint from now on, if there is another or this one is broken."""
        if self._current is not channel or (channel.usable and len(self._endpoints) == 1):
            return
        self._current = None
        self._failed[self._in_use] = (False, self._environment.clock.monotonic())
        channel.retire()

    def part(self, channel: Channel) -> None:
        """Leave a connection that is full to the streams on it; it closes with the last. Another is dialled."""
        if self._current is channel:
            self._current = None
            channel.retire()

    async def close(self) -> None:
        """Close the connection; calls under way break."""
        self._closed = True
        if self._dialling is not None:
            dialling = self._dialling
            dialling.cancel()
            await asyncio.wait((dialling,))
            if not dialling.cancelled() and dialling.exception() is None:
                self._current = dialling.result()
        current, self._current = self._current, None
        if current is not None:
            current.close()
            await current.wait_closed()

    def _dialled(self, task: asyncio.Task[Channel]) -> None:
        self._dialling = None
        if not task.cancelled() and task.exception() is None and not self._closed:
            self._current = task.result()

    async def _dial_each(self) -> Channel:
        """Every endpoint once, in the order of hope; the first that answers."""
        waiting = self._order()
        running: dict[int, asyncio.Task[Channel]] = {}
        failures: dict[int, str] = {}
        try:
            while waiting or running:
                if waiting:
                    place = waiting.pop(0)
                    name = f"dial {self._endpoints[place]}"
                    running[place] = self._environment.tasks.spawn(self._dial_one(place), name)
                stagger = STAGGER_SECONDS if waiting else None
                await asyncio.wait(running.values(), timeout=stagger, return_when=asyncio.FIRST_COMPLETED)
                for place in [place for place, task in running.items() if task.done()]:
                    try:
                        channel = running.pop(place).result()
                    except ConnectionFailed as error:
                        failures[place] = str(error)
                        reachable("a client could not reach an endpoint")
                        self._failed[place] = (True, self._environment.clock.monotonic())
                    else:
                        self._in_use, self._failed[place] = place, None
                        return channel
        finally:
            await self._give_up(list(running.values()))
        raise ConnectionFailed("could not connect to " + "; ".join(failures[place] for place in sorted(failures)))

    def _order(self) -> list[int]:
        """Places of the endpoints: from the one in use on; behind them those where calls failed lately, the oldest
        failure first; last those that could not be dialled."""
        count = len(self._endpoints)
        since = self._environment.clock.monotonic() - REMEMBER_SECONDS
        order = [(self._in_use + step) % count for step in range(count)]
        failed = {place: what for place in order if (what := self._failed[place]) is not None and what[1] > since}
        return [place for place in order if place not in failed] + sorted(failed, key=failed.__getitem__)

    async def _dial_one(self, place: int) -> Channel:
        endpoint = self._endpoints[place]
        try:
            async with asyncio.timeout(self._dial_timeout):
                return await self._dial(endpoint)
        except TimeoutError:
            raise ConnectionFailed(f"{endpoint}: no answer in {self._dial_timeout:g} s") from None
        except (OSError, CallBroken) as error:
            raise ConnectionFailed(f"{endpoint}: {reason(error)}") from None

    @staticmethod
    async def _give_up(dials: list[asyncio.Task[Channel]]) -> None:
        for dial in dials:
            dial.cancel()
        if dials:
            await asyncio.wait(dials)
        for dial in dials:
            if not dial.cancelled() and dial.exception() is None:
                dial.result().close()

    def _names(self) -> str:
        return ", ".join(map(str, self._endpoints))


def reason(error: OSError | CallBroken) -> str:
    """Why a dial failed, in a few words."""
    if isinstance(error, CallBroken):
        return error.text
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError) and not error.errno:
        return "the server closed the connection before TLS began; does it speak plain text?"
    return reason_of(error)
