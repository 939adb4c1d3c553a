# SPDX-License-Identifier: Apache-2.0
"""Stream 0 of the WAL: the entries and the hard state of the Raft log.

An entry whose index is not beyond the last one replaces it and all that followed (a new leader's log wins, section
5.3 of the Raft paper); on disk the replaced ones stay and are overruled by order. The newest hard state counts. A base
record drops everything before it: a leader's snapshot took its place (section 7).
"""

from __future__ import annotations

from struct import Struct

from tricord.base.environment import Disk
from tricord.base.errors import CorruptData, NewerFormat
from tricord.base.log import Entry, HardState
from tricord.storage.wal import SEGMENT_BYTES, Wal
from tricord.storage.wal_format import Record

STREAM = 0
KIND_ENTRY = 1
KIND_HARD_STATE = 2
KIND_BASE = 3

_ENTRY = Struct(">QQB")
_HARD_STATE = Struct(">QQQ")
_BASE = Struct(">QQ")
_ENTRY_BYTES = _ENTRY.size


class RaftLog:
    """The log of group 0 on a WAL. One thread at a time (the WAL lane) uses it."""

    def __init__(self, wal: Wal) -> None:
        self.wal = wal
        self.hard_state = HardState()
        self.first_index = 1
        """The first index that is still there (``last_index`` + 1: none is)."""
        self.last_index = 0
        self.last_term = 0
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
        segment_bytes: int = SEGMENT_BYTES,
    ) -> tuple[RaftLog, list[Entry], int]:
        """Open the log and give it with the entries behind index ``after`` and the term of that index (0: not in the
        log).

        ``after`` is the backend's durable index: what it covers had been synced here, so a log that ends before it is
        damaged. Where a leader's snapshot brought the state there, ``installed_term`` is the term of that index: a log
        that does not hold that entry is the one that the snapshot replaced, and is dropped. Raises CorruptData,
        NewerFormat, DiskFault. Costs about 1 us an entry, and memory for those that are given.
        """
        wal = Wal(disk, directory, cluster=cluster, history=history, segment_bytes=segment_bytes)
        loader = _Loader(directory, after)
        scanned = wal.scan(loader.take)
        if scanned is None:
            raise CorruptData(directory, 0, "the log is gone")
        log = cls(wal)
        log.hard_state = loader.hard_state
        log.first_index = loader.first if loader.first else scanned.segments[0].first_index
        log.last_index = loader.last if loader.first else scanned.segments[0].first_index - 1
        log.last_term = loader.entries[-1].term if loader.entries else loader.term_after
        path = scanned.segments[-1].path
        if installed_term is not None and (log.last_index < after or loader.term_after not in (0, installed_term)):
            wal.resume(scanned)
            log.reset(after, installed_term)
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
        wal.resume(scanned)
        return log, loader.entries, loader.term_after

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

    def reset(self, index: int, term: int) -> None:
        """Durably drop all entries; the next one is the one behind ``index``, whose entry has ``term``.

        Raises DiskFull (nothing was written), DiskFault (the log is dead).
        """
        self.wal.append([Record(STREAM, KIND_BASE, _BASE.pack(index, term))])
        self.first_index, self.last_index, self.last_term = index + 1, index, term

    def mark(self) -> None:
        """See ``Wal.mark``."""
        self.wal.mark()

    def seal(self) -> None:
        """See ``Wal.seal``."""
        self.wal.seal()

    def cut_before(self, index: int) -> None:
        """Give back the space of entries before ``index``, as far as whole segments hold nothing else.

        Raises DiskFault.
        """
        if self.wal.cut_before(index):
            self.first_index = max(self.first_index, self.wal.first_index)

    def close(self) -> None:
        """See ``Wal.close``."""
        self.wal.close()

    def _carried(self) -> list[Record]:
        return [_hard_state_record(self.hard_state)]


class _Loader:
    """Rebuilds the log's end from records in the order they were written."""

    def __init__(self, directory: str, after: int) -> None:
        self._directory = directory
        self._after = after
        self.hard_state = HardState()
        self.entries: list[Entry] = []
        self.first = 0
        self.last = 0
        self.term_after = 0

    def take(self, records: list[Record], position: int) -> None:
        for record in records:
            if record.stream != STREAM:
                continue
            if record.kind == KIND_ENTRY:
                self._entry(record.payload, position)
            elif record.kind == KIND_HARD_STATE:
                self.hard_state = HardState(*_HARD_STATE.unpack(record.payload))
            elif record.kind == KIND_BASE:
                self._base(*_BASE.unpack(record.payload))
            else:
                raise NewerFormat(f"{self._directory}: the log holds a record of kind {record.kind}")

    def _base(self, index: int, term: int) -> None:
        self.entries.clear()
        self.first, self.last = index + 1, index
        self.term_after = term if index == self._after else 0

    def _entry(self, payload: bytes, position: int) -> None:
        index, term, kind = _ENTRY.unpack_from(payload)
        if self.last and index > self.last + 1:
            raise CorruptData(self._directory, position & 0xFFFFFFFF, f"entry {index} follows entry {self.last}")
        # Lower than the first one: what it replaces began in a segment that is cut by now.
        if not self.first or index < self.first:
            self.first = index
        self.last = index
        if index == self._after:
            self.term_after = term
        if index <= self._after:
            self.entries.clear()
            return
        if self.entries:
            del self.entries[max(index - self.entries[0].index, 0) :]
        self.entries.append(Entry(index, term, kind, payload[_ENTRY_BYTES:]))


def _hard_state_record(state: HardState) -> Record:
    return Record(STREAM, KIND_HARD_STATE, _HARD_STATE.pack(state.term, state.vote, state.commit))
