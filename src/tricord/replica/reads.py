# SPDX-License-Identifier: Apache-2.0
"""Linearizable reads on their way: first they wait for their read index, then for it to be applied.

All reads of a turn ask together and get one index.
"""

from __future__ import annotations


class WaitingReads:
    """Tickets by the turn that they asked in."""

    __slots__ = ("_asked", "_context", "_indexed")

    def __init__(self) -> None:
        self._context = 0
        self._asked: dict[int, list[int]] = {}
        self._indexed: list[tuple[int, list[int]]] = []

    def ask(self, tickets: list[int]) -> int:
        """These reads ask now; the context to ask with."""
        self._context += 1
        self._asked[self._context] = tickets
        return self._context

    def released(self, reads: list[tuple[int, int]]) -> None:
        """Contexts got their index."""
        for context, index in reads:
            self._indexed.append((index, self._asked.pop(context)))

    def drop(self, context: int) -> list[int]:
        """The tickets of a context that gets no index."""
        return self._asked.pop(context)

    def take_ready(self, applied_index: int) -> list[int]:
        """The tickets whose index is applied."""
        if not self._indexed:
            return []
        ready = [ticket for index, tickets in self._indexed if index <= applied_index for ticket in tickets]
        self._indexed = [(index, tickets) for index, tickets in self._indexed if index > applied_index]
        return ready

    def take_all(self) -> list[int]:
        """All tickets that wait; none does any more."""
        tickets = [ticket for waiting in self._asked.values() for ticket in waiting]
        tickets += [ticket for _, waiting in self._indexed for ticket in waiting]
        self._asked.clear()
        self._indexed.clear()
        return tickets
