# SPDX-License-Identifier: Apache-2.0
"""What watchers were told becomes lines that the checker of watches reads, and judges."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.faults.clients import Told
from tests.e2e.faults.told import write_watch_history
from tricord.base.operations import Event, EventKind, KeyValue
from tricord.check.finding import Limits, Verdict
from tricord.check.history import Operation
from tricord.check.reading import read_history
from tricord.check.watch import check


def put(key: bytes, revision: int, version: int) -> Event:
    return Event(EventKind.PUT, KeyValue(key, b"v%d" % revision, revision + 1 - version, revision, version))


WRITES = [
    Operation(1, "put", "register/1", "v2", None, 0, 10, "ok", 2),
    Operation(1, "put", "register/1", "v3", None, 20, 30, "ok", 3),
    Operation(1, "delete", "register/1", None, None, 40, 50, "ok", 4),
]
DELETED = Event(EventKind.DELETE, KeyValue(b"register/1", b"", 0, 4, 0))
EVENTS = [put(b"register/1", 2, 1), put(b"register/1", 3, 2), DELETED, put(b"other", 5, 1)]


def verdict(path: Path, events: list[Event]) -> Verdict:
    told = {"through n1": [Told(event, 100 + number) for number, event in enumerate(events)]}
    write_watch_history(path / "watch.jsonl", WRITES, told)
    return check(read_history((path / "watch.jsonl").read_bytes()), Limits()).verdict


def test_a_watcher_that_was_told_of_everything_holds(tmp_path: Path) -> None:
    assert verdict(tmp_path, EVENTS) == Verdict.HOLDS


def test_one_that_missed_a_change_does_not(tmp_path: Path) -> None:
    assert verdict(tmp_path, [EVENTS[0], EVENTS[2]]) == Verdict.VIOLATED
