# SPDX-License-Identifier: Apache-2.0
"""Proposals on their way: first they wait for a leader, then for their place in the log, then until it is applied.

The proposals of one turn have consecutive indexes, so a turn is one batch here, whatever it holds. An index and a term
name one entry for ever. So when another term's entry is applied at the index, or an entry of a higher term before it,
the proposal can never be committed any more, and is proposed again (section 5.3: the leader's log wins).
"""

from __future__ import annotations

from collections import deque
from typing import TypeVar

from tricord.base.log import Entry
from tricord.base.message import message
from tricord.base.reachable import reachable

AppliedT = TypeVar("AppliedT")

BATCH_BYTES = 1 << 20
BATCH_COMMANDS = 1024
"""Batches that wait for a leader are merged up to about this size: each is one message to it."""


@message
class Batch:
    """Tickets and their commands, in order; ``size`` is the commands' bytes."""

    tickets: list[int]
    commands: list[bytes]
    size: int


@message
class PlacedBatch:
    """A batch in the log: the first command is at ``first_index``, in ``term``."""

    first_index: int
    term: int
    batch: Batch


class WaitingProposals:
    """Everything that was proposed and not answered."""

    __slots__ = ("_asked", "_asked_count", "_placed", "queue", "size_bytes")

    def __init__(self) -> None:
        self.queue: deque[Batch] = deque()
        """What waits for a leader, oldest first."""
        self._asked: dict[int, Batch] = {}
        self._asked_count = 0
        self._placed: dict[int, deque[PlacedBatch]] = {}
        self.size_bytes = 0
        """Bytes of commands that were proposed and not answered yet."""

    def add(self, batch: Batch) -> None:
        """A new batch waits for its leader."""
        self.size_bytes += batch.size
        self.queue.append(batch)

    def take_queued(self) -> list[Batch]:
        """Everything to propose now, oldest first; what comes of each is said by one of the next three."""
        if len(self.queue) > 1:
            self._merge()
        batches = list(self.queue)
        self.queue.clear()
        return batches

    def put_back(self, batches: list[Batch]) -> None:
        """Nobody took them: they wait before all others."""
        self.queue.extendleft(reversed(batches))

    def placed(self, first_index: int, term: int, batch: Batch) -> None:
        """It is in a log. The leader's answers may overtake each other; batches wait in the order of their places."""
        batches = self._placed.setdefault(term, deque())
        later: list[PlacedBatch] = []
        while batches and batches[-1].first_index > first_index:
            later.append(batches.pop())
        batches.append(PlacedBatch(first_index, term, batch))
        batches.extend(reversed(later))

    def asked(self, batch: Batch) -> None:
        """The leader was asked. The batches are numbered from 1 on, as the core does it."""
        self._asked_count += 1
        self._asked[self._asked_count] = batch

    def answered(self, number: int) -> Batch | None:
        """The leader's answer came, or never will. None: for one that does not wait any more."""
        return self._asked.pop(number, None)

    def take_applied(self, entries: list[Entry], applied: list[AppliedT]) -> list[tuple[int, AppliedT]]:
        """The answers for those whose entry is among these. Cost: per waiting ticket, not per entry.

        Those that can never be committed wait for a leader again.
        """
        replies: list[tuple[int, AppliedT]] = []
        last = entries[-1]
        for term in list(self._placed):
            batches = self._placed[term]
            while batches and batches[0].first_index <= last.index:
                self._settle(batches.popleft(), entries, applied, replies)
            if batches and term < last.term:
                reachable("proposals lost their place in the log")
                self.put_back([placed.batch for placed in batches])
                batches.clear()
            if not batches:
                self._placed.pop(term, None)
        return replies

    def withdraw(self, tickets: set[int]) -> list[int]:
        """Those of the tickets that nobody was asked for yet; they wait no more. Cost: what waits for a leader."""
        gone: list[int] = []
        for _ in range(len(self.queue)):
            batch = self.queue.popleft()
            places = [place for place, ticket in enumerate(batch.tickets) if ticket not in tickets]
            if len(places) < len(batch.tickets):
                reachable("a waiting proposal was withdrawn")
                gone += [ticket for ticket in batch.tickets if ticket in tickets]
                self.size_bytes -= batch.size
                commands = [batch.commands[place] for place in places]
                batch = Batch([batch.tickets[place] for place in places], commands, sum(map(len, commands)))
                self.size_bytes += batch.size
            if batch.tickets:
                self.queue.append(batch)
        return gone

    def drop(self, batch: Batch) -> list[int]:
        """Its tickets, which wait no more."""
        self.size_bytes -= batch.size
        return batch.tickets

    def take_below(self, index: int) -> list[int]:
        """The tickets placed at or below the index, which a snapshot jumped over; they wait no more."""
        tickets: list[int] = []
        for batches in self._placed.values():
            while batches and batches[0].first_index <= index:
                tickets += self.drop(batches.popleft().batch)
        return tickets

    def take_all(self) -> tuple[list[int], list[int]]:
        """All tickets, which wait no more: those that did nothing, and those of whom nobody can say."""
        waited = [ticket for batch in self.queue for ticket in batch.tickets]
        sent = [ticket for batch in self._asked.values() for ticket in batch.tickets]
        sent += [ticket for batches in self._placed.values() for placed in batches for ticket in placed.batch.tickets]
        self.queue.clear()
        self._asked.clear()
        self._placed.clear()
        self.size_bytes = 0
        return waited, sent

    def _settle(
        self,
        placed: PlacedBatch,
        entries: list[Entry],
        applied: list[AppliedT],
        replies: list[tuple[int, AppliedT]],
    ) -> None:
        """Answer what of the batch is among the entries; the rest waits on, or again."""
        batch, term = placed.batch, placed.term
        offset = placed.first_index - entries[0].index
        assert offset >= 0, "nothing below a waiting proposal is applied twice"
        count = min(len(batch.tickets), len(entries) - offset)
        # Terms never fall along a log: when the last one is the batch's, and so is the first, all between are.
        if entries[offset + count - 1].term == term == entries[offset].term:
            same = count
        else:
            same = next((n for n in range(count) if entries[offset + n].term != term), count)
        replies.extend(zip(batch.tickets[:same], applied[offset : offset + same], strict=True))
        if same == len(batch.tickets):
            self.size_bytes -= batch.size
            return
        done = sum(map(len, batch.commands[:same]))
        self.size_bytes -= done
        rest = Batch(batch.tickets[same:], batch.commands[same:], batch.size - done)
        if same == count and entries[-1].term == term:
            # A part was committed: the rest waits on.
            self._placed[term].appendleft(PlacedBatch(placed.first_index + same, term, rest))
        else:
            self.put_back([rest])

    def _merge(self) -> None:
        merged: list[Batch] = []
        for batch in self.queue:
            last = merged[-1] if merged else None
            if (
                last is None
                or last.size + batch.size > BATCH_BYTES
                or len(last.tickets) + len(batch.tickets) > BATCH_COMMANDS
            ):
                merged.append(batch)
            else:
                merged[-1] = Batch(last.tickets + batch.tickets, last.commands + batch.commands, last.size + batch.size)
        self.queue = deque(merged)
