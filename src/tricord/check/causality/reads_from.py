# SPDX-License-Identifier: Apache-2.0
"""Which write each read returned.

Where one write alone wrote what was read, that is the one. Otherwise the read is *open*: it has several candidates,
and null may also be what was there at the start. An append whose output is not known wrote what some read saw end in
its input, where nothing else can have; which says in turn what it had read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tricord.check.causality.columns import events_of
from tricord.check.causality.events import ABSENT, EMPTY, SOMETHING, Events, Other, Value, value_of, without
from tricord.check.history import History

Numbers: TypeAlias = npt.NDArray[np.int32]

Writers: TypeAlias = dict[Value, int | list[int]]
"""Who wrote a value: one write, or several."""

START: Final = -1
"""In place of a write: what was there at the start."""
OPEN: Final = -2
"""Not known which."""
NONE: Final = -3
"""Of what is no read, or one whose answer says nothing."""


@dataclass(slots=True)
class Trace:
    """Events as columns, an entry for each."""

    history: History
    events: Events
    operation: Numbers
    key: Numbers
    session: Numbers
    branch: Numbers
    writes: npt.NDArray[np.bool_]
    previous: list[int]
    source: list[int]
    """Of a read: the write that it returned, ``START`` or ``OPEN``; of any other event ``NONE``."""
    open: list[int] = field(default_factory=list)
    thin: list[int] = field(default_factory=list)
    """Reads of what nobody wrote."""
    incomplete: bool = False
    """Whether open reads may have candidates that are not listed, so that trying all proves nothing."""
    known_writers: list[Writers] | None = None
    linearizable: bool | None = None
    """Whether it was seen to be; None where nobody looked."""

    @property
    def writers(self) -> list[Writers]:
        """By key."""
        if self.known_writers is None:
            self.known_writers = writers_of(self.events)
        return self.known_writers

    def candidates(self, read: int) -> list[int]:
        """What an open read may have returned."""
        wanted = self.events.wanted[read]
        writers = self.writers[self.events.key[read]]
        if isinstance(wanted, Other):
            found = [one for value in writers if value != wanted.value for one in _all(writers, value)]
            return found if wanted.value is None else [START, *found]
        return _written(writers, wanted)

    def of(self, event: int) -> int:
        """The index of the operation."""
        return self.events.operation[event]


def writers_of(events: Events) -> list[Writers]:
    """By key who wrote which value; without what is not known."""
    found: list[Writers] = [{} for _ in events.keys]
    for event, (written, key) in enumerate(zip(events.written, events.key, strict=True)):
        if written is not ABSENT and written is not SOMETHING:
            _note(found[key], written, event)
    return found


def _note(writers: Writers, written: Value, event: int) -> None:
    already = writers.setdefault(written, event)
    if already is event:
        return
    if isinstance(already, int):
        writers[written] = [already, event]
    else:
        already.append(event)


def _all(writers: Writers, value: Value) -> list[int]:
    found = writers.get(value, ())
    return [found] if isinstance(found, int) else list(found)


def _written(writers: Writers, wanted: Any) -> list[int]:
    if wanted is EMPTY:
        return [START, *_all(writers, None), *_all(writers, "")]
    if wanted is None:
        return [START, *_all(writers, None)]
    return _all(writers, wanted)


class _Resolver:
    """Finds the sources of one history's reads."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.source = [NONE] * len(events.operation)
        self.writers = writers_of(events)
        self.open: list[int] = []
        self.thin: list[int] = []
        self.incomplete = False
        self.loose: defaultdict[tuple[int, Value], list[int]] = defaultdict(list)
        """By key and end: appends whose result is not known."""
        self.lengths: defaultdict[int, set[int]] = defaultdict(set)
        self.loose_keys: set[int] = set()
        for event, added in events.appended.items():
            key = events.key[event]
            self.loose[key, added].append(event)
            self.loose_keys.add(key)
            if isinstance(added, str):
                self.lengths[key].add(len(added))

    def resolve(self) -> None:
        reads = [event for event, written in enumerate(self.events.written) if written is ABSENT]
        wanted = self.events.wanted
        if self.loose_keys or self.events.impossible:
            reads = [read for read in reads if wanted[read] is not ABSENT and wanted[read] is not SOMETHING]
        for event in self.events.impossible:
            self.source[event] = OPEN
            self.thin.append(event)
        left = self._each(reads) if self.loose_keys else self._all_exact(reads)
        self._leave_open(left)

    def _all_exact(self, reads: Iterable[int]) -> list[int]:
        """The short way where no append hides its result. Answers the reads with several candidates or none."""
        source, writers, keys, wanted = self.source, self.writers, self.events.key, self.events.wanted
        left = []
        for read in reads:
            value = wanted[read]
            if value is None or value is EMPTY or type(value) is Other:
                if value is None and None not in writers[keys[read]]:
                    source[read] = START
                else:
                    left.append(read)
                continue
            found = writers[keys[read]].get(value)
            if type(found) is int:
                source[read] = found
            else:
                left.append(read)
        return left

    def _each(self, reads: Iterable[int]) -> list[int]:
        """Until nothing more follows: an append that is the only one to explain a read wrote it, and read the rest."""
        waiting = list(reads)
        while True:
            again: list[int] = []
            moved = False
            while waiting:
                read = waiting.pop()
                pinned = self._pin(read)
                if pinned is None:
                    again.append(read)
                elif pinned:
                    waiting.extend(pinned)
                    moved = True
            waiting = again
            if not moved:
                break
        exact: list[int] = []
        hidden: list[int] = []
        for read in sorted(waiting):
            (hidden if self._may_be_hidden(read) else exact).append(read)
        return self._all_exact(exact) + hidden

    def _pin(self, read: int) -> list[int] | None:
        """The reads that are known through it, or None if it says nothing of appends."""
        wanted, key = self.events.wanted[read], self.events.key[read]
        if wanted is None or wanted is EMPTY or isinstance(wanted, Other) or key not in self.loose_keys:
            return None
        loose = self._loose(key, wanted)
        if wanted in self.writers[key] or len(loose) != 1:
            return None
        write = loose[0]
        before = write - 1
        self.events.written[write] = wanted
        self.writers[key][wanted] = write
        self.loose[key, self.events.appended[write]].remove(write)
        self.events.wanted[before] = without(wanted, self.events.appended[write])
        self.source[read] = write
        return [before]

    def _loose(self, key: int, wanted: Value) -> list[int]:
        found = []
        if isinstance(wanted, tuple):
            found += self.loose.get((key, wanted[-1]), [])
        elif isinstance(wanted, str):
            for length in self.lengths[key]:
                if length <= len(wanted):
                    found += self.loose.get((key, wanted[len(wanted) - length :]), [])
        return found

    def _may_be_hidden(self, read: int) -> bool:
        """Whether an append whose result is not known may have written what was read."""
        wanted, key = self.events.wanted[read], self.events.key[read]
        if isinstance(wanted, Other):
            return key in self.loose_keys
        return bool(self._loose(key, "" if wanted is EMPTY else wanted))

    def _leave_open(self, reads: Iterable[int]) -> None:
        for read in reads:
            wanted, key = self.events.wanted[read], self.events.key[read]
            hidden = bool(self.loose_keys) and self._may_be_hidden(read)
            found = [] if isinstance(wanted, Other) else _written(self.writers[key], wanted)
            if len(found) == 1 and not hidden:
                self.source[read] = found[0]
                continue
            self.source[read] = OPEN
            if found or hidden or isinstance(wanted, Other):
                self.open.append(read)
                self.incomplete |= hidden
            else:
                self.thin.append(read)


def _quickly(events: Events, writes: npt.NDArray[np.bool_], keys: Numbers) -> list[int] | None:
    """The sources, where all that was read is text that just one write of all keys wrote, or the start; else None."""
    if events.appended or events.impossible or events.at_once:
        return None
    by_value: dict[Value, int] = dict(zip(events.written, range(len(writes)), strict=True))
    deleted = by_value.pop(None, START)
    by_value.pop(ABSENT, None)
    values = int(writes.sum()) - (events.written.count(None) if deleted != START else 0)
    if len(by_value) < values:
        return None
    by_value[None], by_value[ABSENT] = START, NONE
    found = np.fromiter(map(by_value.get, events.wanted, repeat(OPEN)), np.int32, len(writes))
    reads = np.flatnonzero(found >= 0)
    if (found == OPEN).any() or (keys[found[reads]] != keys[reads]).any():
        return None
    if deleted != START:
        where = np.array([one is None for one in events.written], np.bool_)
        if np.isin(keys[found == START], keys[where]).any():
            return None
    sources: list[int] = found.tolist()
    return sources


def trace_of(history: History) -> Trace:
    """Raises BadHistory for an operation that is no read or write of keys."""
    events = events_of(history)
    writes = np.array([one is not ABSENT for one in events.written], np.bool_)
    keys = np.array(events.key, np.int32)
    columns = (
        np.array(events.operation, np.int32),
        keys,
        np.array(events.session, np.int32),
        np.array(events.branch, np.int32),
        writes,
        events.previous,
    )
    quick = _quickly(events, writes, keys)
    if quick is not None:
        return Trace(history, events, *columns, quick)
    found = _Resolver(events)
    found.resolve()
    return Trace(
        history, events, *columns, found.source, found.open, sorted(found.thin), found.incomplete, found.writers
    )


def failed_writers(trace: Trace, read: int) -> list[int]:
    """Operations that failed, and would have written what this read returned: for the words of a violation."""
    key = next(name for name, number in trace.events.keys.items() if number == trace.events.key[read])
    wanted = trace.events.wanted[read]
    found = []
    for one in trace.history.operations:
        if one.status != "fail":
            continue
        raw = one.input
        if one.op == "txn" and isinstance(raw, list):
            values = [move[2] for move in raw if move[0] != "r" and move[1] == key]
        elif one.key == key:
            values = [raw["value"]] if one.op == "cas" else [raw]
        else:
            continue
        if any(_explains(value_of(value), wanted) for value in values):
            found.append(one.index)
    return found


def _explains(value: Value, wanted: Any) -> bool:
    if value == wanted:
        return True
    return wanted is not ABSENT and without(wanted, value) is not ABSENT
