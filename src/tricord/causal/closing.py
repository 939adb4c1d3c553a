# SPDX-License-Identifier: Apache-2.0
"""Cutting the log where all have what it says, and closing incarnations that are over (``past``).

An incarnation of an active replica is over when that replica spoke in a higher one: what it says there counts what it
ever logged in those before. One of a retired replica is over when all active ones know of that: they take nothing from
it any more. It is closed when all of them have exactly the same of it.
"""

from __future__ import annotations

from itertools import islice

from tricord.base.dots import INCARNATION_MAX, Origin
from tricord.causal.log import Log
from tricord.causal.past import Past
from tricord.causal.peers import Peers
from tricord.causal.recent_rows import Row

ROWS_AT_ONCE = 1_000


def rows_to_cut(log: Log, durable: Past, durable_to: int, peers: Peers, retention: int) -> tuple[list[Row], bool]:
    """Rows that need not be kept, of the oldest ``ROWS_AT_ONCE``; and whether all of them are everywhere.

    Beyond ``retention`` bytes others' rows go although somebody lacks them: that one takes over a state. What this
    replica wrote stays until all have it: who has it now may lose its disk.
    """
    found: list[Row] = []
    kept: set[Origin] = set()
    everywhere: dict[Origin, int] = {}
    excess = log.bytes_held - retention
    all_stable = True
    for row in islice(log.rows(0, durable_to), ROWS_AT_ONCE):
        origin = row.origin
        if origin not in everywhere:
            own = durable.entries.get(origin, 0)
            closed = durable.is_closed(origin)
            everywhere[origin] = row.last if closed else peers.counter_everywhere(origin, own)
        if row.last > everywhere[origin] and not durable.is_closed(origin):
            if excess <= 0 or row.mine:
                kept.add(origin)
                continue
            all_stable = False
        if origin in kept:
            continue  # an origin's rows go in order
        excess -= len(row.data)
        found.append(row)
    return found, all_stable


def to_close(past: Past, durable: Past, peers: Peers, incarnation: int) -> list[tuple[int, int]]:
    """(replica, incarnation) of all that can be closed. ``incarnation`` is this replica's own."""
    by_replica: dict[int, list[Origin]] = {replica: [] for replica in peers.retired}
    for origin in sorted(past.entries):
        by_replica.setdefault(origin[0], []).append(origin)
    missing = _missing_here(past, peers)
    found: list[tuple[int, int]] = []
    for replica, origins in by_replica.items():
        over = min(_over(replica, peers, incarnation), missing.get(replica, INCARNATION_MAX + 1))
        last = 0
        if over <= INCARNATION_MAX and (not origins or origins[0][1] >= over):
            continue  # nothing is over
        for origin in origins:
            if origin[1] >= over:
                last = over - 1  # also those that wrote nothing: what comes late of them was lost
                break
            counter = past.entries[origin]
            if durable.entries.get(origin, 0) != counter or not peers.all_stopped_at(origin, counter):
                break
            last = origin[1]
        else:
            last = over - 1
        closed = past.closed.get(replica)
        if last > 0 and (closed is None or closed.incarnation < last) and _all_closed_the_same(replica, past, peers):
            found.append((replica, last))
    return found


def _all_closed_the_same(replica: int, past: Past, peers: Peers) -> bool:
    """Whether what others closed of the replica is here. If not, a state that was taken over here was of before they
    had it: another one is needed, which lacks nothing of that."""
    words = (peer.have for peer in peers.peers.values() if peer.have is not None)
    marks = (peers.kept_by(have).closed.get(replica) for have in words)
    return all(mark is None or past.agrees(replica, mark) for mark in marks)


def _missing_here(past: Past, peers: Peers) -> dict[int, int]:
    """For each replica its lowest incarnation of which another one has writes and this one none."""
    missing: dict[int, int] = {}
    for peer in peers.peers.values():
        for origin in () if peer.have is None else peers.kept_by(peer.have).entries:
            if origin not in past.entries and not past.is_closed(origin):
                missing[origin[0]] = min(origin[1], missing.get(origin[0], origin[1]))
    return missing


def _over(replica: int, peers: Peers, incarnation: int) -> int:
    """Below which all incarnations of the replica are over."""
    if replica == peers.here:
        return incarnation
    if replica in peers.retired:
        return INCARNATION_MAX + 1 if peers.all_know(peers.retired[replica]) else 0
    return peers.newest(replica)
