# SPDX-License-Identifier: Apache-2.0
"""Which oracle judges which model, over which histories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module

from tests.check.oracle import causality, committed, snapshots, total_orders
from tests.check.oracle.random_histories import Shape
from tricord.check.finding import Finding, Limits
from tricord.check.history import History
from tricord.check.models import check_of


@dataclass(frozen=True)
class Judge:
    """An oracle, the checker that it is held against, and what both are shown."""

    oracle: Callable[[History], bool]
    checker: Callable[[History], Finding]
    shape: Shape


def _check(model: str) -> Callable[[History], Finding]:
    return lambda history: check_of(model)(history, Limits())


def _check_level(level: str) -> Callable[[History], Finding]:
    def check(history: History) -> Finding:
        found: Finding = import_module("tricord.check.causal").check_level(history, level, Limits())
        return found

    return check


SINGLE = Shape(operations=9)
CAUSAL = Shape(
    operations=7,
    clients=3,
    kinds=("put", "put", "get", "get", "get", "get", "delete", "cas", "append"),
    blind_appends=False,
)
MIXED = Shape(operations=6, kinds=("txn", "txn", "txn", "get", "put", "cas", "delete", "append"))
COMMITTED = replace(MIXED, blind_appends=False)
LISTS = Shape(operations=6, kinds=("txn",), keys=3, lists=True, unique=1.0)

JUDGES = {
    "linearizable": Judge(total_orders.linearizable, _check("linearizable"), SINGLE),
    "linearizable-txn": Judge(total_orders.linearizable, _check("linearizable"), MIXED),
    "sequential": Judge(total_orders.sequential, _check("sequential"), SINGLE),
    "sequential-txn": Judge(total_orders.sequential, _check("sequential"), MIXED),
    "sessions": Judge(causality.sessions, _check("sessions"), CAUSAL),
    "causal-cc": Judge(causality.causal, _check_level("cc"), CAUSAL),
    "causal-ccv": Judge(causality.causal_convergence, _check_level("ccv"), CAUSAL),
    "causal-cm": Judge(causality.causal_memory, _check_level("cm"), CAUSAL),
    "read-committed": Judge(committed.read_committed, _check("read-committed"), COMMITTED),
    "snapshot-isolation": Judge(snapshots.snapshot_isolation, _check("snapshot-isolation"), MIXED),
    "snapshot-isolation-lists": Judge(snapshots.snapshot_isolation, _check("snapshot-isolation"), LISTS),
    "serializable": Judge(total_orders.serializable, _check("serializable"), MIXED),
    "serializable-lists": Judge(total_orders.serializable, _check("serializable"), LISTS),
}
