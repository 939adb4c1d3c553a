# SPDX-License-Identifier: Apache-2.0
"""Watches by who knows all: one watcher, ``all``, is told everything and rightly; the other is held to that."""

from __future__ import annotations

import random
from typing import Any

from tests.check.watch_stories import Account, Change, Story, is_right, random_story, right_account, spoilt
from tricord.check.history import History, Operation


def history(chance: random.Random) -> History:
    """Writers, a watcher of everything, and one that may have been told something wrong."""
    story = random_story(chance)
    account = right_account(chance, story, "one")
    if chance.random() < 0.7:
        account = spoilt(chance, story, account)
    everything = right_account(chance, story, "all", everything=True)
    return History([*story.lines, *everything.lines(1000), *account.lines(2000)])


def told_rightly(one: History) -> bool:
    """Whether the second watcher was told what the first knows."""
    story = Story()
    for line in _lines(one, "all"):
        for event in line.output.get("events", ()):
            story.revisions.setdefault(event["mod_revision"], []).append(_change(event))
    lines = _lines(one, "one")
    return not lines or is_right(
        story, Account("one", lines[0].key or "", lines[0].input, [line.output for line in lines])
    )


def _lines(one: History, client: str) -> list[Operation]:
    return [line for line in one.operations if line.client == client]


def _change(event: dict[str, Any]) -> Change:
    return Change(
        event["type"],
        event["key"],
        event["mod_revision"],
        event.get("value"),
        event.get("create_revision", 0),
        event.get("version", 0),
        event.get("prev_kv"),
    )
