# SPDX-License-Identifier: Apache-2.0
"""What clients saw, judged as a whole when a run is over: as ``tricord check`` would, knowing nothing of the cluster.

Who was never told whether a write took effect does not know its revision either, but the store does. Given it as one
more hint, which is checked and never trusted, the checker mostly needs no search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from tricord.base.operations import Event, EventKind
from tricord.check.finding import Finding, Limits
from tricord.check.history import UNKNOWN, History, Operation
from tricord.check.models import check_of

STEPS_MAX = 200_000
"""Of the search for an order of all operations; most histories need none."""


def judge(operations: list[Operation], events: Sequence[list[Event]], first_revision: int) -> Finding:
    """Whether an order explains all answers. ``events`` are those of each revision, from the first one on."""
    told = with_revisions(operations, events, first_revision)
    return check_of("linearizable")(History(told), Limits(steps=STEPS_MAX))


def with_revisions(operations: list[Operation], events: Sequence[list[Event]], first_revision: int) -> list[Operation]:
    """The same, but that those with an unknown outcome name the revision that seems to be theirs."""
    nobodys = dict(enumerate(events, first_revision))
    for one in operations:
        if one.revision in nobodys and _may_be(one, nobodys[one.revision]):
            del nobodys[one.revision]
    unknown = [one for one in operations if one.status == UNKNOWN]
    found: dict[int, int] = {}
    for one in sorted(unknown, key=lambda one: one.call_ns):
        revision = next((revision for revision, done in nobodys.items() if _may_be(one, done)), 0)
        if revision:
            found[id(one)] = revision
            del nobodys[revision]
    return [replace(one, revision=found[id(one)]) if id(one) in found else one for one in operations]


def _may_be(operation: Operation, events: list[Event]) -> bool:
    """Whether these may be what the operation did."""
    writes = list(_writes(operation))
    return len(writes) == len(events) and all(
        _is_same(event, key, value, whole=operation.op != "append")
        for event, (key, value) in zip(events, writes, strict=True)
    )


def _is_same(event: Event, key: str, value: str | None, *, whole: bool) -> bool:
    if event.key != key.encode() or (event.kind == EventKind.DELETE) != (value is None):
        return False
    return value is None or event.kv.value == value.encode() or (not whole and event.kv.value.endswith(value.encode()))


def _writes(operation: Operation) -> Iterator[tuple[str, str | None]]:
    """Keys and values (None: a deletion); of an append the end of the value: it may not say what was there before."""
    given = operation.input
    if operation.op == "txn":
        yield from ((key, value) for what, key, value in given if what == "w")
    elif operation.op in ("put", "append", "delete", "cas"):
        assert operation.key is not None
        yield operation.key, given["value"] if operation.op == "cas" else given
