# SPDX-License-Identifier: Apache-2.0
"""Linearizable reads on their way: first they wait for a leader, then for their read index, then for it to be applied.

All reads of a turn ask together and get one index. A read does nothing, so one whose leader went away asks again.
"""

from __future__ import annotations

from tricord.base.message import message


@message
class AskedReads:
    """Tickets that asked together, in the tick ``at``."""

    tickets: list[int]
    at: int


class WaitingReads:
    """Tickets by the turn that they asked in."""

    __slots__ = ("_asked", "_context", "_indexed", "_queue")

    def __init__(self) -> None:
        self._queue: list[int] = []
        self._context = 0
        self._asked: dict[int, AskedReads] = {}
        self._indexed: list[tuple[int, list[int]]] = []

    def ask(self, tickets: list[int], now: int) -> int:
        """These reads and all that wait for a leader ask now; the context to ask with, 0 when there are none."""
        if self._queue:
            tickets = self._queue + tickets
            self._queue = []
        if not tickets:
            return 0
        self._context += 1
        self._asked[self._context] = AskedReads(tickets, now)
        return self._context

    def wait(self, tickets: list[int]) -> None:
        """These reads ask when it is time to."""
        self._queue += tickets

    def released(self, reads: list[tuple[int, int]]) -> None:
        """Contexts got their index."""
        for context, index in reads:
            asked = self._asked.pop(context, None)
            if asked is not None:
                self._indexed.append((index, asked.tickets))

    def ask_again(self, contexts: list[int]) -> None:
        """These contexts get no index: their reads wait for a leader."""
        for context in contexts:
            asked = self._asked.pop(context, None)
            if asked is not None:
                self._queue += asked.tickets

    def ask_again_if_before(self, tick: int) -> None:
        """No index came for what asked before that tick: the question or its answer was lost."""
        if not self._asked:
            return
        self.ask_again([context for context, asked in self._asked.items() if asked.at < tick])

    def take_ready(self, applied_index: int) -> list[int]:
        """The tickets whose index is applied."""
        if not self._indexed:
            return []
        ready = [ticket for index, tickets in self._indexed if index <= applied_index for ticket in tickets]
        self._indexed = [(index, tickets) for index, tickets in self._indexed if index > applied_index]
        return ready

    def take_all(self) -> list[int]:
        """All tickets that wait; none does any more."""
        tickets = self._queue
        tickets += [ticket for asked in self._asked.values() for ticket in asked.tickets]
        tickets += [ticket for _, waiting in self._indexed for ticket in waiting]
        self._queue = []
        self._asked.clear()
        self._indexed.clear()
        return tickets
