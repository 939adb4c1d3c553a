# SPDX-License-Identifier: Apache-2.0
"""What an event has to be, whoever is told of it: what was written, the same for all, with the right previous value."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TypeAlias

from tricord.check.finding import Finding, Verdict
from tricord.check.history import FAIL, OK, History, Operation
from tricord.check.watch_lines import Event, KeyValue, Response
from tricord.check.watch_truth import Change, Truth, touched_by

Told: TypeAlias = Callable[[Change], bool]


class EventRules:
    """Rules for single events, by everything that is known."""

    def __init__(self, history: History, truth: Truth) -> None:
        self._history = history
        self._truth = truth

    def judge(self, event: Event, response: Response, told: Told | None) -> Finding | None:
        """What is wrong with an event. ``told``: whether the watch was told of a change; None where it did not ask for
        previous values."""
        change = self._truth.by_place[event.key, event.mod_revision, event.is_put]
        return (
            self._same_for_all(event, response, change)
            or self._somebody_wrote_it(event, response)
            or self._creation(event, response)
            or (self._previous(event, response, told) if told is not None else None)
        )

    def _same_for_all(self, event: Event, response: Response, change: Change) -> Finding | None:
        other = change.event
        values = change.is_put, change.value if change.known else event.value
        differs = values != (event.is_put, event.value)
        if not differs and other is not None:
            numbers = zip((other.create_revision, other.version), (event.create_revision, event.version), strict=True)
            differs = any(one and another and one != another for one, another in numbers)
        if not differs:
            return None
        words = f"{_name(event)} is {_content(event)}, but #{change.source} says otherwise"
        return _finding("not the same", words, response, change.source)

    def _somebody_wrote_it(self, event: Event, response: Response) -> Finding | None:
        maker = self._truth.makers.get(event.mod_revision)
        if maker is not None and event.key not in touched_by(maker):
            words = f"{_name(event)} was told, but that revision is that of #{maker.index}, which did not write the key"
            return _finding("never written", words, response, maker.index)
        if not event.is_put or not self._truth.has_writes:
            return None
        writers = self._truth.writers.get((event.key, event.value), []) + self._truth.vague.get(event.key, [])
        fitting = [one for one in writers if one.status != FAIL and _may_have(one, event)]
        if any(one.call_ns <= response.return_ns for one in fitting):
            return None
        if fitting:
            words = f"{_name(event)} was told before #{fitting[0].index} was called, which wrote {event.value!r}"
            return _finding("told too early", words, response, fitting[0].index)
        failed = [one.index for one in writers if one.status == FAIL]
        if failed:
            words = f"{_name(event)} was told, but #{failed[0]}, which wrote {event.value!r}, failed"
            return _finding("failed write", words, response, failed[0])
        return _finding("never written", f"{_name(event)} was told, but nobody wrote {event.value!r}", response)

    def _creation(self, event: Event, response: Response) -> Finding | None:
        if not event.is_put or not event.version or not event.create_revision:
            return None
        if (event.version == 1) == (event.create_revision == event.mod_revision):
            return None
        numbers = f"version {event.version} and create revision {event.create_revision}"
        return _finding("wrong creation", f"{_name(event)} has {numbers}: version 1 is that of the creation", response)

    def _previous(self, event: Event, response: Response, told: Told) -> Finding | None:
        changes = self._truth.by_key[event.key]
        place = bisect_left(changes, event.mod_revision, key=lambda change: change.revision)
        before = changes[place - 1] if place else None
        if event.prev_kv is None:
            right = self._may_be_absent(event, before, told)
        else:
            right = _may_be(event, event.prev_kv, before, told)
        if right:
            return None
        previous = event.prev_kv
        given = "none" if previous is None else f"{previous.value!r} of revision {previous.mod_revision}"
        words = f"{_name(event)} has the previous value {given}"
        if before is None:
            return _finding("wrong previous", words, response)
        return _finding(
            "wrong previous", f"{words}; #{before.source} is the last change before it", response, before.source
        )

    def _may_be_absent(self, event: Event, before: Change | None, told: Told) -> bool:
        """Whether it may have no previous value: there was nothing, or what there was may have been compacted."""
        there = not event.is_put or 0 < event.create_revision < event.mod_revision
        if before is not None and told(before):
            there = before.is_put
        oldest = max(before.revision if before else 1, event.create_revision if event.is_put else 1)
        return not there or oldest <= self._truth.compacted


def _may_be(event: Event, previous: KeyValue, before: Change | None, told: Told) -> bool:
    """Whether that may be what was there. ``before`` is the last change that is known; unless the watch itself was told
    of it, there may have been later ones."""
    if event.is_put and event.create_revision == event.mod_revision:
        return False
    if before is None:
        return True
    same = before.is_put and (not before.known or previous.value == before.value)
    if not previous.mod_revision:
        return same or not told(before)
    if previous.mod_revision == before.revision:
        return same
    return previous.mod_revision > before.revision and not told(before)


def _may_have(one: Operation, event: Event) -> bool:
    return one.status != OK or not one.revision or one.revision == event.mod_revision


def _name(event: Event) -> str:
    return f"the {event.type} of {event.key!r} at revision {event.mod_revision}"


def _content(event: Event) -> str:
    value = f"a put of {event.value!r}" if event.is_put else "a deletion"
    return f"{value} (version {event.version}, create revision {event.create_revision})" if event.version else value


def _finding(anomaly: str, words: str, response: Response, *lines: int) -> Finding:
    steps = [f"#{line} is what it contradicts." for line in lines]
    operations = sorted({*lines, response.index})
    return Finding(Verdict.VIOLATED, words, [*steps, f"#{response.index}: {words}."], operations, anomaly)
