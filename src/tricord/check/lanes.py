# SPDX-License-Identifier: Apache-2.0
"""Where each bar of a picture stands: in which lane, from where to where.

Only the order of calls and returns is to scale: a gap in time is as wide as its length asks within bounds, and a bar
never narrower than its label. So microseconds beside minutes can both be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tricord.check.history import Operation
from tricord.check.words import answer_in_words, call_in_words, operation_in_words

ROW_HEIGHT = 28
LANE_GAP = 8
LETTER = 7.3
"""Width of a letter of a label, in pixels."""
LONGEST_LABEL = 34
NARROWEST_GAP, USUAL_GAP, WIDEST_GAP = 8.0, 24.0, 110.0
MARGIN = 16.0


@dataclass(slots=True)
class Bar:
    """Something that lasted, from ``left`` to ``right`` pixels, in a row of its lane."""

    begin_ns: int
    end_ns: int | None
    """None: it did not end."""
    label: str
    tip: str
    classes: str
    anchor: str = ""
    roomy: bool = True
    """Whether it is as wide as its label."""
    left: float = 0.0
    right: float = 0.0
    row: int = 0

    @property
    def wanted(self) -> float:
        """The width that it asks for."""
        return len(self.label) * LETTER + 10 if self.roomy else 4.0


@dataclass(slots=True)
class Lane:
    """What one client did, or what happened to one thing."""

    name: str
    bars: list[Bar] = field(default_factory=list)
    top: float = 0.0
    rows: int = 1


@dataclass(slots=True)
class Layout:
    """All that is drawn."""

    lanes: list[Lane]
    ticks: list[tuple[int, float]]
    """Times in nanoseconds, and where they are."""
    width: float
    height: float


def lay_out(lanes: list[Lane]) -> Layout:
    """Give all bars their places."""
    ticks = _across([bar for lane in lanes for bar in lane.bars])
    top = 0.0
    for lane in lanes:
        _stack(lane)
        lane.top = top
        top += lane.rows * ROW_HEIGHT + LANE_GAP
    width = max((max(bar.right, bar.left + bar.wanted) for lane in lanes for bar in lane.bars), default=0.0)
    return Layout(lanes, ticks, width + MARGIN, max(top, ROW_HEIGHT))


def lanes_of(
    operations: Iterable[Operation], marked: Sequence[int], origin_ns: int, *, anchored: bool = True
) -> list[Lane]:
    """A lane for each client: those with numbers in their order, then those with names. ``anchored``: bars are what
    links lead to."""
    lanes: dict[int | str, Lane] = {}
    own = frozenset(marked)
    for one in sorted(operations, key=lambda each: (each.call_ns, each.index)):
        lane = lanes.setdefault(one.client, Lane(f"client {one.client}"))
        lane.bars.append(_bar(one, one.index in own, origin_ns, anchored))
    clients = sorted(
        lanes, key=lambda client: (isinstance(client, str), client if isinstance(client, int) else 0, str(client))
    )
    return [lanes[client] for client in clients]


def _bar(one: Operation, marked: bool, origin_ns: int, anchored: bool) -> Bar:
    label = f"#{one.index} {call_in_words(one, 16)} \N{RIGHTWARDS ARROW} {answer_in_words(one, 16)}"
    if len(label) > LONGEST_LABEL:
        label = f"{label[: LONGEST_LABEL - 1]}\N{HORIZONTAL ELLIPSIS}"
    tip = f"#{one.index}, line {one.index + 1}, {operation_in_words(one, origin_ns)}"
    classes = f"{one.status}{' marked' if marked else ''}{' open' if one.return_ns is None else ''}"
    return Bar(one.call_ns, one.return_ns, label, tip, classes, f"op-{one.index}" if anchored else "")


def _across(bars: Sequence[Bar]) -> list[tuple[int, float]]:
    """Set each bar's ends, from left to right; gives where each time is."""
    begins: dict[int, list[Bar]] = {}
    ends: dict[int, list[Bar]] = {}
    for bar in bars:
        begins.setdefault(bar.begin_ns, []).append(bar)
        if bar.end_ns is not None:
            ends.setdefault(bar.end_ns, []).append(bar)
    times = sorted(begins.keys() | ends.keys())
    gaps = sorted(after - before for before, after in pairwise(times))
    usual = max(1, gaps[len(gaps) // 2]) if gaps else 1
    places: list[tuple[int, float]] = []
    x = MARGIN
    for place, time in enumerate(times):
        if place:
            gap = (time - times[place - 1]) / usual * USUAL_GAP
            x += min(max(gap, NARROWEST_GAP), WIDEST_GAP)
        x = max([x, *(bar.left + bar.wanted for bar in ends.get(time, ()) if bar.begin_ns < time)])
        for bar in begins.get(time, ()):
            bar.left = x
        for bar in ends.get(time, ()):
            bar.right = max(x, bar.left + 4)
        places.append((time, x))
    last = max((bar.left + bar.wanted for bar in bars), default=x)
    for bar in bars:
        if bar.end_ns is None:
            bar.right = max(x, last)
    return places


def _stack(lane: Lane) -> None:
    """A row for each bar, so that none covers another: an operation without length still has a label."""
    ends: list[float] = []
    for bar in sorted(lane.bars, key=lambda bar: bar.left):
        free = [row for row, end in enumerate(ends) if end <= bar.left]
        bar.row = free[0] if free else len(ends)
        ends[bar.row : bar.row + 1] = [max(bar.right, bar.left + bar.wanted)]
    lane.rows = max(1, len(ends))
