# SPDX-License-Identifier: Apache-2.0
"""Of the writes that stand later than what a read returned, those that one session guarantee makes the read see.

The same as ``obligations``, where there are few of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tricord.check.causality.later import Later
from tricord.check.causality.obligations import returned_before, written_before
from tricord.check.causality.patterns import Causal
from tricord.check.causality.reads_from import START, Numbers

Chosen = npt.NDArray[np.bool_]


def own_writes_asked(causal: Causal, later: Later) -> Chosen:
    """Read your writes."""
    found: Chosen = causal.clocks.track[later.others] == causal.trace.session[later.reads]
    return found


def own_reads_asked(causal: Causal, later: Later) -> Chosen:
    """Monotonic reads."""
    reads = _of_sessions(causal, later)
    before = np.full(len(causal.trace.key), len(causal.trace.key), np.int32)
    before[reads] = returned_before(causal, reads)
    found: Chosen = before[later.reads] == later.others
    return found


def writes_before_writes_asked(causal: Causal, later: Later) -> Chosen:
    """Monotonic writes."""
    trace, clocks = causal.trace, causal.clocks
    found = np.zeros(len(later.reads), np.bool_)
    reads = _of_sessions(causal, later)
    for session in np.unique(trace.session[reads]).tolist():
        mine = reads[trace.session[reads] == session]
        bounds = written_before(causal, mine)
        places = np.flatnonzero(trace.session[later.reads] == session)
        others = later.others[places]
        tracks = clocks.track[others]
        of_sessions = tracks < bounds.shape[1]
        at = np.searchsorted(mine, later.reads[places])
        known = bounds[at, np.where(of_sessions, tracks, 0)] >= clocks.position[others]
        found[places] = of_sessions & known
    return found


def _of_sessions(causal: Causal, later: Later) -> Numbers:
    """All reads whose source is known, of the sessions that these pairs are of; in the history's order."""
    trace = causal.trace
    which = np.zeros(len(trace.events.sessions), np.bool_)
    which[trace.session[later.reads]] = True
    chosen = (causal.sources >= START) & (causal.clocks.track >= 0) & which[trace.session]
    return np.flatnonzero(chosen).astype(np.int32)
