# SPDX-License-Identifier: Apache-2.0
"""Reads of *anything but* a value (a cas that answered false), once an order of all writes is known without them.

Each takes the last write that it already knows in that order. This adds no cause and asks nothing more of the order.
"""

from __future__ import annotations

import numpy as np

from tricord.check.causality.events import Other
from tricord.check.causality.guess import fits
from tricord.check.causality.order import order_of
from tricord.check.causality.overwrites import last_before
from tricord.check.causality.pattern import Pattern
from tricord.check.causality.patterns import causal_of
from tricord.check.causality.reads_from import OPEN, START, Trace


def settled(trace: Trace, guess: list[int]) -> list[int] | None:
    """The guess with these reads chosen anew; None where there are none, or no order of all writes. Raises TooMuch."""
    events = trace.events
    others = [read for read in trace.open if isinstance(events.wanted[read], Other)]
    if not others:
        return None
    source = list(guess)
    for read in others:
        source[read] = OPEN
    causal = causal_of(trace, source)
    if isinstance(causal, Pattern):
        return None
    clocks = causal.clocks
    order = order_of(trace, source, clocks.track >= 0, causal.overwrites.before)
    if order.cycle:
        return None
    rank = np.full(len(source) + 1, -1, np.int32)
    rank[order.events] = np.arange(len(order.events), dtype=np.int32)
    reads = np.array(others, np.int32)
    reads = reads[clocks.track[reads] >= 0]
    last = last_before(trace, clocks, reads, clocks.bounds(reads), trace.writes)
    newest = last[np.arange(len(reads)), rank[last].argmax(axis=1)]
    for read, write in zip(reads.tolist(), newest.tolist(), strict=True):
        found = None if write == len(source) else events.written[write]
        known = fits(found, events.wanted[read])
        source[read] = (START if write == len(source) else write) if known else guess[read]
    return source
