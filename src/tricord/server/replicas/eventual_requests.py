# SPDX-License-Identifier: Apache-2.0
"""Clients' requests of an eventual keyspace: what the core is asked, and who waits for its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tricord.base.errors import InvalidRequest, KeyNotProvided, ServerFault, TricordError
from tricord.base.typed import Update, UpdateResult
from tricord.crdt.read_context import decode_read_context
from tricord.eventual.turn import Output, ReadRequest, WriteRequest
from tricord.server.replicas.keyspace_replica import CellsReply, UpdateReply, of_what_may_stand

WhenDurable: TypeAlias = Callable[[Callable[[TricordError | None], None]], None]


def write_request(replica: int, ticket: int, request: Update, deadline: float) -> WriteRequest:
    """What an update asks of the core of that replica. Raises InvalidRequest, KeyNotProvided, ReadContextDamaged."""
    if len(request.changes) != 1:
        raise InvalidRequest(
            f"an update of {len(request.changes)} keys: an eventual keyspace changes one at a time; "
            "use a causal or strong one to change several at once"
        )
    change = request.changes[0]
    if not change.key:
        raise KeyNotProvided()
    seen = decode_read_context(change.seen, replica) if change.seen else None
    return WriteRequest(ticket, change.key, change.change, seen, change.ttl, request.acks, deadline)


@dataclass(slots=True)
class _Write:
    reply: UpdateReply
    sequence: int = 0
    """0: a turn carries it out yet."""


class EventualRequests:
    """Those that are not answered yet."""

    def __init__(self, replica: int) -> None:
        self._replica = replica
        self._writes: dict[int, _Write] = {}
        self._reads: dict[int, CellsReply] = {}
        self._tickets = 0

    def __len__(self) -> int:
        """How many writes there are."""
        return len(self._writes)

    def write(self, request: Update, deadline: float, reply: UpdateReply) -> WriteRequest:
        """Begin to wait. Raises as ``write_request``."""
        self._tickets += 1
        asked = write_request(self._replica, self._tickets, request, deadline)
        self._writes[asked.ticket] = _Write(reply)
        return asked

    def read(self, keys: list[bytes], replicas: int, deadline: float, reply: CellsReply) -> ReadRequest:
        """Begin to wait."""
        self._tickets += 1
        self._reads[self._tickets] = reply
        return ReadRequest(self._tickets, keys, replicas, deadline)

    def number(self, asked: list[WriteRequest], sequences: dict[bytes, int], last: int) -> None:
        """With which sequence the writes of a turn were delivered; those that changed nothing: with the last one."""
        for one in asked:
            waiting = self._writes.get(one.ticket)
            if waiting is not None:
                waiting.sequence = sequences.get(one.key, last)

    def answer(self, output: Output, when_durable: WhenDurable) -> None:
        """Pass the answers of a turn on: those of reads when all that they show is durable."""
        for written in output.writes:
            waiting = self._writes.pop(written.ticket, None)
            if isinstance(written.error, ServerFault):
                told = {"message": "a write could not be carried out", "exception": written.error}
                asyncio.get_running_loop().call_exception_handler(told)
            if waiting is not None:
                waiting.reply(written.error or UpdateResult(waiting.sequence, written.acks))
        for read in output.reads:
            reply = self._reads.pop(read.ticket, None)
            if reply is not None:
                answer = read.error or read.cells
                when_durable(lambda error, reply=reply, answer=answer: reply(error or answer))  # type: ignore[misc]

    def end(self, error: TricordError) -> None:
        """Tell all that wait."""
        writes, self._writes = self._writes, {}
        for waiting in writes.values():
            waiting.reply(of_what_may_stand(error) if waiting.sequence else error)
        reads, self._reads = self._reads, {}
        for reply in reads.values():
            reply(error)
