# SPDX-License-Identifier: Apache-2.0
"""An order for a register whose writes are all different, with compare-and-swaps among them.

A cas that answered true stands right behind the value that it expected: so values form chains, and a chain with its
reads is as unbroken as a single value with its own (``zones``). Chains whose parts cannot all overlap lie between the
first return and the last call among them; the others fit anywhere outside of these. A cas that answered false goes
wherever something else is there while it runs. What comes out is a candidate: only if it is right is it used.
Otherwise nothing is known, and the search decides.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from heapq import heappop, heappush
from typing import Any

import numpy

from tricord.check.linear.move import ANYTHING, ILLEGAL, NEVER, Move
from tricord.check.linear.zones import LONG_AGO


def chained(moves: list[Move]) -> bool:
    """Whether this finds an order from null that explains everything. If not, nothing is known."""
    chains = _chains(moves)
    if chains is None:
        return False
    line = [move for chain in _in_order(chains) for move in chain]
    order = _with_refusals(line, [move for move in moves if move.pure and move.wants is ANYTHING])
    return order is not None and _explains(moves, order)


def _chains(moves: list[Move]) -> list[list[Move]] | None:
    """Writes and reads; the first of null. None where they do not tell who wrote what."""
    reads: defaultdict[Any, list[Move]] = defaultdict(list)
    writers: dict[Any, Move] = {}
    for move in moves:
        if move.pure:
            if move.wants is not ANYTHING:
                reads[move.wants].append(move)
            continue
        known = move.blind or move.wants is not ANYTHING
        if not known or move.makes is None or move.makes is ANYTHING or move.makes in writers:
            return None
        writers[move.makes] = move
    kept = _kept(writers, reads)
    following = {move.wants: move for move in kept if not move.blind}
    chains = [_chain(reads[None], following.get(None), reads, following)]
    chains += [_chain([], move, reads, following) for move in kept if move.blind]
    taken = sum(not move.pure for chain in chains for move in chain)
    return chains if taken == len(kept) else None


def _chain(
    first: list[Move], writer: Move | None, reads: dict[Any, list[Move]], following: dict[Any, Move]
) -> list[Move]:
    """Reads, a write and what follows it."""
    chain = sorted(first, key=lambda move: move.call)
    while writer is not None:
        chain += [writer, *sorted(reads.get(writer.makes, ()), key=lambda move: move.call)]
        writer = following.get(writer.makes)
    return chain


def _kept(writers: dict[Any, Move], reads: dict[Any, list[Move]]) -> list[Move]:
    """All writes but the unknown ones that nobody saw."""
    certain = [move for move in writers.values() if not move.maybe]
    wanted = [value for value, those in reads.items() if those] + [one.wants for one in certain if not one.blind]
    kept, seen = list(certain), set()
    while wanted:
        value = wanted.pop()
        writer = writers.get(value)
        if writer is not None and writer.maybe and value not in seen:
            seen.add(value)
            kept.append(writer)
            if not writer.blind:
                wanted.append(writer.wants)
    return kept


def _in_order(chains: list[list[Move]]) -> list[list[Move]]:
    """By the places of their zones; what has none comes as early as it may, but not into a zone."""
    first = [LONG_AGO, *(min(move.back for move in chain) for chain in chains[1:])]
    last = [max((move.call for move in chain), default=LONG_AGO) for chain in chains]
    zones = sorted((first[at], last[at]) for at in range(1, len(chains)) if first[at] < last[at])
    zones.insert(0, (LONG_AGO, last[0]))
    places = [(LONG_AGO, False, LONG_AGO, 0)]
    for at in range(1, len(chains)):
        place, zone = (first[at], last[at]), first[at] < last[at]
        if not zone:
            end = zones[max(bisect_left(zones, (last[at], LONG_AGO)) - 1, 0)][1]
            place = max(last[at], end), first[at]
        places.append((place[0], not zone, place[1], at))
    return [chains[at] for *_, at in sorted(places)]


def _with_refusals(line: list[Move], refusals: list[Move]) -> list[Move] | None:
    """Each as early as may be after those that returned before it was called; None if one has no place."""
    if not refusals:
        return line
    states = [None]
    for move in line:
        states.append(move.apply(states[-1]))
    calls = numpy.array([LONG_AGO, *(move.call for move in line)], numpy.int64)
    returns = numpy.array([*(move.back for move in line), NEVER], numpy.int64)
    latest = numpy.maximum.accumulate(calls)
    soonest = numpy.minimum.accumulate(returns[::-1])[::-1]
    refusals = sorted(refusals, key=lambda move: move.call)
    lowest = numpy.searchsorted(soonest, [move.call for move in refusals], side="left").tolist()
    highest = (numpy.searchsorted(latest, [move.back for move in refusals], side="right") - 1).tolist()
    before: list[tuple[int, int]] = []
    floor = 0
    found: list[list[Move]] = [[] for _ in states]
    for move, low, high in zip(refusals, lowest, highest, strict=True):
        while before and before[0][0] < move.call:
            floor = max(floor, heappop(before)[1])
        place = max(low, floor)
        while place <= high and move.apply(states[place]) is ILLEGAL:
            place += 1
        if place > high:
            return None
        found[place].append(move)
        heappush(before, (move.back, place))
    return [one for some, move in zip(found, [*line, None], strict=True) for one in [*some, move] if one is not None]


def _explains(moves: list[Move], order: list[Move]) -> bool:
    """Whether this order gives all answers and keeps to real time. Moves left out have to be unknown writes."""
    taken = {id(move) for move in order}
    if len(taken) < len(order) or not all(move.maybe and not move.pure for move in moves if id(move) not in taken):
        return False
    state, latest = None, LONG_AGO
    for move in order:
        state = move.apply(state)
        if state is ILLEGAL or move.back < latest:
            return False
        latest = max(latest, move.call)
    return True
