# SPDX-License-Identifier: Apache-2.0
"""Proposals between append and apply: which ticket waits at which index, and how many bytes are on their way.

The proposals of one turn have consecutive indexes, so a turn is one record here, whatever it holds.
"""

from __future__ import annotations

from collections import deque
from typing import TypeVar

from tricord.base.log import Entry
from tricord.base.message import message

AppliedT = TypeVar("AppliedT")


@message
class ProposedBatch:
    """The tickets of one turn; the first one waits for ``first_index``."""

    first_index: int
    term: int
    tickets: list[int]
    size: int


class WaitingProposals:
    """Oldest first, at ascending indexes."""

    __slots__ = ("_batches", "size_bytes")

    def __init__(self) -> None:
        self._batches: deque[ProposedBatch] = deque()
        self.size_bytes = 0
        """Bytes of commands that were proposed and not applied yet."""

    @property
    def term(self) -> int:
        """The term in which the oldest waiting proposal was appended (0: none waits)."""
        return self._batches[0].term if self._batches else 0

    def add(self, batch: ProposedBatch) -> None:
        """Its entries were appended."""
        self._batches.append(batch)
        self.size_bytes += batch.size

    def take_applied(self, entries: list[Entry], applied: list[AppliedT]) -> list[tuple[int, AppliedT]]:
        """The answers for those whose entry is among these. Cost: per waiting ticket, not per entry."""
        replies: list[tuple[int, AppliedT]] = []
        first, last = entries[0].index, entries[-1].index
        batches = self._batches
        while batches and batches[0].first_index <= last:
            batch = batches.popleft()
            offset = batch.first_index - first
            assert offset >= 0, "nothing below a waiting proposal is applied twice"
            assert entries[offset].term == batch.term, "the entry at the index is the one proposed"
            count = min(len(batch.tickets), last - batch.first_index + 1)
            replies.extend(zip(batch.tickets, applied[offset : offset + count], strict=False))
            if count < len(batch.tickets):
                # A part was committed: the rest waits on, and its bytes with it.
                done = sum(len(entry.data) for entry in entries[offset : offset + count])
                rest = ProposedBatch(batch.first_index + count, batch.term, batch.tickets[count:], batch.size - done)
                batches.appendleft(rest)
                self.size_bytes -= done
                break
            self.size_bytes -= batch.size
        return replies

    def take_all(self) -> list[int]:
        """All tickets that wait; none does any more."""
        tickets = [ticket for batch in self._batches for ticket in batch.tickets]
        self._batches.clear()
        self.size_bytes = 0
        return tickets
