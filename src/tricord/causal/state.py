# SPDX-License-Identifier: Apache-2.0
"""What one replica holds: the tables, what it has of each origin, and the one way in which operations change both."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from tricord.base.dots import INCARNATION_MAX, PROVISIONAL, Origin
from tricord.base.hybrid_clock import HybridClock
from tricord.base.ordered import OrderedStore, Table, Write
from tricord.base.reachable import reachable
from tricord.causal.log import KEYSPACE_BYTES, Base, Log
from tricord.causal.operation import Operation, decode_operation, delta_of, dots_in
from tricord.causal.past import Past, may_start_after
from tricord.causal.peers import Peers
from tricord.causal.pending import PENDING_BYTES_MAX, Pending, missing_for
from tricord.causal.recent_rows import Row
from tricord.causal.results import Delivered
from tricord.causal.tickets import Tickets
from tricord.crdt.cell import Cell, Delta
from tricord.crdt.changed import Changed
from tricord.crdt.digest import added, encoded_digest
from tricord.crdt.encoding import cell_within, decode_cell, encode_cell
from tricord.crdt.join import apply_delta
from tricord.crdt.plain import take_plainly


class ReplicaState:
    """``sequence`` is that of the newest delivered operation: this replica's own count. ``outdated``: not 0 where
    others know of a higher incarnation of this replica: its disk is an older copy, so it has to ``start`` above that.
    ``digest``: over all ``keys`` keys and what they hold, equal where that is.
    """

    def __init__(
        self, store: OrderedStore, keyspace: int, replica: int, *, pending_bytes: int = PENDING_BYTES_MAX
    ) -> None:
        self.store = store
        self.replica = replica
        self._prefix = keyspace.to_bytes(KEYSPACE_BYTES, "big")
        self._end = (keyspace + 1).to_bytes(KEYSPACE_BYTES, "big") if keyspace + 1 < 1 << 32 else None
        self.log = Log(store, keyspace)
        self.base = self.log.base()
        self.past = self.base.past.copy()
        self.durable = Past()
        self.sequence = self.base.sequence
        self.persisted_to = 0
        self.clock = HybridClock(self.base.stamp)
        self.highest_incarnation = self.base.incarnation
        self.origin = Origin(replica, 0)
        self.peers = Peers(replica)
        self._former: set[int] = set()
        """Retired ids under which this log's own writes are."""
        self._gone_at = self._told_before = 0
        """The sequence when somebody was retired last, and the epoch to tell until that is durable."""
        self.outdated = 0
        self.fetching = self.base.fetching
        self.pending = Pending(pending_bytes)
        self.tickets = Tickets(self._has_for_sessions)
        self._recent = set(self.base.owed)
        self._continued: dict[Origin, tuple[int, Origin]] = {}
        """Of former starts: how much the first operation of a later start of the same replica needs, and which one."""
        self._unpersisted: deque[tuple[int, Origin, int]] = deque()
        self._mixed = self.base.mixed.copy()
        """Of what some cells may have more than the others have."""
        self._own = self.base.own
        """What was here before the last state that was taken over, while some of that is missing."""
        self._anew = self.base.anew
        """Cells are taken as another one has them, and the log was not applied to all of them again."""
        self._all_pieces = False
        self._of_this_fetch = Past()
        self._first_past: Past | None = None
        self._first_ended: dict[Origin, int] = {}
        self._next_start = b""
        for row in self.log.rows():
            self._load(row)
        self._all_durable()
        self.digest = self.keys = 0
        for key, data in store.scan(Table.CELLS, self._prefix, self._end):
            self.digest = added(self.digest, encoded_digest(key[KEYSPACE_BYTES:], data))
            self.keys += 1

    def _load(self, row: Row) -> None:
        self.sequence = max(self.sequence, row.sequence)
        operation = decode_operation(row.data)
        if row.mine and operation.stamp > self.clock.stamp:  # others may be far ahead
            self.clock = HybridClock(operation.stamp)
        if operation.first == 1:
            self._note_start(operation)
        origin = row.origin
        if not self.past.is_closed(origin):
            self.past.entries[origin] = max(row.last, self.past.entries.get(origin, 0))
        self._note(origin, mine=row.mine)
        if row.mine and origin[0] not in (self.replica, PROVISIONAL):
            self._former.add(origin[0])

    def _note(self, origin: Origin, *, mine: bool) -> None:
        """What the next operation has to name: what came since the last one of this replica, and that one itself where
        it was another incarnation's."""
        if mine:
            self._recent.clear()
        self._recent.add(origin)
        if origin[0] == self.replica and origin[1] > self.highest_incarnation:
            self.highest_incarnation = origin[1]

    def _note_start(self, operation: Operation) -> None:
        """Whoever has the first operation of a start has what it needs of those before: tokens need not say so."""
        for origin, counter in operation.needs:
            if origin[0] == operation.origin[0] and counter >= self._continued.get(origin, (0,))[0]:
                self._continued[origin] = counter, operation.origin

    def replay(self, operations: Iterable[Operation]) -> None:
        """What the host's log has beyond the tables, in its order; what they hold already changes nothing."""
        for operation in operations:
            mine = operation.origin[0] == self.replica
            if missing_for(operation, self.past) is None and self._is_next(operation):
                self._deliver(operation, Delivered(), mine=mine)
        self._all_durable()

    def start(self, incarnation: int) -> None:
        """Write under this incarnation from now on: one above all that the replica knows of itself
        (``past.next_incarnation``)."""
        assert incarnation > self.highest_incarnation, "an incarnation was taken before"
        self.origin = Origin(self.replica, incarnation)
        self.highest_incarnation = incarnation
        self.outdated = 0
        self._keep_base()

    def outdated_by(self, incarnation: int) -> None:
        """Another one says that it knows of this incarnation of this replica."""
        if incarnation > self.origin[1]:
            self.outdated = max(self.outdated, incarnation if may_start_after(incarnation) else INCARNATION_MAX)

    def _all_durable(self) -> None:
        self.durable = self.past.copy()
        self.persisted_to = self.sequence
        self._unpersisted.clear()

    def needs(self) -> list[tuple[Origin, int]]:
        """What the next operation has to name."""
        entries = self.past.entries
        return [(origin, entries[origin]) for origin in self._recent if origin in entries and origin != self.origin]

    def get(self, key: bytes) -> Cell:
        """What a key holds; ``{}`` for nothing. All reads between two calls that change it see one causal cut."""
        data = self.store.get(Table.CELLS, self._prefix + key)
        return {} if data is None else decode_cell(data)

    def range(self, start: bytes, end: bytes | None = None) -> Iterator[tuple[bytes, Cell]]:
        """(key, cell) with ``start <= key < end`` in order; None: to the end. Used up before the next change."""
        stop = self._end if end is None else self._prefix + end
        for key, data in self.store.scan(Table.CELLS, self._prefix + start, stop):
            yield key[KEYSPACE_BYTES:], decode_cell(data)

    @property
    def is_open(self) -> bool:
        """Whether it may be read and written: not while it takes over a state."""
        return not self.fetching

    def _has_for_sessions(self, origin: Origin, counter: int) -> bool:
        """A session may have seen what was lost, or has another name now, before its incarnation was closed."""
        if counter <= self.past.entries.get(origin, 0):
            return True
        return self.past.is_closed(origin) and counter <= self.log.last_counter(origin)

    def _is_next(self, operation: Operation) -> bool:
        origin = operation.origin
        return operation.first == self.past.entries.get(origin, 0) + 1 and not self.past.is_closed(origin)

    def _deliver(self, operation: Operation, result: Delivered, *, mine: bool = False) -> None:
        """Raises what ``deltas_of`` does: then nothing was changed."""
        before: dict[bytes, bytes | None] = {}
        after: dict[bytes, bytes | None] = {}
        for dot, (key, encoded) in zip(dots_in(operation), operation.writes, strict=True):
            current = self.held(key, before, after)
            data = take_plainly(encoded, current, dot)
            if data is None:
                cell = {} if current is None else decode_cell(current)
                data = applied(cell, self.past, delta_of(dot, encoded), encoded)
            after[key] = data
        if operation.stamp > self.clock.stamp and mine:
            self.clock = HybridClock(operation.stamp)
        self._apply(operation, before, after, result, mine=mine)

    def held(self, key: bytes, before: dict[bytes, bytes | None], after: dict[bytes, bytes | None]) -> bytes | None:
        """The bytes of what a key holds in the middle of an operation: what this did to it so far is in ``after``; what
        stood there before goes to ``before``."""
        if key in after:
            return after[key]
        data = before[key] = self.store.get(Table.CELLS, self._prefix + key)
        return data

    def _apply(
        self,
        operation: Operation,
        before: dict[bytes, bytes | None],
        after: dict[bytes, bytes | None],
        result: Delivered,
        *,
        mine: bool,
    ) -> None:
        """One write to the store: the keys, which held ``before`` and hold ``after``, and the row."""
        sequence = self.sequence = self.sequence + 1
        writes: list[Write] = []
        for key, data in after.items():
            writes.append(self._changed_cell(key, before[key], data))
            result.events.append(Changed(sequence, key, data))
        writes.append(self.log.append_write(sequence, operation, mine=mine))
        self.store.write(writes)
        origin, last = operation.origin, operation.last
        self.past.entries[origin] = last
        self._note(origin, mine=mine)
        if operation.first == 1:
            self._note_start(operation)
        self._unpersisted.append((sequence, origin, last))
        result.operations.append(operation)

    def _cell_write(self, key: bytes, cell: Cell) -> Write:
        """The write that keeps a cell. It is written before another one of the key is made."""
        before = self.store.get(Table.CELLS, self._prefix + key)
        return self._changed_cell(key, before, encode_cell(cell) if cell else None)

    def _changed_cell(self, key: bytes, before: bytes | None, data: bytes | None) -> Write:
        self.digest = added(self.digest, encoded_digest(key, data) - encoded_digest(key, before))
        self.keys += (data is not None) - (before is not None)
        return (Table.CELLS, self._prefix + key, data)

    def persisted(self, sequence: int) -> None:
        """The host has logged, durably, all operations up to this one. Only those are sent, and told of to others."""
        self.persisted_to = max(self.persisted_to, sequence)
        waiting = self._unpersisted
        while waiting and waiting[0][0] <= sequence:
            _, origin, counter = waiting.popleft()
            if not self.durable.is_closed(origin):
                self.durable.entries[origin] = counter

    def _close(self, replica: int, incarnation: int) -> None:
        """Let the replica's incarnations up to that one leave all vectors here."""
        reachable("an incarnation was closed")
        total = self.past.total_to(replica, incarnation)
        ended = self.past.close(replica, incarnation, total)
        self.durable.close(replica, incarnation, total)
        self.base.past.close(replica, incarnation, total)
        owed = frozenset(origin for origin in self.base.owed if not self.past.is_closed(origin))
        self._recent = {origin for origin in self._recent if not self.past.is_closed(origin)}
        for origin in ended:
            self._continued.pop(origin, None)
        self.base = self._base(self.base.past, owed)
        self.store.write([*self.log.ended_writes(ended), self.log.base_write(self.base)])

    def _base(self, past: Past, owed: frozenset[Origin]) -> Base:
        clock, highest, mixed = self.clock.stamp, self.highest_incarnation, self._mixed.copy()
        return Base(past, self.sequence, clock, highest, owed, self.fetching, mixed, self._own, self._anew)

    def _keep_base(self) -> None:
        self.base = self._base(self.base.past, self.base.owed)
        self.store.write([self.log.base_write(self.base)])


def applied(cell: Cell, past: Past, delta: Delta, encoded: bytes) -> bytes | None:
    """The bytes of the cell after a write, of which ``encoded`` are the bytes; None: nothing is left."""
    applied = apply_delta(cell, past, delta)
    if applied is delta.cell:
        return cell_within(encoded, delta)
    return encode_cell(applied) if applied else None
