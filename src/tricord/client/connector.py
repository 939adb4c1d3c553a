# SPDX-License-Identifier: Apache-2.0
"""Keeps one connection to one of several members: the one in use, until it fails; then the next that answers.

Calls that need a connection at the same time share one dialling; a caller that gives up does not end it for the others.
"""

from __future__ import annotations

import asyncio

from tricord.base.environment import Environment
from tricord.base.errors import Cancelled, ConnectionFailed, DeadlineExceeded
from tricord.client.channel import Channel, Dial
from tricord.client.endpoints import Endpoint
from tricord.transport.client_connection import CallBroken

_SHORTEST_DIAL = 1.0
"""Seconds that one of many endpoints has at least."""


class Connector:
    """Belongs to one client, on one loop."""

    def __init__(self, environment: Environment, endpoints: list[Endpoint], dial: Dial, dial_timeout: float) -> None:
        self._environment = environment
        self._endpoints = endpoints
        self._dial = dial
        self._dial_timeout = max(dial_timeout / len(endpoints), min(dial_timeout, _SHORTEST_DIAL))
        self._next = 0
        self._current: Channel | None = None
        self._dialling: asyncio.Task[Channel] | None = None
        self._closed = False

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
        self._next = (self._next + 1) % len(self._endpoints)
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
        """Every endpoint once, from the next on."""
        failures: list[str] = []
        for _ in self._endpoints:
            endpoint = self._endpoints[self._next]
            try:
                async with asyncio.timeout(self._dial_timeout):
                    return await self._dial(endpoint)
            except TimeoutError:
                failures.append(f"{endpoint}: no answer in {self._dial_timeout:g} s")
            except (OSError, CallBroken) as error:
                failures.append(f"{endpoint}: {_reason(error)}")
            self._next = (self._next + 1) % len(self._endpoints)
        raise ConnectionFailed("could not connect to " + "; ".join(failures))

    def _names(self) -> str:
        return ", ".join(map(str, self._endpoints))


def _reason(error: OSError | CallBroken) -> str:
    if isinstance(error, CallBroken):
        return error.text
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return error.strerror or str(error) or type(error).__name__
