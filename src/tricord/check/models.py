# SPDX-License-Identifier: Apache-2.0
"""The models by name. A model's module is imported when it is asked for.

``linearizable`` is in ``tricord.check.linearizable``, ``read-committed`` in ``tricord.check.read_committed``, and so
on; each has ``check(history: History, limits: Limits) -> Finding``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from tricord.check.finding import Finding, Limits
from tricord.check.history import History

Check = Callable[[History, Limits], Finding]

MODELS = {
    "linearizable": "every operation took effect at one moment between its call and its return",
    "sequential": "one order explains all answers, and keeps each client's own order",
    "sessions": "read your writes, monotonic reads, monotonic writes, writes follow reads",
    "causal": "no operation is seen before those that led to it (CC; also says CCv and CM)",
    "read-committed": "no dirty writes, no reads of what was never committed, no circular information flow",
    "snapshot-isolation": "each transaction reads one snapshot, and of two that write the same key one comes first",
    "serializable": "one order of whole transactions explains all answers",
    "convergence": "a bounded time after the last write all readers see the same",
    "watch": "watchers are told of every change, once, in order, with whole revisions",
    "locks": "no two clients hold a lock at once, and no lease ends early",
}

BY_CLIENT = frozenset(("sequential", "sessions", "causal"))
"""Those that go by the order of each client's operations, so that it has to do one thing at a time."""

LEVELS = {"causal": ("cc", "ccv", "cm")}
"""Of models that have several: what ``Limits.level`` may be; the first is the usual one."""


def check_of(model: str) -> Check:
    """The model's checker. Raises KeyError for a name that is not in ``MODELS``."""
    if model not in MODELS:
        raise KeyError(model)
    return cast(Check, import_module(f"tricord.check.{model.replace('-', '_')}").check)
