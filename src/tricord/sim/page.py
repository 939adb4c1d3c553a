# SPDX-License-Identifier: Apache-2.0
"""A run as a page for a browser: faults above, then the members' roles, then what each client did, on one axis."""

from __future__ import annotations

import re

from tricord.check.history import History
from tricord.check.picture import PictureLane, story_page
from tricord.sim.outcome import Outcome
from tricord.sim.picture import label_of, roles
from tricord.sim.swarm import describe

_ROLES = {"L": ("leads", "leads"), "-": ("follows", "follows"), "x": ("is down", "down"), "p": ("is paused", "paused")}


def page(outcome: Outcome) -> str:
    """The HTML of a run. Of many operations those are drawn that a violation names, with their neighbourhood."""
    history = outcome.history or History(())
    found = [f"{violation.at:.3f} s, {violation.checker}: {violation.words}" for violation in outcome.violations]
    words = [*(found or ["No violation."]), describe(outcome.plan)]
    title = f"{outcome.plan.net} seed {outcome.plan.seed}"
    return story_page(title, history, _marked(outcome, history), words, [*_faults(outcome), *_members(outcome)])


def _marked(outcome: Outcome, history: History) -> list[int]:
    """The operations that the first violation names as ``#index``; without any, the last one that began before it."""
    if not outcome.violations:
        return []
    first = outcome.violations[0]
    named = [int(index) for index in re.findall(r"#([0-9]+)", first.words)]
    before = [one.index for one in history.operations if one.call_ns <= first.at * 1e9]
    return [index for index in named if index < len(history)] or before[-1:]


def _faults(outcome: Outcome) -> list[PictureLane]:
    lanes: list[PictureLane] = []
    for fault in outcome.plan.faults:
        bar = (_ns(fault.at), _ns(fault.at + fault.seconds), label_of(fault), "fault")
        lanes.append(PictureLane(fault.kind, [bar]))
    return lanes


def _members(outcome: Outcome) -> list[PictureLane]:
    lanes: list[PictureLane] = []
    for member, changes in roles(outcome.lines).items():
        ends = [*(at for at, _ in changes[1:]), max(outcome.plan.seconds, changes[-1][0])]
        bars = [
            (_ns(begin), _ns(end), f"{member} {_ROLES[sign][0]}", _ROLES[sign][1])
            for (begin, sign), end in zip(changes, ends, strict=True)
        ]
        lanes.append(PictureLane(member, bars))
    return lanes


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
