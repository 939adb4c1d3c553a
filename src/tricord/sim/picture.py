# SPDX-License-Identifier: Apache-2.0
"""A run as a picture of a few lines for a terminal: faults, members, clients, and where it went wrong.

```
                   0 s             5 s            10 s
partition n1,n2    ......########......................
crash leader       .................x####..............
n1                 LLLLLLL~~~~~~~~~~~-----LLLLLLLLLLLLL
client 3           o.oo??..x.o.o.o.....................
                                        ^ linearizability at 8.113 s
```
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tricord.check.history import OK, UNKNOWN
from tricord.sim.outcome import Outcome
from tricord.sim.plan import Fault

LEGEND = "L leads  - follows  x down  p paused     operations: o ok  ! fail  ? unknown (of several: the last of these)"
_LABEL = 26
_ROWS = 16
"""The most faults and the most clients that are shown: the last ones before the violation."""
_SIGNS = {"leads": "L", "follows": "-", "dies": "x", "starts": "-", "is paused": "p", "goes on": "-"}
_ROLE = re.compile(rf"\s*(-?[0-9.]+) (n[0-9]+) ({'|'.join(_SIGNS)})\b")
_STATUS = {OK: "o", UNKNOWN: "?"}


class Axis:
    """Seconds to columns."""

    def __init__(self, seconds: float, width: int) -> None:
        self.width = width
        self._seconds = max(seconds, 0.001)

    def column(self, at: float) -> int:
        """Where a time is; times outside are at the edges."""
        return min(max(int(at / self._seconds * self.width), 0), self.width - 1)

    def head(self) -> str:
        """The times above the columns."""
        step = max(next(each for each in (1, 2, 5, 10, 20, 50, 100, 1_000, 1e9) if self._seconds / each <= 6), 1)
        text = [" "] * (self.width + 8)
        at = 0.0
        while at <= self._seconds:
            word = f"{at:g} s"
            text[self.column(at) : self.column(at) + len(word)] = word
            at += step
        return "".join(text).rstrip()


def picture(outcome: Outcome, width: int = 100) -> str:
    """The lines of a run."""
    end = max([outcome.plan.seconds, *(violation.at for violation in outcome.violations)])
    axis = Axis(end, max(width - _LABEL, 20))
    rows = [("", axis.head()), *_faults(outcome, axis), *_members(outcome, axis), *_clients(outcome, axis)]
    lines = [f"{label[: _LABEL - 1]:<{_LABEL}}{row}".rstrip() for label, row in rows]
    for violation in outcome.violations[:3]:
        place = axis.column(violation.at)
        mark = f"^ {violation.checker} at {violation.at:.3f} s"
        room = place < axis.width - len(mark)
        lines.append(" " * (_LABEL + place) + mark if room else f"{mark[2:] + ' ^':>{_LABEL + place + 1}}")
    return "\n".join([*lines, LEGEND])


def label_of(fault: Fault) -> str:
    """A fault in short."""
    amount = f" {fault.amount:g}" if fault.amount else ""
    return f"{fault.kind}{amount} {','.join(fault.targets)}".rstrip()


def _faults(outcome: Outcome, axis: Axis) -> Iterable[tuple[str, str]]:
    for fault in outcome.plan.faults[-_ROWS:]:
        row = ["."] * axis.width
        first, last = axis.column(fault.at), axis.column(fault.at + fault.seconds)
        row[first : last + 1] = "#" * (last + 1 - first)
        if not fault.seconds:
            row[first] = "x"
        yield label_of(fault), "".join(row)


def roles(lines: Iterable[str]) -> dict[str, list[tuple[float, str]]]:
    """Of each member, since when it is what (``L``, ``-``, ``x``, ``p``), from the story's lines."""
    changes: dict[str, list[tuple[float, str]]] = {}
    for line in lines:
        found = _ROLE.match(line)
        if found:
            at, member, what = found.groups()
            changes.setdefault(member, []).append((float(at), _SIGNS[what]))
    return dict(sorted(changes.items()))


def _members(outcome: Outcome, axis: Axis) -> Iterable[tuple[str, str]]:
    for member, changes in roles(outcome.lines).items():
        row = ["-"] * axis.width
        for at, sign in changes:
            row[axis.column(at) :] = sign * (axis.width - axis.column(at))
        yield member, "".join(row)


def _clients(outcome: Outcome, axis: Axis) -> Iterable[tuple[str, str]]:
    rows: dict[int | str, list[str]] = {}
    for operation in outcome.history.operations if outcome.history is not None else ():
        row = rows.setdefault(operation.client, ["."] * axis.width)
        place = axis.column(operation.call_ns / 1e9)
        sign = _STATUS.get(operation.status, "!")
        row[place] = max(row[place], sign, key=".o!?".index)
    for client in sorted(rows, key=str)[:_ROWS]:
        yield f"client {client}", "".join(rows[client])
