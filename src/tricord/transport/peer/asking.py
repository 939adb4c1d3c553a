# SPDX-License-Identifier: Apache-2.0
"""One question to whoever listens at an address, before anybody belongs to anything."""

from __future__ import annotations

import asyncio

from tricord.transport.peer.connection import PeerConnection
from tricord.transport.peer.dialling import Address, Dialler
from tricord.wire.peer.events import FrameReceived, Opened, PeerEvent, Refused
from tricord.wire.peer.frames import FrameKind, frame
from tricord.wire.peer.hello import Lane
from tricord.wire.peer.query import Answer, Query, decode_answer, encode_query
from tricord.wire.peer.refusals import ProtocolFault, Refusal


async def ask(dialler: Dialler, address: Address, query: Query, timeout: float) -> Answer | Refusal:
    """Ask and close. Raises OSError when no answer came within ``timeout`` seconds."""
    asker = _Asker(query)
    try:
        async with asyncio.timeout(timeout):
            asker.connection = await dialler.dial(address, 0, Lane.QUERY, asker)
            return await asker.outcome
    except TimeoutError:
        raise TimeoutError(f"no answer within {timeout:g} s") from None
    finally:
        asker.close()


class _Asker:
    """The owner of the connection."""

    def __init__(self, query: Query) -> None:
        self.connection: PeerConnection | None = None
        self.outcome: asyncio.Future[Answer | Refusal] = asyncio.get_running_loop().create_future()
        self._query = query

    def heard(self, connection: PeerConnection, events: list[PeerEvent]) -> None:
        for event in events:
            if isinstance(event, Opened):
                connection.send(frame(FrameKind.QUERY, encode_query(self._query)))
            elif isinstance(event, FrameReceived):
                try:
                    self._end(decode_answer(event.payload))
                except ProtocolFault as fault:
                    self._end(fault.refusal)
            elif isinstance(event, Refused):
                self._end(event.refusal)

    def lost(self, connection: PeerConnection, error: Exception | None) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(ConnectionResetError("the connection was lost before an answer came"))

    def fault(self, error: BaseException, where: str) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(OSError(f"{where}: {error}"))

    def close(self) -> None:
        """Leave nothing behind."""
        self.outcome.cancel()
        if self.outcome.done() and not self.outcome.cancelled():
            self.outcome.exception()  # asked for: nobody else may wait for it any more
        if self.connection is not None:
            self.connection.drop()

    def _end(self, outcome: Answer | Refusal) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)
