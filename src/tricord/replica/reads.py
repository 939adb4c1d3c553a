# SPDX-License-Identifier: Apache-2.0
"""Linearizable reads on their way: first they wait for a leader, then for their read index, then for it to be applied.

All reads of a turn ask together and get one index. A read does nothing, so one whose leader went away asks again.

What was readable here tells how fresh this member is: it holds all that was committed when the newest of those reads
was asked. That moment is the host's, from before it gave the read to the turn: whatever time the round takes, and
wherever a pause falls, the state can only be newer.
"""

from __future__ import annotations

from tricord.base.message import message

NEVER = float("-inf")


@message
class AskedReads:
    """Tickets that asked together, in the tick ``at``, not before the host's time ``since``."""

    tickets: list[int]
    at: int
    since: float


class WaitingReads:
    """Tickets by the turn that they asked in."""

    __slots__ = ("_asked", "_context", "_slack", "fresh_as_of", "indexed", "queue")

    def __init__(self) -> None:
        self.queue: list[int] = []
        """They wait for a leader."""
        self._context = 0
        self._asked: dict[int, AskedReads] = {}
        self.indexed: list[tuple[int, list[int], float]] = []
        """(index, tickets, since): they wait until that is applied."""
        self._slack: dict[int, int] = {}
        self.fresh_as_of = NEVER
        """All that was committed at this time of the host is applied here."""

    def ask(self, tickets: list[int], now: int, since: float) -> int:
        """These reads and all that wait for a leader ask now; the context to ask with, 0 when there are none."""
        if self.queue:
            tickets = self.queue + tickets
            self.queue = []
        if not tickets:
            return 0
        self._context += 1
        self._asked[self._context] = AskedReads(tickets, now, since)
        return self._context

    def wait(self, tickets: list[int]) -> None:
        """These reads ask when it is time to."""
        self.queue += tickets

    def allow(self, slack: list[tuple[int, int]]) -> None:
        """(ticket, entries): these reads may be served when so many entries are missing to their index."""
        self._slack.update(slack)

    def released(self, reads: list[tuple[int, int]]) -> None:
        """Contexts got their index."""
        for context, index in reads:
            asked = self._asked.pop(context, None)
            if asked is None:
                continue
            self.indexed.append((index, asked.tickets, asked.since))
            if self._slack:
                self._hurry(index, asked.tickets)

    def _hurry(self, index: int, tickets: list[int]) -> None:
        """Those that may be behind do not wait with the others."""
        for ticket in [ticket for ticket in tickets if ticket in self._slack]:
            tickets.remove(ticket)
            self.indexed.append((index - self._slack.pop(ticket), [ticket], NEVER))

    def ask_again(self, contexts: list[int]) -> None:
        """These contexts get no index: their reads wait for a leader."""
        for context in contexts:
            asked = self._asked.pop(context, None)
            if asked is not None:
                self.queue += asked.tickets

    def ask_again_if_before(self, tick: int) -> None:
        """No index came for what asked before that tick: the question or its answer was lost."""
        if not self._asked:
            return
        self.ask_again([context for context, asked in self._asked.items() if asked.at < tick])

    def take_ready(self, applied_index: int) -> list[int]:
        """The tickets whose index is applied."""
        ready: list[int] = []
        later = []
        for one in self.indexed:
            index, tickets, since = one
            if index > applied_index:
                later.append(one)
                continue
            ready += tickets
            self.fresh_as_of = max(self.fresh_as_of, since)
        self.indexed = later
        return ready

    def take_all(self) -> list[int]:
        """All tickets that wait; none does any more."""
        tickets = self.queue
        tickets += [ticket for asked in self._asked.values() for ticket in asked.tickets]
        tickets += [ticket for _, waiting, _ in self.indexed for ticket in waiting]
        self.queue = []
        self._asked.clear()
        self.indexed.clear()
        self._slack.clear()
        return tickets
