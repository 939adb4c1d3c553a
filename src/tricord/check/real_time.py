# SPDX-License-Identifier: Apache-2.0
"""A short way for models that are weaker than linearizability, where each client did one thing after the other.

If each object is linearizable, one order of all operations explains all answers and keeps real time, and with it the
order of each client (Herlihy and Wing 1990: linearizability is local). So the history is sequentially consistent,
serializable, causal in each sense, and keeps the session guarantees.
"""

from __future__ import annotations

from typing import Final

from tricord.check import linearizable
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import OK, BadHistory, History, Operation

SEARCHED: Final = 100_000
"""Steps of a search for an order of one object, where a search is asked for."""


def in_real_time(history: History, limits: Limits, *, searched: bool = False) -> bool:
    """Whether each object is linearizable, and clients did one thing after the other. False says nothing.

    ``searched``: where it is not seen at once, a short search may decide.
    """
    try:
        if not _one_by_one(history.operations):
            return False
        return _searched(history, limits) if searched else linearizable.surely(history, limits)
    except BadHistory:
        return False


def settled(finding: Finding, history: History, limits: Limits, *, by_client: bool = False) -> Finding:
    """The finding of a model that is weaker; what is undecided holds, where a short search finds an order in real time.

    ``by_client``: the order of each client's operations counts, too.
    """
    if finding.verdict is not Verdict.UNDECIDED or limits.expired():
        return finding
    if not (in_real_time(history, limits, searched=True) if by_client else _searched(history, limits)):
        return finding
    return Finding(Verdict.HOLDS, statistics=finding.statistics | {"in real time": 1})


def _searched(history: History, limits: Limits) -> bool:
    few = Limits(min(limits.steps, SEARCHED), limits.expired)
    try:
        return linearizable.check(history, few).verdict is Verdict.HOLDS
    except BadHistory:
        return False


def _one_by_one(operations: list[Operation]) -> bool:
    """Whether each operation was called after its client's last one, if that is of known fate, had returned."""
    last: dict[int | str, int] = {}
    for one in sorted(operations, key=lambda one: one.call_ns):
        if last.get(one.client, -1) >= one.call_ns:
            return False
        if one.status == OK:
            if one.return_ns is None:
                return False
            last[one.client] = max(last.get(one.client, -1), one.return_ns)
    return True
