# SPDX-License-Identifier: Apache-2.0
"""What waits for an answer: a ticket per request that went into the replica."""

from __future__ import annotations

from dataclasses import dataclass

from tricord.base.context import Context
from tricord.base.operations import Request
from tricord.server.engine import Reply


@dataclass(slots=True)
class Waiting:
    """One request between the call and its reply."""

    request: Request
    context: Context
    reply: Reply
    keyspace: int
    deadline: float
    is_write: bool


class Tickets:
    """Numbers for waiting requests; the replica knows only the number."""

    def __init__(self) -> None:
        self._next = 0
        self.waiting: dict[int, Waiting] = {}

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, waiting: Waiting) -> int:
        """Give it a number, never used before in this process."""
        self._next += 1
        self.waiting[self._next] = waiting
        return self._next

    def reserve(self) -> int:
        """A number for something that is waited for elsewhere."""
        self._next += 1
        return self._next

    def take(self, ticket: int) -> Waiting | None:
        """Who waits under the number, once; None when it was answered already (its deadline passed)."""
        return self.waiting.pop(ticket, None)

    def take_overdue(self, now: float) -> list[tuple[int, Waiting]]:
        """All whose deadline passed. Cost: one look at each waiting request; called once a tick."""
        overdue = [ticket for ticket, waiting in self.waiting.items() if waiting.deadline <= now]
        return [(ticket, self.waiting.pop(ticket)) for ticket in overdue]
