# SPDX-License-Identifier: Apache-2.0
"""Giving a state to another replica, and taking one over (``transfer``)."""

from __future__ import annotations

from collections.abc import Sequence

from tricord.base.dots import INCARNATION_MAX, PROVISIONAL, Dot, Origin
from tricord.base.ordered import Table, Write
from tricord.base.reachable import reachable
from tricord.causal.log import KEYSPACE_BYTES
from tricord.causal.operation import Operation, decode_operation, deltas_of, head_of, make_operation
from tricord.causal.past import Past
from tricord.causal.recent_rows import Row
from tricord.causal.results import BATCH_BYTES, Delivered
from tricord.causal.state import ReplicaState
from tricord.causal.transfer import Piece
from tricord.crdt.cell import Cell, Delta, dots_of
from tricord.crdt.encoding import decode_cell, decode_delta, encode_delta
from tricord.crdt.join import apply_delta, join_cells
from tricord.crdt.renaming import renamed_delta


class TakingOver(ReplicaState):
    """A replica that gives pieces and takes them in."""

    def piece(self, start: bytes = b"", bytes_max: int = BATCH_BYTES, *, former: Sequence[int] = ()) -> Piece | None:
        """The state from that key on, for another one; the next begins at its ``end``. As an answer, it leaves when
        the host has logged all up to ``sequence``.

        ``former``: what the other says of itself. None where one of these ids is not closed here yet, or this replica
        is itself taking over a state and has only a part of it, or nothing, or what it never sent under a former id:
        ask again later, or another one.
        """
        unclosed = any(not self.past.is_closed(Origin(replica, INCARNATION_MAX)) for replica in former)
        if unclosed or self._is_bare or self._is_unsettled:
            return None
        cells: list[tuple[bytes, bytes]] = []
        size, end = 0, b""
        for key, cell in self.store.scan(Table.CELLS, self._prefix + start, self._end):
            if cells and size + len(cell) > bytes_max:
                end = key[KEYSPACE_BYTES:]
                break
            cells.append((key[KEYSPACE_BYTES:], cell))
            size += len(cell)
        return Piece(start, end, self.past.copy(), cells, {} if start else self.log.ended())

    def former(self) -> list[int]:
        """Retired ids under which there are writes in this log: whoever gives a state must have closed them."""
        found = {row.origin[0] for row in self.log.rows() if row.mine}
        return sorted(found - {self.replica, PROVISIONAL})

    @property
    def _is_bare(self) -> bool:
        """Whether this replica takes over a state and has nothing before that, or only a part of it."""
        return (self.fetching and not self.past.entries and not self.past.closed) or self._mixed_now

    @property
    def _is_unsettled(self) -> bool:
        """Whether there is more here under a former id than others may close it with."""
        return any(origin[0] in self._former for origin in self.past.entries)

    @property
    def _mixed_now(self) -> bool:
        """Whether some cells have more than others, so that this state is nobody's."""
        if not self.fetching:
            return False
        if self._anew:
            return True
        if any(not self._has_for_sessions(origin, counter) for origin, counter in self._mixed.entries.items()):
            return True
        return not all(self.past.agrees(replica, closed) for replica, closed in self._mixed.closed.items())

    def begin_fetch(self) -> None:
        """Take over another one's state: this one lags behind the logs, joins, comes back, or found itself outdated.
        It is closed to readers until that is done, also over a restart."""
        self.fetching = True
        self._first_past = None
        self._of_this_fetch = Past()
        self._all_pieces = False
        self._next_start = b""
        self.pending.clear()
        self._look_whether_whole()
        self._keep_base()

    @property
    def has_all_pieces(self) -> bool:
        """Whether only operations are missing now: those that came while the pieces did."""
        return self._all_pieces

    def expects(self, piece: Piece, sender: int) -> bool:
        """Whether the piece is the next one, and its sender one whose state can be taken over: not everyone's can where
        pieces of another fetch are here already, and nobody's who was retired: the others may have closed its id with
        less. If not: ask again later, or another one."""
        return sender in self.peers.active and self._goes_on_with(piece)

    def _goes_on_with(self, piece: Piece) -> bool:
        if not self.fetching or self._all_pieces or piece.start != self._next_start:
            return False
        if piece.past.is_closed(self.origin):
            return False  # for them this start, or this id, is over: writes would have names that are no more
        if self._first_past is not None:
            return piece.past.includes(self._first_past)  # else it comes late, of a fetch before this one
        return not self._replaces(piece) or self._has_what_has_no_rows(piece)

    def _has_what_has_no_rows(self, piece: Piece) -> bool:
        base, otherwise = self.base.past, self._closed_otherwise(piece.past)
        return all(piece.past.has(origin, counter) for origin, counter in base.entries.items()) and all(
            replica in otherwise or piece.past.agrees(replica, closed) for replica, closed in base.closed.items()
        )

    def _closed_otherwise(self, past: Past) -> set[int]:
        """Ids that were closed here with other writes than there: this replica was retired, and what it alone had of
        one that was retired before it is lost; or others had forgotten in a crash that they had closed it."""
        theirs = past.closed
        return {
            replica
            for replica, mine in self.past.closed.items()
            if replica in theirs and theirs[replica].incarnation == mine.incarnation and theirs[replica] != mine
        }

    def _replaces(self, piece: Piece) -> bool:
        """Whether cells have to be as the sender has them, with this log's rows on top, rather than joined: something
        of what is here was lost by all others. What that replaced may be missing here, and nobody says so. So the
        sender must have all that has no rows here, but what it closed otherwise."""
        if self._anew or self._closed_otherwise(piece.past):
            return True
        if any(not piece.has(origin, counter) for origin, counter in self._mixed.entries.items()):
            return True
        if not all(piece.past.agrees(replica, closed) for replica, closed in self._mixed.closed.items()):
            return True
        entries = self.past.entries.items()
        lost = {origin for origin, n in entries if piece.past.is_closed(origin) and not piece.has(origin, n)}
        return bool(lost) and not lost <= {row.origin for row in self.log.rows() if row.mine}

    def take_piece(self, piece: Piece, now: int) -> Delivered:
        """The next piece, in order and all of one replica. Writes of this disk that the other will never hear of by
        their names (their incarnation was closed without them) get new names first. The host commits the tables before
        it goes on: its log has nothing of this. Raises ``MalformedEncoding``."""
        assert self._goes_on_with(piece), "pieces come in order, after begin_fetch"
        result = Delivered()
        if self._first_past is None and (closed := self._closed_with_less(piece.past)):
            self._open_again(closed)
            return result
        cells = [(key, decode_cell(data)) for key, data in piece.cells]
        if self._first_past is None:
            self._anew = self._replaces(piece)
            self._first_past, self._first_ended = piece.past, piece.ended
            self._rename_unsent(piece, now, result)
        found = dict(cells)
        own = dict(self.range(piece.start, piece.end or None))
        writes: list[Write] = []
        for key in sorted(own.keys() | found.keys()):
            before = own.get(key, {})
            if self._anew:
                cell = join_cells(_within(before, self.past), (), found.get(key, {}), piece.past)
            else:
                cell = join_cells(before, self.past, found.get(key, {}), piece.past)
            if cell is not before:
                writes.append(self._cell_write(key, cell))
        self._mixed.merge(piece.past)
        self._of_this_fetch.merge(piece.past)
        self.base = self._base(self.base.past, self.base.owed)
        self.store.write([*writes, self.log.base_write(self.base)])
        self._next_start = piece.end
        if not piece.end:
            self._end_pieces(result)
        return result

    def _closed_with_less(self, past: Past) -> set[int]:
        """Ids that were closed here although another one has more of them: it was under way when all said what they
        have, and whoever had made it is on an older disk."""
        entries = past.entries.items()
        return {origin[0] for origin, n in entries if self.past.is_closed(origin) and n > self.log.last_counter(origin)}

    def _open_again(self, replicas: set[int]) -> None:
        """Name what was closed of these ids, as before that; the rest of it can come then. Others would take the word
        of it for an older one, so this replica speaks in a new incarnation, and begins its fetch anew in that."""
        reachable("an id that was closed with less than others have was opened again")
        ended = {origin: counter for origin, counter in self.log.ended().items() if origin[0] in replicas}
        for past in (self.past, self.durable, self.base.past, self._own):
            if past is not None:
                for replica in replicas:
                    past.closed.pop(replica, None)
                past.entries.update(ended)
        self.outdated_by(self.origin[1] + 1)
        self._keep_base()

    def _rename_unsent(self, piece: Piece, now: int, result: Delivered) -> None:
        rows = [row for row in self.log.rows() if row.mine]
        unsent: list[Row] = []
        for row in rows:
            closed = piece.past.is_closed(row.origin) and row.last > piece.ended.get(row.origin, 0)
            if closed or not row.origin[0]:
                unsent.append(row)
        if not unsent:
            return
        reachable("writes that were never sent got new names")
        counter = self.past.entries.get(self.origin, 0)
        names: dict[Dot, Dot] = {}
        for row in unsent:
            head = head_of(row.data)
            for old in range(head.first, head.last + 1):
                counter += 1
                names[Dot(*head.origin, old)] = Dot(*self.origin, counter)
        for row in unsent:
            self._rename(row, names, now, result)
        for origin in {row.origin for row in unsent}:
            kept = piece.ended.get(origin, 0)
            for past in (self.past, self.durable, self.base.past):
                past.entries.pop(origin, None)
                if kept:
                    past.entries[origin] = kept  # so many of them are everybody's, by their first names
            self._recent.discard(origin)

    def _rename(self, row: Row, names: dict[Dot, Dot], now: int, result: Delivered) -> None:
        """The same operation under a new name. It replaces the old one's entries, here and wherever they came to."""
        old = decode_operation(row.data)
        writes: list[tuple[bytes, bytes]] = []
        for key, data in old.writes:
            delta = decode_delta(data)
            renamed = renamed_delta(delta, names)
            writes.append((key, encode_delta(Delta(renamed.cell, renamed.dots | delta.dots))))
        first = self.past.entries.get(self.origin, 0) + 1
        self.clock = self.clock.advance(now)
        needs = dict(self.needs())
        for origin, counter in old.needs:
            needs[origin] = max(counter, needs.get(origin, 0))
        renamed_origins = {dot.origin for dot in names}
        kept = [need for need in needs.items() if need[0] not in renamed_origins]
        operation = make_operation(self.origin, first, old.stamp, kept, writes)
        self.store.write([self.log.drop_write(row)])
        self._deliver(operation, result, mine=True)

    def _end_pieces(self, result: Delivered) -> None:
        first = self._first_past
        assert first is not None
        writes: list[Write] = []
        for row in list(self.log.rows()):
            if first.is_closed(row.origin):
                writes.append(self.log.drop_write(row))
            elif self._anew and not first.has(row.origin, row.last):
                self._apply_again(decode_operation(row.data), first)
        self._own = self._own or self.past.copy()
        for past in (self.past, self.base.past):
            past.merge(first)
        self._all_pieces, self._anew = True, False
        self._mixed = self._of_this_fetch
        self.base = self._base(self.base.past, frozenset(self.base.past.entries))
        self._recent |= self.base.owed
        self.store.write([*writes, *self.log.ended_writes(self._first_ended), self.log.base_write(self.base)])
        self.durable.merge(first)
        self.pending.clear()
        self._end_fetch(result)

    def _apply_again(self, operation: Operation, first: Past) -> None:
        """An operation that the first piece does not speak of. What it replaced may have come back with the pieces, and
        what it wrote may have been replaced by something that was lost."""
        for (key, _), delta in zip(operation.writes, deltas_of(operation), strict=True):
            self.store.write([self._cell_write(key, apply_delta(self.get(key), first, delta))])

    def _end_fetch(self, result: Delivered) -> None:
        """Open again, once all is here that the last piece speaks of."""
        if not self._all_pieces:
            self._look_whether_whole()
        elif not self._mixed_now:
            self._open(result)

    def _look_whether_whole(self) -> None:
        """What was missing may have come as operations before the next state did: then what is here is a state."""
        if not self._mixed_now:
            self._mixed, self._own = Past(), None

    @property
    def takes_operations(self) -> bool:
        """Whether operations can be taken in: not between two pieces, which know nothing of them, and not where nothing
        is here, as what comes then is no state that others may open with."""
        if not self.fetching or self._all_pieces:
            return True
        return self._first_past is None and not self._anew and bool(self.past.entries or self.past.closed)

    def _open(self, result: Delivered) -> None:
        self.fetching = self._all_pieces = False
        self._first_past = self._own = None
        self._mixed = Past()
        self._keep_base()
        result.resynced = True
        result.satisfied += self.tickets.satisfied_now()


def _within(cell: Cell, past: Past) -> Cell:
    """What of the cell is of writes that are in ``past``."""
    beyond = frozenset(dot for dot in dots_of(cell) if dot not in past)
    return apply_delta(cell, past, Delta({}, beyond)) if beyond else cell
