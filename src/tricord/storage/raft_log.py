# SPDX-License-Identifier: Apache-2.0
"""Stream 0 of the WAL: the entries and the hard state of the Raft log.

An entry whose index is not beyond the last one replaces it and all that followed (a new leader's log wins, section
5.3 of the Raft paper); on disk the replaced ones stay and are overruled by order. The newest hard state counts. A
*base* replaces all entries before it: the log goes on behind it, as behind a snapshot that was installed.
"""

from __future__ import annotations

from struct import Struct

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData, DiskFull, NewerFormat
from tricord.base.log import Entry, HardState
from tricord.base.reachable import reachable
from tricord.storage.wal import SEGMENT_BYTES, Wal
from tricord.storage.wal_format import HEADER_BYTES, Record
from tricord.storage.wal_scan import Scanned

STREAM = 0
KIND_ENTRY = 1
KIND_HARD_STATE = 2
KIND_BASE = 3

EARLIER_BYTES_MAX = 16 << 20
"""How much of the applied log is given at a start, at most."""

_ENTRY = Struct(">QQB")
_HARD_STATE = Struct(">QQQ")
_BASE = Struct(">QQ")
_ENTRY_BYTES = _ENTRY.size
_NEVER = 1 << 63


class RaftLog:
    """The log of group 0 on a WAL. One thread at a time (the WAL lane) uses it."""

    def __init__(self, wal: Wal) -> None:
        self.wal = wal
        self.hard_state = HardState()
        self.first_index = 1
        """The first index that is still there (``last_index`` + 1: none is)."""
        self.last_index = 0
        self.last_term = 0
        self.earlier: list[Entry] = []
        """Of ``open``: the entries up to ``after``, without a gap, as far as they were asked for."""
        self.earlier_base = (0, 0)
        """Index and term of the entry before ``earlier``; term 0: not known."""
        wal.carry = self._carried
        wal.next_index = lambda: self.last_index + 1

    @classmethod
    def open(
        cls,
        disk: Disk,
        directory: str,
        *,
        cluster: int,
        history: int,
        after: int,
        installed_term: int | None = None,
        earlier: int = 0,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> tuple[RaftLog, list[Entry], int]:
        """Open the log and give it with the entries behind index ``after`` and the term of that index (0: not in the
        log).

        ``after`` is the backend's durable index: what it covers had been synced here, so a log that ends before it is
        damaged. Where a leader's snapshot brought the state there, ``installed_term`` is the term of that index: a log
        that does not hold that entry is the one that the snapshot replaced, and is dropped. ``RaftLog.earlier`` gets up
        to ``earlier`` entries from before. Raises CorruptData, NewerFormat, DiskFault. Costs about 1 us an entry, and
        memory for those that are given.
        """
        log, loader, scanned = cls._read(
            disk, directory, cluster, history, segment_bytes, _Loader(directory, after, earlier)
        )
        path = scanned.segments[-1].path
        if installed_term is not None and (log.last_index < after or loader.term_after not in (0, installed_term)):
            log.wal.resume(scanned)
            log.reset(after, installed_term)
            log.earlier_base = (after, installed_term)
            return log, [], installed_term
        if log.last_index < after:
            raise CorruptData(path, scanned.end, f"the log ends at {log.last_index}, but {after} was applied")
        if log.first_index > after + 1:
            raise CorruptData(
                scanned.segments[0].path, 0, f"the log begins at {log.first_index}, but only {after} was applied"
            )
        if loader.hard_state.commit > log.last_index:
            raise CorruptData(
                path, scanned.end, f"the log ends at {log.last_index}, but {loader.hard_state.commit} was committed"
            )
        log.wal.resume(scanned)
        log.earlier, entries = loader.split()
        log.earlier_base = loader.base
        return log, entries, loader.term_after

    @classmethod
    def open_for_reset(
        cls, disk: Disk, directory: str, *, cluster: int, history: int, segment_bytes: int = SEGMENT_BYTES
    ) -> RaftLog:
        """Open a log that ``reset`` is about to replace: what it holds and what it lacks does not matter."""
        log, _, scanned = cls._read(disk, directory, cluster, history, segment_bytes, _Loader(directory, _NEVER, 0))
        log.wal.resume(scanned)
        return log

    @classmethod
    def _read(
        cls, disk: Disk, directory: str, cluster: int, history: int, segment_bytes: int, loader: _Loader
    ) -> tuple[RaftLog, _Loader, Scanned]:
        wal = Wal(disk, directory, cluster=cluster, history=history, segment_bytes=segment_bytes)
        scanned = wal.scan(loader.take)
        if scanned is None:
            raise CorruptData(directory, 0, "the log is gone")
        oldest = scanned.segments[0]
        if oldest.number > 1 and not loader.has_hard_state:
            # Older segments went only when what this one begins with was synced: no crash leaves it without.
            raise CorruptData(oldest.path, HEADER_BYTES, "term and vote, with which the segment begins, are damaged")
        log = cls(wal)
        log.hard_state = loader.hard_state
        begin = loader.begin or scanned.segments[0].first_index
        log.first_index = loader.first or begin
        log.last_index = loader.last if loader.first else begin - 1
        log.last_term = loader.last_term
        return log, loader, scanned

    def append(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        """Make them durable together: one write, one sync.

        Raises DiskFull (nothing was written), DiskFault (the log is dead).
        """
        pack = _ENTRY.pack
        records = [Record(STREAM, KIND_ENTRY, pack(e.index, e.term, e.kind) + e.data) for e in entries]
        if hard_state is not None:
            records.append(_hard_state_record(hard_state))
        if not records:
            return
        assert not entries or self.first_index <= entries[0].index <= self.last_index + 1, "a log has no gaps"
        self.wal.append(records)
        if entries:
            self.last_index = entries[-1].index
            self.last_term = entries[-1].term
        if hard_state is not None:
            self.hard_state = hard_state

    def reset(self, index: int, term: int, hard_state: HardState | None = None) -> None:
        """Begin anew behind ``index``, whose entry had ``term``: all entries are gone. One append; then old files go.

        A crash leaves the log as it was or as it is to be. Raises DiskFull (nothing was written), DiskFault.
        """
        hard_state = hard_state or self.hard_state
        reachable("a log began anew behind a snapshot")
        self.wal.append([_base_record(index, term), _hard_state_record(hard_state)])
        self.hard_state = hard_state
        self.first_index = index + 1
        self.last_index, self.last_term = index, term
        try:
            self.wal.begin_segment()
        except DiskFull:
            return  # the old segments go when the log is cut
        self.wal.cut_before(index + 1)

    def mark(self) -> None:
        """See ``Wal.mark``."""
        self.wal.mark()

    def seal(self) -> None:
        """See ``Wal.seal``."""
        self.wal.seal()

    def cut_before(self, index: int, disposable_to: int = 0, budget_bytes: int = 0) -> None:
        """Give back the space of entries before ``index``, as far as whole segments hold nothing else.

        If the log is larger than ``budget_bytes`` then, the oldest up to ``disposable_to`` go too: those that only
        others may want. Raises DiskFault.
        """
        removed = self.wal.cut_before(index)
        if disposable_to:
            removed += self.wal.cut_to_size(budget_bytes, disposable_to + 1)
        if removed:
            self.first_index = max(self.first_index, self.wal.first_index)

    def close(self) -> None:
        """See ``Wal.close``."""
        self.wal.close()

    def _carried(self) -> list[Record]:
        carried = [_hard_state_record(self.hard_state)]
        if self.first_index > self.last_index and self.last_term:
            carried.append(_base_record(self.last_index, self.last_term))
        return carried


class _Loader:
    """Rebuilds the log's end from records in the order they were written."""

    def __init__(self, directory: str, after: int, earlier: int) -> None:
        self._directory = directory
        self._after = after
        self._earlier = earlier
        self._entries: list[Entry] = []
        self._earlier_bytes = 0
        self.hard_state = HardState()
        self.has_hard_state = False
        self.begin = 0
        self.first = 0
        self.last = 0
        self.last_term = 0
        self.term_after = 0
        self.base = (0, 0)

    def take(self, records: list[Record], position: int) -> None:
        for record in records:
            if record.stream != STREAM:
                continue
            if record.kind == KIND_ENTRY:
                self._entry(record.payload, position)
            elif record.kind == KIND_HARD_STATE:
                self.hard_state = HardState(*_HARD_STATE.unpack(record.payload))
                self.has_hard_state = True
            elif record.kind == KIND_BASE:
                self._reset(*_BASE.unpack(record.payload))
            else:
                raise NewerFormat(f"{self._directory}: the log holds a record of kind {record.kind}")

    def _entry(self, payload: bytes, position: int) -> None:
        index, term, kind = _ENTRY.unpack_from(payload)
        if self.last and index > self.last + 1:
            raise CorruptData(self._directory, position & 0xFFFFFFFF, f"entry {index} follows entry {self.last}")
        # Lower than the first one: what it replaces began in a segment that is cut by now.
        if not self.first or index < self.first:
            self.first = index
        self.last, self.last_term = index, term
        if index == self._after:
            self.term_after = term
        entries = self._entries
        if entries and index <= entries[-1].index:
            reachable("a log held entries that were replaced")
            self._forget_from(index)
        if not entries and self.base[0] != index - 1:
            self.base = (index - 1, 0)
        entries.append(Entry(index, term, kind, payload[_ENTRY_BYTES:]))
        if index <= self._after:
            self._earlier_bytes += len(payload)
            if len(entries) > 2 * self._earlier or self._earlier_bytes > 2 * EARLIER_BYTES_MAX:
                self._forget_earlier(index)

    def _reset(self, index: int, term: int) -> None:
        self._entries.clear()
        self._earlier_bytes = 0
        self.begin, self.first = index + 1, 0
        self.last, self.last_term = index, term
        self.base = (index, term)
        self.term_after = term if index == self._after else 0

    def _forget_from(self, index: int) -> None:
        entries = self._entries
        place = max(index - entries[0].index, 0)
        self._earlier_bytes -= sum(_size(entry) for entry in entries[place:] if entry.index <= self._after)
        del entries[place:]

    def _forget_earlier(self, last: int) -> None:
        """Drop the oldest entries, none behind ``last``, until what is earlier is within its limits."""
        entries = self._entries
        surplus = last - entries[0].index + 1 - self._earlier
        place = 0
        while place < len(entries) and entries[place].index <= last:
            if place >= surplus and self._earlier_bytes <= EARLIER_BYTES_MAX:
                break
            self._earlier_bytes -= _size(entries[place])
            place += 1
        if place:
            self.base = (entries[place - 1].index, entries[place - 1].term)
            del entries[:place]

    def split(self) -> tuple[list[Entry], list[Entry]]:
        """The entries up to the applied one, within their limits, and those behind it."""
        entries = self._entries
        if entries:
            self._forget_earlier(min(self._after, entries[-1].index))
        here = self._after - self.base[0]
        return entries[:here], entries[here:]


def _size(entry: Entry) -> int:
    return _ENTRY_BYTES + len(entry.data)


def _base_record(index: int, term: int) -> Record:
    return Record(STREAM, KIND_BASE, _BASE.pack(index, term))


def _hard_state_record(state: HardState) -> Record:
    return Record(STREAM, KIND_HARD_STATE, _HARD_STATE.pack(state.term, state.vote, state.commit))
