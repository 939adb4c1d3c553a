# SPDX-License-Identifier: Apache-2.0
"""A small store with watchers, the lines that they leave, and what may be wrong with these.

``Story`` knows every change, so it can say by itself whether a watcher's account is right: an oracle for the checker.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from tricord.check.history import Operation

KEYS = "abcd"


@dataclass(frozen=True)
class Change:
    """One event of the store."""

    kind: str
    key: str
    revision: int
    value: str | None = None
    created: int = 0
    version: int = 0
    previous: dict[str, Any] | None = None

    def line(self, with_previous: bool) -> dict[str, Any]:
        """As it is told."""
        told: dict[str, Any] = {"type": self.kind, "key": self.key, "mod_revision": self.revision}
        if self.kind == "put":
            told |= {"value": self.value, "create_revision": self.created, "version": self.version}
        if with_previous:
            told["prev_kv"] = self.previous
        return told


@dataclass
class Story:
    """What happened, by revision, and the writers' lines."""

    revisions: dict[int, list[Change]] = field(default_factory=dict)
    lines: list[Operation] = field(default_factory=list)
    _held: dict[str, dict[str, Any]] = field(default_factory=dict)
    now: int = 0

    @property
    def newest(self) -> int:
        return 1 + len(self.revisions)

    def write(self, changes: dict[str, str | None]) -> None:
        """One transaction: None deletes, if there is something."""
        revision = self.newest + 1
        steps = [["w", key, value] for key, value in changes.items()]
        done = []
        for key, value in changes.items():
            before = self._held.get(key)
            if value is None and before is not None:
                done.append(Change("delete", key, revision, previous=before))
                del self._held[key]
            elif value is not None:
                created, version = (before["create_revision"], before["version"] + 1) if before else (revision, 1)
                done.append(Change("put", key, revision, value, created, version, before))
                self._held[key] = {
                    "value": value,
                    "mod_revision": revision,
                    "create_revision": created,
                    "version": version,
                }
        if done:
            self.revisions[revision] = done
        at = revision if done else self.newest
        self.lines.append(Operation("writer", "txn", None, steps, steps, self.now, self.now + 1, "ok", at))
        self.now += 2

    def due(self, wish: dict[str, Any], key: str, first: int, last: int) -> list[list[Change]]:
        """What a watcher is to be told of these revisions."""

        def wanted(change: Change) -> bool:
            end = wish.get("range_end", "")
            inside = change.key == key if not end else key <= change.key and (end == "\0" or change.key < end)
            return inside and f"no{change.kind}" not in wish.get("filters", [])

        found = [
            [change for change in self.revisions[at] if wanted(change)]
            for at in sorted(self.revisions)
            if first <= at <= last
        ]
        return [changes for changes in found if changes]


def random_story(draw: random.Random) -> Story:
    """A few writes."""
    story = Story()
    for number in range(draw.randint(3, 9)):
        keys = draw.sample(KEYS, draw.choice((1, 1, 1, 2, 3)))
        story.write({key: draw.choice((f"v{number}{key}", f"v{number}{key}", None)) for key in keys})
    return story


@dataclass
class Account:
    """One watcher: where it looks, and the outputs of its lines."""

    name: str
    key: str
    wish: dict[str, Any]
    outputs: list[dict[str, Any]]

    def lines(self, after: int) -> list[Operation]:
        return [
            Operation(self.name, "watch", self.key, self.wish, output, after + place, after + place, "ok")
            for place, output in enumerate(self.outputs)
        ]


def right_account(draw: random.Random, story: Story, name: str, *, everything: bool = False) -> Account:
    """Told all from some revision on to some other, in responses of one or more revisions, with marks."""
    key = draw.choice(KEYS)
    wish: dict[str, Any] = {"start_revision": draw.randint(2, max(2, story.newest - 1)), "prev_kv": draw.random() < 0.7}
    if draw.random() < 0.7:
        wish["range_end"] = draw.choice((chr(ord(key) + 2), "\0"))
    if draw.random() < 0.2:
        wish["filters"] = [draw.choice(("noput", "nodelete"))]
    if everything:
        key, wish = "a", {"start_revision": 2, "prev_kv": True, "range_end": "\0"}
    last = (
        story.newest if everything else draw.randint(wish["start_revision"], max(wish["start_revision"], story.newest))
    )
    outputs: list[dict[str, Any]] = [{"created": True, "revision": story.newest}]
    for changes in story.due(wish, key, wish["start_revision"], last):
        events = [change.line(wish["prev_kv"]) for change in changes]
        if draw.random() < 0.3 and outputs[-1].get("events") and not outputs[-1].get("fragment"):
            outputs[-1]["events"] += events
        elif draw.random() < 0.2 and len(events) > 1:
            outputs += [{"events": events[:1], "fragment": True}, {"events": events[1:]}]
        else:
            outputs.append({"events": events, "revision": story.newest})
        if draw.random() < 0.2:
            outputs.append({"revision": events[0]["mod_revision"]})
    if draw.random() < 0.3:
        outputs.append({"revision": last})
    return Account(name, key, wish, outputs)


def spoilt(draw: random.Random, story: Story, account: Account) -> Account:
    """With something that may be wrong."""
    outputs = [
        dict(output, events=list(output["events"])) if "events" in output else dict(output)
        for output in account.outputs
    ]
    told = [(output, place) for output in outputs for place in range(len(output.get("events", ())))]
    if not told:
        return replace(account, outputs=[*outputs, {"revision": story.newest}])
    output, place = draw.choice(told)
    event = output["events"][place]
    match draw.randrange(10):
        case 0:
            del output["events"][place]
        case 1:
            output["events"].insert(place, event)
        case 2:
            outputs.append({"events": [event]})
        case 3:
            output["events"].reverse()
        case 4:
            output["events"][place] = dict(event, value="vx")
        case 5:
            if "prev_kv" in event:
                output["events"][place] = dict(event, prev_kv=draw.choice((None, {"value": "vx", "mod_revision": 2})))
        case 6:
            output["events"][place] = dict(event, mod_revision=event["mod_revision"] + draw.choice((-1, 1)))
        case 7:
            output["events"][place] = dict(event, key=draw.choice(KEYS))
        case 8:
            at = outputs.index(output)
            outputs[at : at + 1] = [
                {"events": output["events"][: place + 1]},
                {"events": output["events"][place + 1 :]},
            ]
        case _:
            outputs.insert(draw.randrange(1, len(outputs)), {"revision": draw.randint(2, story.newest)})
    if draw.random() < 0.3:
        draw.shuffle(outputs)
    return replace(account, outputs=[each for each in outputs if each.get("events") != [] or len(each) > 1])


def due_lines(story: Story, account: Account, last: int) -> list[dict[str, Any]]:
    """What it is to be told up to a revision."""
    due = story.due(account.wish, account.key, account.wish["start_revision"], last)
    return [change.line(account.wish["prev_kv"]) for changes in due for change in changes]


def is_right(story: Story, account: Account) -> bool:
    """Whether the store can have told it that."""
    told: list[dict[str, Any]] = []
    waiting = False
    for output in account.outputs:
        if output.get("created"):
            continue
        if not output.get("events"):
            due = due_lines(story, account, output.get("revision", 0))
            if any(event not in told for event in due):
                return False
            told.append({"mark": output.get("revision", 0) + 1})
            continue
        events = output["events"]
        marks = [event["mark"] for event in told if "mark" in event]
        if any(event["mod_revision"] < max(marks, default=0) for event in events):
            return False
        before = [event["mod_revision"] for event in told if "mark" not in event]
        if before and events and events[0]["mod_revision"] == before[-1] and not waiting:
            return False
        told += events
        waiting = bool(output.get("fragment"))
    told = [event for event in told if "mark" not in event]
    if not told:
        return True
    due = due_lines(story, account, told[-1]["mod_revision"])
    if waiting and len(told) < len(due):
        due = due[: len(told)]
    return in_any_order(told) == in_any_order(due)


def in_any_order(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """By runs of one revision, each by key: the order within a revision is not judged."""
    runs = groupby(events, key=lambda event: event["mod_revision"])
    return [sorted(run, key=lambda event: event["key"]) for _, run in runs]
