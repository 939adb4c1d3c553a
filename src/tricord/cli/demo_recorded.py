# SPDX-License-Identifier: Apache-2.0
"""One keyspace of the demo as its clients see it, one at each member; all that they do is written down."""

from __future__ import annotations

import asyncio
import time

from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.check.history import FAIL, OK, UNKNOWN, History, Operation
from tricord.client.asynchronous import AsyncClient

LOOK_SECONDS = 0.005


class Recorded:
    """A model's clients by the member that each speaks to, and their history."""

    def __init__(self, model: str, clients: dict[str, AsyncClient]) -> None:
        self.model = model
        self.clients = clients
        self.operations: list[Operation] = []
        self.refused: TricordError | None = None
        """Why the last put was, if it was."""

    async def put(self, member: str, key: str, value: str, seconds: float) -> bool:
        """Whether it was acknowledged within the time."""
        one = self._begin(member, "put", key, value)
        self.refused = None
        try:
            await self.clients[member].put(key, value.encode(), timeout=seconds)
        except TricordError as error:
            self.refused = error
            # What is refused did nothing; what was not answered in time may have.
            one.status = UNKNOWN if isinstance(error, OutcomeUnknown) else FAIL
        else:
            one.status = OK
        one.return_ns = time.monotonic_ns()
        return one.status == OK

    async def get(self, member: str, key: str, seconds: float) -> str | None:
        """The value; None where there is none. Raises TricordError where it cannot be read."""
        one = self._begin(member, "get", key, None)
        try:
            value = await self.clients[member].get(key, timeout=seconds)
        except TricordError:
            one.status, one.return_ns = FAIL, time.monotonic_ns()
            raise
        one.status, one.return_ns = OK, time.monotonic_ns()
        one.output = found = None if value is None else value.value.decode()
        return found

    async def until(self, member: str, key: str, value: str, seconds: float) -> bool:
        """Look until the key holds the value there."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if await self.get(member, key, seconds) == value:
                    return True
            except TricordError:
                pass  # nobody leads at the moment: look again
            await asyncio.sleep(LOOK_SECONDS)
        return False

    @property
    def history(self) -> History:
        """All of it."""
        return History(self.operations)

    def _begin(self, member: str, operation: str, key: str, given: str | None) -> Operation:
        one = Operation(f"at {member}", operation, key, given, call_ns=time.monotonic_ns(), status=UNKNOWN)
        self.operations.append(one)
        return one
