# SPDX-License-Identifier: Apache-2.0
"""An order for a register whose puts are all different and that was also deleted.

A read of null does not say which delete it saw, so zones alone do not decide. They nearly do: the clusters of the other
values have to be unbroken (``zones``), so deletes and reads of null go between them. A sweep over time gives each its
place as late as it can. What comes out is a candidate: ``explains`` checks it, and only if it is right is it used.
Otherwise nothing is known, and the search decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

import numpy

from tricord.check.linear.move import ANYTHING, NEVER, Move
from tricord.check.linear.zones import LONG_AGO, Numbers

OPEN_CLUSTER, CALL_DELETE, CALL_READ, END_ZONE, CLOSE_CLUSTER, RETURN_DELETE, RETURN_READ, BEGIN_ZONE = range(8)
"""What opens comes before what ends."""
NO_VALUE: Final = -1


@dataclass(slots=True)
class Table:
    """Moves as arrays: puts, deletes and gets."""

    calls: Numbers
    returns: Numbers
    values: Numbers
    """A number for each value; ``NO_VALUE`` for null."""
    writes: Numbers


def table_of(moves: list[Move]) -> Table | None:
    """None where another kind of operation is among them, or two puts wrote one value."""
    numbers: dict[object, int] = {None: NO_VALUE}
    values = []
    for move in moves:
        if not move.blind and not (move.pure and move.wants is not ANYTHING and move.makes == move.wants):
            return None
        values.append(numbers.setdefault(move.makes, len(numbers)))
    table = Table(
        numpy.array([move.call for move in moves], numpy.int64),
        numpy.array([move.back for move in moves], numpy.int64),
        numpy.array(values, numpy.int64),
        numpy.array([move.blind for move in moves], bool),
    )
    written = table.values[table.writes & (table.values != NO_VALUE)]
    return table if len(numpy.unique(written)) == len(written) else None


def explains(table: Table, order: Numbers) -> bool:
    """Whether this order gives all answers and keeps to real time. Moves left out have to be unknown writes."""
    left_out = numpy.ones(len(table.calls), bool)
    left_out[order] = False
    if (table.returns[left_out] < NEVER).any():
        return False
    latest_call = numpy.maximum.accumulate(table.calls[order])
    if (table.returns[order][1:] < latest_call[:-1]).any():
        return False
    values, writes = table.values[order], table.writes[order]
    last_write = numpy.maximum.accumulate(numpy.where(writes, numpy.arange(len(order)), -1))
    seen = numpy.where(last_write < 0, NO_VALUE, values[numpy.maximum(last_write, 0)])
    return bool((seen == values)[~writes].all())


@dataclass(slots=True)
class Swept:
    """What a sweep found."""

    found: bool
    """An order that explains everything. If there is none, nothing is known but what follows."""
    stuck: Move | None = None
    """The return that got no place."""
    zone: list[Move] = field(default_factory=list)
    """A proof that there is no order: moves of one value that lie around ..."""
    within: list[Move] = field(default_factory=list)
    """... moves of another one, or a delete, or a read of null."""


def swept(moves: list[Move]) -> Swept:
    """Look for an order."""
    table = table_of(moves)
    if table is None or not len(table.calls):
        return Swept(False)
    order, stuck = _candidate(table)
    if order is not None:
        return Swept(explains(table, order))
    when, kind, number, zone = stuck
    move = moves[int(numpy.flatnonzero(table.returns == when)[0])]
    if zone == NO_VALUE:
        return Swept(False, move)
    if kind in (RETURN_DELETE, RETURN_READ):
        within = [moves[number]]
    else:
        within = [moves[one] for one in numpy.flatnonzero(table.values == number).tolist()]
    return Swept(False, move, [moves[one] for one in numpy.flatnonzero(table.values == zone).tolist()], within)


def _candidate(table: Table) -> tuple[Numbers | None, tuple[int, int, int, int]]:
    """An order, or the event that had no place and the value whose zone it lies in."""
    some = numpy.flatnonzero(table.values != NO_VALUE)
    size = int(table.values.max(initial=-1)) + 1
    first, last = numpy.full(size, NEVER), numpy.full(size, LONG_AGO)
    numpy.minimum.at(first, table.values[some], table.returns[some])
    numpy.maximum.at(last, table.values[some], table.calls[some])
    read = numpy.zeros(size, bool)
    read[table.values[some][~table.writes[some]]] = True
    # An unknown put that nobody read need not have been.
    used = (last > LONG_AGO) & (read | (first < NEVER))
    sweep = Sweep(table, first, last)
    stuck = sweep.run(_events(table, first, last, numpy.flatnonzero(used)))
    if stuck is not None:
        return None, stuck
    members = some[used[table.values[some]]]
    nulls = numpy.array(list(sweep.nulls), numpy.int64)
    order = numpy.concatenate((members, nulls))
    places = numpy.array(sweep.clusters, numpy.int64)[table.values[members]]
    when = numpy.concatenate((places, numpy.array(list(sweep.nulls.values()), numpy.int64)))
    return order[numpy.lexsort((table.calls[order], ~table.writes[order], when))], (NEVER, 0, 0, NO_VALUE)


def _events(table: Table, first: Numbers, last: Numbers, used: Numbers) -> list[tuple[int, int, int]]:
    """(time, kind, move or cluster), what opens before what ends at the same time."""
    null = table.values == NO_VALUE
    forward = first[used] < last[used]
    parts = []
    for opens, ends, numbers, times, until in (
        (OPEN_CLUSTER, CLOSE_CLUSTER, used[~forward], last, first),
        (END_ZONE, BEGIN_ZONE, used[forward], last, first),
        (CALL_DELETE, RETURN_DELETE, numpy.flatnonzero(null & table.writes), table.calls, table.returns),
        (CALL_READ, RETURN_READ, numpy.flatnonzero(null & ~table.writes), table.calls, table.returns),
    ):
        for kind, at in ((opens, times), (ends, until)):
            parts.append((at[numbers], numpy.full(len(numbers), kind), numbers))
    when, kinds, numbers = (numpy.concatenate(columns) for columns in zip(*parts, strict=True))
    order = numpy.lexsort((kinds, when))
    return list(zip(when[order].tolist(), kinds[order].tolist(), numbers[order].tolist(), strict=True))


class Sweep:
    """Walks over time and gives clusters, deletes and reads of null their places, each as late as it can.

    Outside of zones, the open clusters go in right before a delete that goes in, at no cost; so they also do at the
    begin of a zone. A delete goes in when it returns, or when a read of null returns and there is no null to read:
    then the one that returns first. A cluster that has to end makes an end of the null.
    """

    def __init__(self, table: Table, first: Numbers, last: Numbers) -> None:
        self._returns = table.returns.tolist()
        self._first, self._last = first.tolist(), last.tolist()
        self.clusters = [-1] * len(first)
        """The place of each value's cluster."""
        self.nulls: dict[int, int] = {}
        """Deletes and reads of null, and their places."""
        self._place = 0
        self._null = True
        self._zone = NO_VALUE
        self._waiting: list[int] = []
        self._deletes: list[tuple[int, int]] = []
        self._reads: list[int] = []

    def run(self, events: list[tuple[int, int, int]]) -> tuple[int, int, int, int] | None:
        """None, or the event where there was no way on and the value whose zone that was (none: ``NO_VALUE``)."""
        for when, kind, number in events:
            if when == NEVER:
                break
            if kind == CALL_READ:
                self._reads.append(number)
                if self._null:
                    self._serve()
            elif kind == CALL_DELETE:
                heappush(self._deletes, (self._returns[number], number))
            elif kind == OPEN_CLUSTER:
                self._waiting.append(number)
            elif kind == END_ZONE:
                self._zone = NO_VALUE
            elif not self._end(kind, number):
                return when, kind, number, self._zone
        self._flush()
        return None

    def _end(self, kind: int, number: int) -> bool:
        """Something may be put off no longer."""
        if kind == BEGIN_ZONE:
            return self._begin_zone(number)
        done = self.clusters[number] >= 0 if kind == CLOSE_CLUSTER else number in self.nulls
        if done:
            return True
        if self._zone != NO_VALUE:
            return False
        if kind == RETURN_READ:
            return self._delete()
        if kind == RETURN_DELETE:
            self._put_delete(number)
        else:
            self._flush()
        return True

    def _begin_zone(self, number: int) -> bool:
        if self._zone != NO_VALUE:
            return False
        end = self._last[number]
        while self._deletes and (self._deletes[0][0] < end or self._deletes[0][1] in self.nulls):
            self._put_delete(self._deletes[0][1])
        if any(self._returns[read] < end for read in self._reads) and not self._delete():
            return False
        self._flush()
        self._zone, self._null = number, False
        self.clusters[number] = self._next()
        return True

    def _next(self) -> int:
        self._place += 1
        return self._place

    def _flush(self) -> None:
        """The open clusters get their places; there is no null after that."""
        for number in self._waiting:
            self.clusters[number] = self._next()
            self._null = False
        self._waiting.clear()

    def _delete(self) -> bool:
        """The open delete that returns first gets its place. False: there is none."""
        while self._deletes and self._deletes[0][1] in self.nulls:
            heappop(self._deletes)
        if self._deletes:
            self._put_delete(self._deletes[0][1])
            return True
        return False

    def _put_delete(self, number: int) -> None:
        if self._deletes[0][1] == number:
            heappop(self._deletes)
        if number in self.nulls:
            return
        self._flush()
        self.nulls[number] = self._next()
        self._null = True
        self._serve()

    def _serve(self) -> None:
        """All open reads of null get their places."""
        for read in self._reads:
            self.nulls[read] = self._next()
        self._reads.clear()
