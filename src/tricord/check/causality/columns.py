# SPDX-License-Identifier: Apache-2.0
"""The events of a history; column by column, which is quick, where all are puts, gets and deletes of text."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tricord.check.causality.events import ABSENT, Events, take
from tricord.check.history import FAIL, OK, History, Operation, turn

_PLAIN: Final = frozenset(("put", "get", "delete"))
_TEXT: Final = frozenset((str, type(None)))
_SOME: Final = 4_096
"""Operations that are taken apart at a time: they stay in the processor's cache."""


def events_of(history: History) -> Events:
    """Raises BadHistory for an operation that is no read or write of keys."""
    events = Events()
    operations = history.operations
    calls = np.fromiter(map(attrgetter("call_ns"), operations), np.int64, len(operations))
    if (calls[1:] <= calls[:-1]).any():
        returns = np.fromiter((turn(one)[1] for one in operations), np.int64, len(operations))
        operations = [operations[place] for place in np.lexsort((returns, calls)).tolist()]
    if not _plain(events, operations):
        for one in operations:
            take(events, one)
    return events


class _Numbers(dict[Any, int]):
    """Numbers from 0, in the order in which names are first asked for."""

    def __missing__(self, name: Any) -> int:
        number = self[name] = len(self)
        return number


@dataclass(slots=True)
class _Columns:
    """What is asked of operations that may have had an effect, or say something."""

    sessions: _Numbers = field(default_factory=_Numbers)
    keys: _Numbers = field(default_factory=_Numbers)
    session: list[int] = field(default_factory=list)
    key: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    reads: list[bool] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    """Read or written."""
    certain: list[bool] = field(default_factory=list)

    def add(self, some: list[Operation]) -> bool:
        """False, if they are not all of the plain kind."""
        if not _PLAIN.issuperset([one.op for one in some]):
            return False
        statuses = [one.status for one in some]
        if statuses.count(OK) < len(some):
            some = [one for one in some if one.status == OK or (one.status != FAIL and one.op != "get")]
            statuses = [one.status for one in some]
        names = [one.op for one in some]
        values = [
            one.input if name == "put" else one.output if name == "get" else None
            for one, name in zip(some, names, strict=True)
        ]
        if not _TEXT.issuperset(map(type, values)):
            return False
        self.values.extend(values)
        self.reads.extend([name == "get" for name in names])
        self.certain.extend([status == OK for status in statuses])
        self.session.extend(map(self.sessions.__getitem__, [one.client for one in some]))
        self.key.extend(map(self.keys.__getitem__, [one.key for one in some]))
        self.place.extend([one.index for one in some])
        return True


def _plain(events: Events, operations: list[Operation]) -> bool:
    """False where they are not all plain: then nothing has been done."""
    columns = _Columns()
    for start in range(0, len(operations), _SOME):
        if not columns.add(operations[start : start + _SOME]):
            return False
    events.sessions, events.keys = dict(columns.sessions), dict(columns.keys)
    events.operation, events.key, events.session = columns.place, columns.key, columns.session
    events.written = [ABSENT if reads else value for value, reads in zip(columns.values, columns.reads, strict=True)]
    events.wanted = [value if reads else ABSENT for value, reads in zip(columns.values, columns.reads, strict=True)]
    certain = np.array(columns.certain, np.bool_)
    branch = np.full(len(certain), -1, np.int64)
    events.branches = int((~certain).sum())
    branch[~certain] = np.arange(events.branches)
    events.branch = branch.tolist()
    events.previous = _previous(np.array(events.session, np.int64), certain)
    return True


def _previous(sessions: npt.NDArray[np.int64], certain: npt.NDArray[np.bool_]) -> list[int]:
    """Of each event the last one before it that is certain and of the same session; -1 for none."""
    previous = np.full(len(sessions), -1, np.int64)
    if len(sessions):
        by_session = np.argsort(sessions, kind="stable")
        places = np.where(certain[by_session], np.arange(len(sessions)), -1)
        last = np.maximum.accumulate(np.concatenate([[-1], places[:-1]]))
        found = by_session[last]
        same = (last >= 0) & (sessions[found] == sessions[by_session])
        previous[by_session[same]] = found[same]
    return previous.tolist()
