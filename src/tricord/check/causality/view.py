# SPDX-License-Identifier: Apache-2.0
"""Whether one session's reads can be explained by one order of all writes that keeps the causal order.

A write that a read had in its past has to come before the one that it returned, and so do all causes of it. Only the
writes that the session's reads returned matter: they are taken off one after the other, along each track, wherever
all that has to come before is off already.
"""

from __future__ import annotations

import numpy as np

from tricord.check.causality.clocks import Clocks
from tricord.check.causality.overwrites import Overwrites
from tricord.check.causality.patterns import Causal
from tricord.check.causality.reads_from import Numbers

FAR = np.iinfo(np.int32).max


def explains(causal: Causal, mine: Overwrites) -> bool:
    """Whether there is such an order."""
    writes = np.unique(mine.sources[mine.sources >= 0])
    clocks = causal.clocks
    writes = writes[np.lexsort((clocks.position[writes], clocks.track[writes]))]
    return _take_off(clocks, writes, _after(causal, mine, writes))


def _after(causal: Causal, mine: Overwrites, writes: Numbers) -> Numbers:
    """By write and track: the last position that has to come before it."""
    clocks = causal.clocks
    nobody = len(causal.trace.key)
    after = clocks.bounds(writes)
    after[np.arange(len(writes)), clocks.track[writes]] -= 1
    place = np.full(nobody, -1, np.int32)
    place[writes] = np.arange(len(writes), dtype=np.int32)
    reads = np.flatnonzero(mine.sources >= 0)
    targets = place[mine.sources[reads]]
    for track in range(mine.last.shape[1]):
        last = mine.last[reads, track]
        latest = np.zeros(len(writes), np.int32)
        known = last != nobody
        np.maximum.at(latest, targets[known], clocks.position[last[known]])
        fresh = np.flatnonzero(latest > after[:, track])
        if not fresh.size:
            continue
        others = np.zeros(len(writes), np.int32)
        others[targets[known]] = last[known]
        at_end = known & (clocks.position[np.minimum(last, nobody - 1)] == latest[targets])
        others[targets[at_end]] = last[at_end]
        after[fresh] = np.maximum(after[fresh], clocks.bounds(others[fresh]))
    return after


def _take_off(clocks: Clocks, writes: Numbers, after: Numbers) -> bool:
    tracks, positions = clocks.track[writes].tolist(), clocks.position[writes].tolist()
    tracks.append(-1)
    front = np.full(after.shape[1], FAR, np.int32)
    heads: dict[int, int] = {}
    for number, track in enumerate(tracks[:-1]):
        if track not in heads:
            heads[track], front[track] = number, positions[number]
    waiting: dict[int, list[int]] = {}
    ready = list(heads)
    while ready:
        track = ready.pop()
        number = heads[track]
        while tracks[number] == track:
            behind = np.flatnonzero(after[number] >= front)
            if behind.size:
                waiting.setdefault(int(behind[0]), []).append(track)
                break
            number += 1
            front[track] = positions[number] if tracks[number] == track else FAR
            ready.extend(waiting.pop(track, ()))
        heads[track] = number
    return not waiting
