# SPDX-License-Identifier: Apache-2.0
"""What clients did: operations, one JSON object a line (docs/check.md).

``{"client":3,"op":"put","key":"k1","input":"v7","output":null,"call_ns":10,"return_ns":25,"status":"ok"}``

The status is ``ok``, ``fail`` (it had no effect) or ``unknown`` (it may take effect at any time after the call, or
never). Times are nanoseconds of one clock. The order of a client's operations is that of their calls (``turn``); it
does one thing at a time, for models that go by that order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

OK, FAIL, UNKNOWN = "ok", "fail", "unknown"
STATUSES = frozenset((OK, FAIL, UNKNOWN))


class BadHistory(ValueError):
    """A line is no operation, or operations contradict each other. The message names the line."""


class Operation(msgspec.Struct, gc=False, omit_defaults=True):
    """One call of one client, and what came of it."""

    client: int | str
    op: str
    key: str | None = None
    """None for an operation on several keys (``txn``)."""
    input: Any = None
    output: Any = None
    call_ns: int = 0
    return_ns: int | None = None
    """None: it never returned, and is not ``ok``."""
    status: str = OK
    revision: int = 0
    """The store's own revision of the answer, where it gives one (0: none). A hint that is checked, never trusted."""
    index: int = 0
    """Its place in the history, from 0; the line is one more."""


def turn(one: Operation) -> tuple[int, int]:
    """Orders the operations of one client, lines breaking ties: by their calls; at one moment by their returns.

    One of unknown fate comes before what was called at the same moment: nothing waits for it, and it waits for less.
    """
    return one.call_ns, -1 if one.status == UNKNOWN or one.return_ns is None else one.return_ns


class History:
    """Operations in the order of the file; ``operations[n].index == n``."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = list(operations)
        for index, one in enumerate(self.operations):
            one.index = index

    def __len__(self) -> int:
        return len(self.operations)

    def only(self, indexes: Iterable[int]) -> History:
        """A smaller history with copies of these operations alone, in the same order."""
        return History(msgspec.structs.replace(self.operations[index]) for index in sorted(set(indexes)))
