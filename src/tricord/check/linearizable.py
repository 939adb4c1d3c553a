# SPDX-License-Identifier: Apache-2.0
"""Linearizability: each operation took effect at one moment between its call and its return (Herlihy and Wing 1990).

a comes before b where a returned strictly before b was called. Each object (key) is judged by itself. Registers whose
writes can be told apart are judged by sorting, all others by a search that says undecided when its limits are reached.
Which path is taken when: docs/check.md.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History, Operation
from tricord.check.linear import registers
from tricord.check.linear.chains import chained
from tricord.check.linear.clusters import broken_zone
from tricord.check.linear.deletes import swept
from tricord.check.linear.move import Move
from tricord.check.linear.partition import Partition, partitions
from tricord.check.linear.revisions import explained
from tricord.check.linear.search import Search
from tricord.check.linear.unwritten import unwritten_value
from tricord.check.linear.window import Windows
from tricord.check.linear.words import proved, stuck_at

WORTH_SWEEPING: Final = 200
"""Operations on a register from which on a guess at its order is quicker than a search."""
FIRST_PAUSE: Final = 2_000
"""Steps of a search, per partition, before a first look at what it is stuck on; then four times as many."""


def check(history: History, limits: Limits) -> Finding:
    """Judge a history. Raises BadHistory for an operation that makes no sense.

    ``statistics`` says how many partitions took which path, and the steps of searches.
    """
    operations = history.operations
    counted: Counter[str] = Counter()
    violation, counted["sorted"], rest = registers.judge(operations)
    counted["partitions"] = counted["sorted"]
    if violation is not None:
        violation.statistics = dict(counted)
        return violation
    undecided: Finding | None = None
    for partition in partitions(rest):
        finding = _judged(operations, partition, limits, counted)
        if finding.verdict is Verdict.VIOLATED:
            finding.statistics = dict(counted)
            return finding
        if finding.verdict is Verdict.UNDECIDED and undecided is None:
            undecided = finding
    finding = undecided or Finding(Verdict.HOLDS)
    finding.statistics = dict(counted)
    return finding


def surely(history: History, limits: Limits) -> bool:
    """Whether it is seen, without a search, to be linearizable. False says nothing."""
    violation, _, rest = registers.judge(history.operations)
    if violation is not None:
        return False
    for partition in partitions(rest):
        moves = partition.moves()
        if limits.expired() or unwritten_value(history.operations, partition, moves) is not None:
            return False
        if explained(history.operations, moves, partition.initial):
            continue
        if not partition.is_register or not (swept(moves).found or chained(moves)):
            return False
    return True


def _judged(operations: list[Operation], partition: Partition, limits: Limits, counted: Counter[str]) -> Finding:
    """One object: what can be seen without a search, and then the search."""
    counted["partitions"] += 1
    moves = partition.moves()
    if (finding := unwritten_value(operations, partition, moves)) is not None:
        return finding
    if explained(operations, moves, partition.initial):
        counted["by revision"] += 1
        return Finding(Verdict.HOLDS)
    windows = Windows(moves, limits.expired) if partition.is_register else None
    if windows is not None and len(moves) >= WORTH_SWEEPING:
        finding = _by_sweep(operations, partition, moves, windows)
    if finding is not None:
        counted["swept"] += 1
        return finding
    counted["searched"] += 1
    search = Search(moves, partition.initial, limits)
    finding = _by_search(operations, partition, search, windows, limits)
    counted["steps"] += search.steps
    return finding


def _by_sweep(operations: list[Operation], partition: Partition, moves: list[Move], windows: Windows) -> Finding | None:
    """A verdict, if a sweep finds an order, or a place around which there is none."""
    result = swept(moves)
    if result.found or chained(moves):
        return Finding(Verdict.HOLDS)
    if result.zone:
        return broken_zone(operations, result.zone, result.within)
    proof = windows.proof(result.stuck) if result.stuck is not None else None
    return proved(operations, partition.name, [move.index for move in proof]) if proof is not None else None


def _by_search(
    operations: list[Operation], partition: Partition, search: Search, windows: Windows | None, limits: Limits
) -> Finding:
    """Search; now and then look whether a few operations where it got stuck prove that it need not go on."""
    pause = FIRST_PAUSE
    while True:
        searched = search.run(pause)
        if searched.verdict is Verdict.HOLDS:
            return Finding(Verdict.HOLDS)
        if searched.stuck is not None and windows is not None:
            proof = windows.proof(searched.stuck)
            if proof is not None:
                return proved(operations, partition.name, [move.index for move in proof])
        if searched.verdict is Verdict.VIOLATED and searched.stuck is not None:
            return stuck_at(operations, partition.name, searched.stuck, searched.beside)
        if searched.steps < pause or searched.steps >= limits.steps:
            return Finding(Verdict.UNDECIDED, f"{partition.name}: {searched.why}")
        pause *= 4
