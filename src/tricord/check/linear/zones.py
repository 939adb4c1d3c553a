# SPDX-License-Identifier: Apache-2.0
"""Registers whose writes are all different, by sorting (Gibbons and Korach, Testing shared memories, 1997).

A write and the reads of its value are a cluster. In any order that explains the answers a cluster is unbroken, its
write first. Let ``first`` be the earliest return in a cluster and ``last`` the latest call. Cluster a has to come
before cluster b if and only if ``a.first < b.last``; so the history is linearizable if and only if no read returned
before its write was called, and no two clusters have to come before each other. (A longer circle has a shorter one in
it: the cluster that has the circle's smallest ``first`` also comes before the one that comes before it.)

Two clusters conflict in two ways. Both have ``first < last`` (a forward zone) and the zones overlap; or the one with
``last <= first`` (a backward zone) lies within the forward zone of the other. Sorting finds both.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy

Numbers: TypeAlias = Any
"""A numpy array of integers."""
LONG_AGO: Final = -(1 << 62)
"""When the initial value of a register was written."""


def conflict(keys: Numbers, first: Numbers, last: Numbers) -> tuple[int, int] | None:
    """Two clusters of one key each of which has to come before the other; None: there are none.

    ``keys``, ``first`` and ``last`` have an entry for each cluster. Cost: O(n log n).
    """
    forward = numpy.flatnonzero(first < last)
    if not len(forward):
        return None
    forward = forward[numpy.lexsort((first[forward], keys[forward]))]
    after, before = forward[1:], forward[:-1]
    overlap = numpy.flatnonzero((keys[after] == keys[before]) & (first[after] < last[before]))
    if len(overlap):
        return int(before[overlap[0]]), int(after[overlap[0]])
    backward = numpy.flatnonzero(first >= last)
    if not len(backward):
        return None
    starts, points = _on_one_line(keys[forward], first[forward], keys[backward], last[backward])
    # Forward zones of a key do not overlap: the last one that starts before the backward zone is the one to look at.
    at = numpy.searchsorted(starts, points, side="left") - 1
    zone = forward[numpy.maximum(at, 0)]
    within = (at >= 0) & (keys[zone] == keys[backward]) & (first[backward] < last[zone])
    found = numpy.flatnonzero(within)
    if len(found):
        return int(zone[found[0]]), int(backward[found[0]])
    return None


def _on_one_line(keys: Numbers, times: Numbers, other_keys: Numbers, other_times: Numbers) -> tuple[Numbers, Numbers]:
    """Numbers that compare like (key, time), for two lists of such pairs."""
    every = numpy.concatenate((times, other_times))
    known = every[every > LONG_AGO]
    least = int(known.min()) if len(known) else 0
    span = (int(known.max()) - least if len(known) else 0) + 3
    if span * (int(max(keys.max(), other_keys.max())) + 1) >= 1 << 62:
        ranks = numpy.unique(every, return_inverse=True)[1].reshape(-1) + 1
        span, least, times, other_times = len(every) + 2, 0, ranks[: len(times)], ranks[len(times) :]
    return (
        keys * span + numpy.maximum(times - least, -1) + 1,
        other_keys * span + numpy.maximum(other_times - least, -1) + 1,
    )
