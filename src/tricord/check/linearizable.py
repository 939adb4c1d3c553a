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
from tricord.check.linear.clusters import broken_zone
from tricord.check.linear.deletes import swept
from tricord.check.linear.partition import Partition, partitions
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
        finding = _by_search(operations, partition, limits, counted)
        if finding.verdict is Verdict.VIOLATED:
            finding.statistics = dict(counted)
            return finding
        if finding.verdict is Verdict.UNDECIDED and undecided is None:
            undecided = finding
    finding = undecided or Finding(Verdict.HOLDS)
    finding.statistics = dict(counted)
    return finding


def _by_search(operations: list[Operation], partition: Partition, limits: Limits, counted: Counter[str]) -> Finding:
    """Search; now and then look whether a few operations where it got stuck prove that it need not go on."""
    counted["partitions"] += 1
    moves = partition.moves()
    if (finding := unwritten_value(operations, partition, moves)) is not None:
        return finding
    windows: Windows | None = None
    if partition.is_register and len(moves) >= WORTH_SWEEPING:
        result = swept(moves)
        if result.found or result.zone:
            counted["swept"] += 1
            return broken_zone(operations, result.zone, result.within) if result.zone else Finding(Verdict.HOLDS)
        if result.stuck is not None:
            windows = Windows(moves, limits.expired)
            if (proof := windows.proof(result.stuck)) is not None:
                counted["swept"] += 1
                return proved(operations, partition.name, [move.index for move in proof])
    counted["searched"] += 1
    search = Search(moves, partition.initial, limits)
    pause = FIRST_PAUSE
    while True:
        searched = search.run(pause)
        if searched.verdict is Verdict.HOLDS:
            break
        if searched.stuck is not None and partition.is_register:
            windows = windows or Windows(moves, limits.expired)
            proof = windows.proof(searched.stuck) if windows.usable else None
            if proof is not None:
                counted["steps"] += searched.steps
                return proved(operations, partition.name, [move.index for move in proof])
        if searched.verdict is Verdict.VIOLATED or searched.steps < pause or searched.steps >= limits.steps:
            break
        pause *= 4
    counted["steps"] += searched.steps
    if searched.verdict is Verdict.HOLDS:
        return Finding(Verdict.HOLDS)
    if searched.verdict is Verdict.VIOLATED and searched.stuck is not None:
        return stuck_at(operations, partition.name, searched.stuck, searched.beside)
    return Finding(Verdict.UNDECIDED, f"{partition.name}: {searched.why}")
