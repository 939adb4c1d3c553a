# SPDX-License-Identifier: Apache-2.0
"""What each session guarantee by itself makes a read see: by read, the writes that may not come after what it returned.

A branch (an unknown operation) is taken for its client's: what its client had done and read before counts.
"""

from __future__ import annotations

import numpy as np

from tricord.check.causality.overwrites import Overwrites, last_before
from tricord.check.causality.patterns import Causal
from tricord.check.causality.reads_from import Numbers


def own_writes(causal: Causal) -> Overwrites:
    """Read your writes: the last own write of the key."""
    return _found(causal, _before(causal, causal.trace.session[causal.overwrites.reads]))


def own_reads(causal: Causal) -> Overwrites:
    """Monotonic reads: what the session's read of the key before returned."""
    return _found(causal, returned_before(causal, causal.overwrites.reads))


def returned_before(causal: Causal, reads: Numbers) -> Numbers:
    """By read the write that its session's read of the key before returned; the number of events for none."""
    trace = causal.trace
    sessions, keys, sources = trace.session[reads], trace.key[reads], causal.sources[reads]
    last = np.full(len(reads), len(trace.key), np.int32)
    if not len(reads):
        return last
    order = np.lexsort((reads, keys, sessions))
    says = (sources >= 0) & (trace.branch[reads] < 0)
    places = np.maximum.accumulate(np.where(says[order], np.arange(len(order)), -1))
    places = np.concatenate([[-1], places[:-1]])
    found = order[places]
    same = (places >= 0) & (sessions[found] == sessions[order]) & (keys[found] == keys[order])
    last[order[same]] = sources[found[same]]
    return last


def writes_before_writes(causal: Causal) -> Overwrites:
    """Monotonic writes: what clients did before the writes that the session has read."""
    trace, clocks, over = causal.trace, causal.clocks, causal.overwrites
    sessions = len(trace.events.sessions)
    bounds = np.zeros((len(over.reads), clocks.rows.shape[1]), np.int32)
    for session in range(sessions):
        mine = np.flatnonzero(trace.session[over.reads] == session)
        mine = mine[np.argsort(over.reads[mine])]
        bounds[mine, :sessions] = written_before(causal, over.reads[mine])
    return _found(causal, last_before(trace, clocks, over.reads, bounds, trace.writes))


def written_before(causal: Causal, reads: Numbers) -> Numbers:
    """By read of one session, and by session, how far that had come before the writes that the one had read."""
    returned = causal.sources[reads]
    whose, until = _prefix(causal, returned)
    seen = np.zeros((len(reads), len(causal.trace.events.sessions)), np.int32)
    known = np.flatnonzero(returned >= 0)
    seen[known, whose[known]] = until[known]
    aside = causal.trace.branch[reads] >= 0
    earlier: Numbers = np.maximum.accumulate(np.where(aside[:, None], 0, seen), axis=0)
    return np.maximum(earlier, seen)


def united(causal: Causal, several: list[Overwrites]) -> Overwrites:
    """What several together make a read see."""
    last = several[0].last
    places = np.append(causal.clocks.position, 0)
    for other in several[1:]:
        last = np.where(places[other.last] > places[last], other.last, last)
    return Overwrites(several[0].reads, several[0].sources, last)


def _prefix(causal: Causal, writes: Numbers) -> tuple[Numbers, Numbers]:
    """Of each write its session, and how far that had come just before."""
    trace, clocks = causal.trace, causal.clocks
    until = clocks.position[writes] - 1
    for place in np.flatnonzero((trace.branch[writes] >= 0) & (writes >= 0)).tolist():
        event = int(writes[place])
        while event >= 0 and trace.events.branch[event] >= 0:
            event = trace.previous[event]
        until[place] = clocks.position[event] if event >= 0 else 0
    return trace.session[writes], until


def _before(causal: Causal, sessions: Numbers) -> Numbers:
    """By read the last write of its key in its own session."""
    trace, clocks, over = causal.trace, causal.clocks, causal.overwrites
    places = np.arange(len(over.reads))
    rows = clocks.bounds(over.reads)
    bounds = np.zeros_like(rows)
    bounds[places, sessions] = rows[places, sessions]
    last = last_before(trace, clocks, over.reads, bounds, trace.writes)
    return last[places, sessions]


def _found(causal: Causal, last: Numbers) -> Overwrites:
    """Of writes by read, or by read and track."""
    over, clocks = causal.overwrites, causal.clocks
    nobody = len(causal.trace.key)
    if last.ndim == 1:
        known = np.flatnonzero(last != nobody)
        one, last = last, np.full((len(last), clocks.rows.shape[1]), nobody, np.int32)
        last[known, clocks.track[one[known]]] = one[known]
    last[last == over.sources[:, None]] = nobody
    return Overwrites(over.reads, over.sources, last)
