# SPDX-License-Identifier: Apache-2.0
"""Linearizability: each operation took effect at one moment between its call and its return (Herlihy and Wing 1990).

a comes before b where a returned strictly before b was called. Each object (key) is judged by itself. Registers whose
writes can be told apart are judged by sorting, all others by a search that says undecided when its limits are reached.
Which path is taken when: docs/check.md.
"""

from __future__ import annotations

from collections import Counter

from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History, Operation
from tricord.check.linear import registers
from tricord.check.linear.partition import Partition, partitions
from tricord.check.linear.search import Search
from tricord.check.linear.words import stuck_at


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
    counted["partitions"] += 1
    counted["searched"] += 1
    searched = Search(partition.moves(), partition.initial, limits).run()
    counted["steps"] += searched.steps
    if searched.verdict is Verdict.HOLDS:
        return Finding(Verdict.HOLDS)
    if searched.stuck is not None:
        return stuck_at(operations, partition.name, searched.stuck, searched.beside)
    return Finding(Verdict.UNDECIDED, f"{partition.name}: {searched.why}")
