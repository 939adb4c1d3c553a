# SPDX-License-Identifier: Apache-2.0
"""What is known to have changed: by writes whose revision was answered, and by what watchers were told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tricord.check.history import FAIL, OK, BadHistory, History, Operation
from tricord.check.watch_lines import Event, Watch

NO_CHANGE = frozenset(("get", "watch", "compact"))


class Written(NamedTuple):
    """What an operation did to a key: None is a deletion."""

    key: str
    value: str | None
    known: bool = True
    """False: the key was put, but nobody says with which value."""


@dataclass(slots=True)
class Change:
    """One change of one key that is known."""

    revision: int
    key: str
    is_put: bool
    value: str | None
    known: bool
    """Whether the value is."""
    source: int
    """The line that says so."""
    event: Event | None = None


@dataclass(slots=True)
class Truth:
    """All changes, in the order of revisions."""

    changes: list[Change] = field(default_factory=list)
    by_place: dict[tuple[str, int, bool], Change] = field(default_factory=dict)
    by_key: defaultdict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))
    writers: defaultdict[tuple[str, str | None], list[Operation]] = field(default_factory=lambda: defaultdict(list))
    """Who wrote a value, or failed to."""
    vague: defaultdict[str, list[Operation]] = field(default_factory=lambda: defaultdict(list))
    """By key: who put something that is not known."""
    makers: dict[int, Operation] = field(default_factory=dict)
    """By revision: the acknowledged write that made it."""
    compacted: int = 0
    """The highest revision that the store may have been compacted at."""

    @property
    def has_writes(self) -> bool:
        """Whether the history says who wrote at all."""
        return bool(self.writers or self.vague)

    def complete(self) -> None:
        """All is known by now."""
        self.changes = sorted(
            self.by_place.values(), key=lambda change: (change.revision, change.key, not change.is_put)
        )
        for change in self.changes:
            self.by_key[change.key].append(change)


def truth_of(history: History, watches: Iterable[Watch]) -> Truth:
    """Everything that the history says about changes. Raises BadHistory for operations that are not the store's."""
    truth = Truth()
    for one in history.operations:
        if one.op == "compact" and one.status != FAIL:
            truth.compacted = max(truth.compacted, one.input if isinstance(one.input, int) else 2**63)
        for key, value, known in written_by(one):
            (truth.writers[key, value] if known else truth.vague[key]).append(one)
            if one.status == OK and one.revision:
                truth.makers.setdefault(one.revision, one)
                change = Change(one.revision, key, value is not None or not known, value, known, one.index)
                truth.by_place.setdefault((key, one.revision, change.is_put), change)
    for watch in watches:
        for response in watch.responses:
            for event in response.events:
                place = event.key, event.mod_revision, event.is_put
                told = Change(event.mod_revision, event.key, event.is_put, event.value, True, response.index, event)
                change = truth.by_place.setdefault(place, told)
                if change.event is None and (not change.known or change.value == event.value):
                    change.event = event
    truth.complete()
    return truth


def written_by(one: Operation) -> Iterator[Written]:
    """What the operation changed, if it took effect. Raises BadHistory."""
    op, key = one.op, one.key or ""
    if op in NO_CHANGE:
        return
    if op == "put":
        yield Written(key, one.input)
    elif op == "delete":
        if one.status != OK or one.output:
            yield Written(key, None)
    elif op == "append":
        whole = one.output if one.status == OK else None
        yield Written(key, whole, whole is not None)
    elif op == "cas":
        given: dict[str, Any] = one.input
        if (one.status != OK or one.output) and not given["expect"] is given["value"] is None:
            yield Written(key, given["value"])
    elif op == "txn":
        last = {str(step[1]): step for step in one.input if step[0] != "r"}
        for name, (kind, _, value) in last.items():
            if kind == "append":
                yield Written(name, None, known=False)
            elif value is not None or one.status != OK:
                yield Written(name, None if value is None else str(value))
    else:
        raise BadHistory(f"line {one.index + 1}: {op} is neither a write of the store nor a watch")


def touched_by(one: Operation) -> list[str]:
    """The keys that the operation may have changed."""
    return [str(step[1]) for step in one.input if step[0] != "r"] if one.op == "txn" else [one.key or ""]
