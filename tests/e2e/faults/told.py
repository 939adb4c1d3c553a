# SPDX-License-Identifier: Apache-2.0
"""What watchers were told, as lines for `tricord check run --model watch`, beside the writes of who was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from tests.e2e.faults.clients import Told
from tricord.base.operations import EventKind
from tricord.check.history import Operation
from tricord.check.reading import line_of

RANGES = (("register/", "register0"), ("string/", "string0"))
"""The keys whose writers are recorded: of all others a watcher is told too, but nobody says who wrote them."""


def write_watch_history(path: Path, writes: Iterable[Operation], told: dict[str, list[Told]]) -> None:
    """Reads and writes, and a watch of each range by each watcher."""
    with path.open("wb") as file:
        for one in writes:
            file.write(line_of(one))
        for watcher, events in told.items():
            for start, end in RANGES:
                for one in _responses(f"{watcher}, {start}", start, end, events):
                    file.write(line_of(one))


def _responses(client: str, start: str, end: str, events: Iterable[Told]) -> Iterator[Operation]:
    """One for each revision: the client library gives events one by one."""
    wish = {"range_end": end, "start_revision": 1}
    inside = (one for one in events if start <= one.event.key.decode() < end)
    for revision, group in groupby(inside, key=attrgetter("event.kv.mod_revision")):
        whole = list(group)
        output = {"revision": revision, "events": [_event(one) for one in whole]}
        yield Operation(client, "watch", start, wish, output, whole[0].at_ns, whole[-1].at_ns)


def _event(told: Told) -> dict[str, Any]:
    kv = told.event.kv
    if told.event.kind == EventKind.DELETE:
        return {"type": "delete", "key": kv.key.decode(), "mod_revision": kv.mod_revision}
    return {
        "type": "put",
        "key": kv.key.decode(),
        "value": kv.value.decode(),
        "mod_revision": kv.mod_revision,
        "create_revision": kv.create_revision,
        "version": kv.version,
    }
