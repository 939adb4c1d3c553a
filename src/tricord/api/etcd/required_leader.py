# SPDX-License-Identifier: Apache-2.0
"""Streams of clients that require a leader (metadata ``hasleader: true``, as etcd's Go client sends them).

Such a stream is refused while this member knows no leader, and ended when that lasts. One timer looks after all.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from tricord.api.etcd.errors import describe
from tricord.base.errors import NoLeader
from tricord.server.engine import Engine
from tricord.wire.grpc.metadata import Metadata
from tricord.wire.grpc.status import GrpcError, Status

LOOK_SECONDS = 1.0
LOOKS = 3
"""After so many looks without a leader the streams end."""


class EndingCall(Protocol):
    """A stream that can be ended from outside."""

    @property
    def metadata(self) -> Metadata:
        """What the caller sent beside the messages."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""

    def fail(self, status: Status, text: str) -> None:
        """End it."""


class RequiredLeader:
    """The streams of one service that require a leader."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls: dict[int, EndingCall] = {}
        """By identity."""
        self._timer: asyncio.TimerHandle | None = None
        self._looks = 0

    def add(self, call: EndingCall) -> None:
        """Look after a stream that has begun, if it asks for it. Raises GrpcError when nobody leads."""
        if call.metadata.get("hasleader") != "true":
            return
        if not self._engine.status().leader:
            raise GrpcError(*describe(NoLeader()))
        self._calls[id(call)] = call
        if self._timer is None:
            self._looks = 0
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def remove(self, call: EndingCall) -> None:
        """Look after it no more; fine if nobody did. Those that are over go by themselves."""
        self._calls.pop(id(call), None)

    def _look(self) -> None:
        self._calls = {number: call for number, call in self._calls.items() if not call.over}
        self._looks = 0 if self._engine.status().leader else self._looks + 1
        if self._looks >= LOOKS:
            calls, self._calls = self._calls, {}
            for call in calls.values():
                call.fail(*describe(NoLeader()))
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look) if self._calls else None
