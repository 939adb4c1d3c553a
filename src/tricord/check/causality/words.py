# SPDX-License-Identifier: Apache-2.0
"""Causes in words: who read what from whom, and who did what before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from tricord.check.causality.events import ABSENT, EMPTY, SOMETHING, Other
from tricord.check.causality.reads_from import Trace, failed_writers

LONG = 60
"""Characters of a value that are shown."""


def shown(value: Any) -> str:
    """A value, shortened."""
    if value is EMPTY:
        return "nothing"
    if value is SOMETHING:
        return "a value that ends in what it appended"
    if isinstance(value, Other):
        return f"something else than {shown(value.value)}"
    text = json.dumps(value, default=str)
    return text if len(text) <= LONG else text[:LONG] + "..."


class Words:
    """Sentences about one history's events."""

    def __init__(self, trace: Trace, source: list[int]) -> None:
        self.trace = trace
        self.source = source
        self._clients = {number: client for client, number in trace.events.sessions.items()}
        self._keys = {number: key for key, number in trace.events.keys.items()}

    def client(self, event: int) -> str:
        return f"client {self._clients[self.trace.events.session[event]]}"

    def read(self, event: int) -> str:
        events = self.trace.events
        value, key = shown(events.wanted[event]), shown(self._keys[events.key[event]])
        return f"{self.client(event)} read {value} of {key} in #{self.trace.of(event)}"

    def write(self, event: int) -> str:
        events = self.trace.events
        value, key = shown(events.written[event]), shown(self._keys[events.key[event]])
        return f"#{self.trace.of(event)}, where {self.client(event)} wrote {value} to {key}"

    def does(self, event: int) -> str:
        if self.trace.events.written[event] is ABSENT:
            return self.read(event)
        events = self.trace.events
        value, key = shown(events.written[event]), shown(self._keys[events.key[event]])
        return f"{self.client(event)} wrote {value} to {key} in #{self.trace.of(event)}"

    def thin(self, read: int) -> str:
        failed = failed_writers(self.trace, read)
        if failed:
            names = " and ".join(f"#{one}" for one in failed)
            return f"{self.read(read)}, which only {names} would have written, but failed"
        return f"{self.read(read)}, which nobody wrote"

    def path(self, one: int, other: int, before: Callable[[int, int], bool]) -> list[int]:
        """Events from one to another that comes causally after it, with few between."""
        found, event, along = [other], other, False
        while event != one:
            previous = self.trace.previous[event]
            if previous >= 0 and (previous == one or before(one, previous)):
                if along:
                    found.pop()
                event, along = previous, True
            else:
                event, along = self.source[event], False
            found.append(event)
        return found[::-1]

    def step(self, one: int, other: int) -> str:
        """Why one comes before the other: the one wrote what the other read, or they are of one client."""
        if self.source[other] == one:
            return f"{self.read(other)}, which #{self.trace.of(one)} wrote"
        if self.trace.of(one) == self.trace.of(other):
            return f"{self.does(other)}, in one operation"
        return f"{self.does(other)}, after #{self.trace.of(one)}"

    def along(self, path: list[int]) -> list[str]:
        return [self.step(one, other) for one, other in pairwise(path)]

    def circle(self, cycle: list[int], witnesses: Mapping[tuple[int, int], int] | None = None) -> list[str]:
        """Each comes before the next, the last before the first. ``witnesses``: by pair the read that puts it so."""
        steps = []
        for one, other in zip(cycle, cycle[1:] + cycle[:1], strict=True):
            witness = (witnesses or {}).get((one, other))
            if witness is None:
                steps.append(self.step(one, other))
                continue
            first, then = self.trace.of(one), self.trace.of(other)
            steps.append(
                f"{self.read(witness)}, which #{then} wrote; #{first} led to it, so #{first} comes before #{then}"
            )
        return steps
