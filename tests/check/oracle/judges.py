# SPDX-License-Identifier: Apache-2.0
"""Which oracle judges which model, over which histories."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module

from tests.check.oracle import causality, committed, convergence, locking, snapshots, total_orders, watching
from tests.check.oracle.random_histories import Shape, history
from tricord.check.finding import Finding, Limits
from tricord.check.history import History
from tricord.check.models import check_of

LIMITS = Limits()


@dataclass(frozen=True)
class Judge:
    """An oracle, the checker that it is held against, and what both are shown."""

    oracle: Callable[[History], bool]
    checker: Callable[[History], Finding]
    draw: Callable[[random.Random], History]


def _check(model: str, limits: Limits = LIMITS) -> Callable[[History], Finding]:
    return lambda history: check_of(model)(history, limits)


def _of(shape: Shape) -> Callable[[random.Random], History]:
    return partial(history, shape=shape)


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
    "linearizable": Judge(total_orders.linearizable, _check("linearizable"), _of(SINGLE)),
    "linearizable-txn": Judge(total_orders.linearizable, _check("linearizable"), _of(MIXED)),
    "sequential": Judge(total_orders.sequential, _check("sequential"), _of(SINGLE)),
    "sequential-txn": Judge(total_orders.sequential, _check("sequential"), _of(MIXED)),
    "sessions": Judge(causality.sessions, _check("sessions"), _of(CAUSAL)),
    "causal-cc": Judge(causality.causal, _check_level("cc"), _of(CAUSAL)),
    "causal-ccv": Judge(causality.causal_convergence, _check_level("ccv"), _of(CAUSAL)),
    "causal-cm": Judge(causality.causal_memory, _check_level("cm"), _of(CAUSAL)),
    "read-committed": Judge(committed.read_committed, _check("read-committed"), _of(COMMITTED)),
    "snapshot-isolation": Judge(snapshots.snapshot_isolation, _check("snapshot-isolation"), _of(MIXED)),
    "snapshot-isolation-lists": Judge(snapshots.snapshot_isolation, _check("snapshot-isolation"), _of(LISTS)),
    "serializable": Judge(total_orders.serializable, _check("serializable"), _of(MIXED)),
    "serializable-lists": Judge(total_orders.serializable, _check("serializable"), _of(LISTS)),
    "convergence": Judge(convergence.converges, _check("convergence", Limits(bound_ns=10)), convergence.history),
    "watch": Judge(watching.told_rightly, _check("watch"), watching.history),
    "locks": Judge(locking.exclusive, _check("locks"), locking.history),
}
