# SPDX-License-Identifier: Apache-2.0
"""The judgement of a whole run: who was told nothing is given the revision that seems to be its own."""

from __future__ import annotations

from tricord.base.operations import Event, EventKind, KeyValue
from tricord.check.finding import Verdict
from tricord.check.history import Operation
from tricord.sim.invariants.store_history import StoreHistory
from tricord.sim.whole import judge, with_revisions


def _store(*revisions: list[tuple[str, str | None]]) -> StoreHistory:
    store = StoreHistory()
    for revision, writes in enumerate(revisions, store.first_revision):
        events = []
        for key, value in writes:
            kind = EventKind.DELETE if value is None else EventKind.PUT
            events.append(Event(kind, KeyValue(key.encode(), (value or "").encode(), revision, revision, 1, 0), None))
        store.events.append(events)
    return store


def test_each_kind_of_write_is_known_by_what_it_wrote() -> None:
    operations = [
        Operation(0, "put", "a", "0.1", None, 1, None, "unknown"),
        Operation(1, "delete", "a", None, None, 2, None, "unknown"),
        Operation(2, "cas", "a", {"expect": None, "value": "2.1"}, None, 3, None, "unknown"),
        Operation(3, "append", "a", "3.1;", None, 4, None, "unknown"),
        Operation(4, "txn", None, [["r", "a", None], ["w", "b", "4.1"], ["w", "a", "4.1'"]], None, 5, None, "unknown"),
        Operation(5, "get", "a", None, None, 6, None, "unknown"),
        Operation(6, "put", "b", "6.1", None, 7, None, "unknown"),
    ]
    store = _store([("a", "0.1")], [("a", None)], [("a", "2.1")], [("a", "2.13.1;")], [("b", "4.1"), ("a", "4.1'")])
    assert [one.revision for one in with_revisions(operations, store.events, store.first_revision)] == [
        2,
        3,
        4,
        5,
        6,
        0,
        0,
    ]
    assert judge(operations, store.events, store.first_revision).verdict is Verdict.HOLDS


def test_what_somebody_answered_for_is_nobody_elses() -> None:
    operations = [
        Operation(0, "delete", "a", None, None, 1, None, "unknown"),
        Operation(1, "put", "a", "1.1", None, 2, 3, revision=2),
        Operation(1, "delete", "a", None, None, 4, 5, revision=3),
        Operation(1, "get", "a", None, None, 6, 7, revision=3),
    ]
    store = _store([("a", "1.1")], [("a", None)])
    assert [one.revision for one in with_revisions(operations, store.events, store.first_revision)] == [0, 2, 3, 3]
    assert judge(operations, store.events, store.first_revision).verdict is Verdict.HOLDS
