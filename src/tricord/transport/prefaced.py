# SPDX-License-Identifier: Apache-2.0
"""Waits for what a connection begins with, and gives it to the protocol that this belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tricord.base.environment import Environment, Timer

PATIENCE_SECONDS = 5.0
"""Who has not said by then what it speaks is closed."""


Choices: TypeAlias = Mapping[bytes, Callable[[], asyncio.Protocol]]
"""By what a connection begins with, what makes the protocol that it belongs to."""


def choice(begun: bytes, choices: Choices) -> tuple[Callable[[], asyncio.Protocol] | None, bool]:
    """Whose a connection is that began so; and, where it is nobody's yet, whether it still may become somebody's."""
    for preface, make in choices.items():
        if begun.startswith(preface):
            return make, False
    return None, any(preface.startswith(begun) for preface in choices)


class Prefaced(asyncio.Protocol):
    """One accepted connection. The protocol that gets it sees the preface too."""

    def __init__(self, environment: Environment, choices: Choices) -> None:
        self._environment = environment
        self._choices = choices
        self._input = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: Timer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._timer = self._environment.tasks.call_later(PATIENCE_SECONDS, self._abort)

    def data_received(self, data: bytes) -> None:
        self._input += data
        make, is_open = choice(bytes(self._input), self._choices)
        if make is not None:
            self._hand_over(make())
        elif not is_open:
            self._abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._stop()

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        self._stop()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            protocol.data_received(bytes(self._input))

    def _abort(self) -> None:
        self._stop()
        if self._transport is not None:
            self._transport.abort()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
