# SPDX-License-Identifier: Apache-2.0
"""The causal order: what a client does follows what it did, and a read follows the write that it returned.

``order_of`` puts events into one order that keeps it (and further demands, if there are), or finds a cycle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tricord.check.causality.reads_from import Numbers, Trace

STEP = 1 << 20
"""Between the places of neighbours: room for events that have to wait."""
ROUNDS = 100
"""Of moving events behind their causes, all at one go; what takes more is done one by one."""

Needs = Callable[[int], Numbers | None]
"""Of an event: others that must come before it, over and above causes. The number of events stands for nobody."""


class TooMuch(Exception):
    """More memory or work than allowed. The message says what for."""


def active_of(trace: Trace, source: list[int]) -> npt.NDArray[np.bool_]:
    """Which events count: all but the parts of unknown operations that no read proves."""
    active: npt.NDArray[np.bool_] = trace.branch < 0
    if active.all():
        return active
    sources = np.array(source, np.int32)
    seen = sources[active & (sources >= 0)]
    waiting = [int(one) for one in np.unique(seen[~active[seen]])]
    previous, branch = trace.previous, trace.events.branch
    while waiting:
        event = waiting.pop()
        while event >= 0 and not active[event] and branch[event] >= 0:
            active[event] = True
            if source[event] >= 0 and not active[source[event]]:
                waiting.append(source[event])
            event = previous[event]
    return active


@dataclass(slots=True)
class Order:
    """Events one after the other; or, if that cannot be, a cycle of events each of which must come before the next."""

    events: list[int]
    cycle: list[int]


def order_of(
    trace: Trace,
    source: list[int],
    active: npt.NDArray[np.bool_],
    needs: Needs | None = None,
    along: list[int] | None = None,
) -> Order:
    """Takes events as they stand in the history, or in ``along`` (all that are active), wherever it may."""
    total = len(source)
    if needs is None and along is None:
        quick = _delayed(trace, np.array(source, np.int32), active)
        if quick is not None:
            return Order(quick, [])
    previous = trace.previous
    done = bytearray(total + 1)
    done[total] = 1
    view = np.frombuffer(done, np.uint8)
    waiting: defaultdict[int, list[int]] = defaultdict(list)
    order: list[int] = []
    for first in np.flatnonzero(active).tolist() if along is None else along:
        stack = [first]
        while stack:
            event = stack.pop()
            cause = previous[event]
            if cause >= 0 and not done[cause]:
                waiting[cause].append(event)
                continue
            cause = source[event]
            if cause >= 0 and not done[cause]:
                waiting[cause].append(event)
                continue
            needed = needs(event) if needs is not None else None
            if needed is not None:
                missing = np.flatnonzero(view[needed] == 0)
                if missing.size:
                    waiting[int(needed[missing[0]])].append(event)
                    continue
            done[event] = 1
            order.append(event)
            if event in waiting:
                stack.extend(reversed(waiting.pop(event)))
    if len(order) == int(active.sum()):
        return Order(order, [])
    return Order([], _cycle({event: on for on, events in waiting.items() for event in events}))


def _cycle(waits_for: dict[int, int]) -> list[int]:
    event = next(iter(waits_for))
    seen: dict[int, int] = {}
    path: list[int] = []
    while event not in seen:
        seen[event] = len(path)
        path.append(event)
        event = waits_for[event]
    return path[seen[event] :][::-1]


def _delayed(trace: Trace, sources: Numbers, active: npt.NDArray[np.bool_]) -> list[int] | None:
    """An order by places, where each event waits for its causes; None if that takes long, as in a circle it does."""
    here = np.arange(len(sources))
    if not (sources >= here).any():
        return np.flatnonzero(active).tolist()
    previous = np.array(trace.previous, np.int32)
    aside = np.flatnonzero(active & (trace.branch >= 0) & (previous >= 0)).astype(np.int32)
    reads = np.flatnonzero(active & (sources >= 0)).astype(np.int32)
    effects, causes = np.concatenate([reads, aside]), np.concatenate([sources[reads], previous[aside]])
    along = np.flatnonzero((trace.branch < 0) & (previous >= 0))
    following = np.full(len(sources) + 1, len(sources), np.int32)
    following[previous[along]] = along
    places = np.append(here * STEP, len(sources) * 2 * STEP)
    moved = effects[:0]
    for _ in range(ROUNDS):
        if not moved.size:
            late = np.flatnonzero(places[causes] >= places[effects])
            if not late.size:
                order = np.argsort(places[:-1], kind="stable")
                events: list[int] = order[active[order]].tolist()
                return events
            np.maximum.at(places, effects[late], places[causes[late]] + 1)
            moved = np.unique(effects[late])
        then = following[moved]
        behind = places[moved] >= places[then]
        moved, then = moved[behind], then[behind]
        places[then] = places[moved] + 1
        moved = then
    return None
