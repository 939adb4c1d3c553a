# SPDX-License-Identifier: Apache-2.0
"""The files of a failure: plans to replay, the history to check, the story and a picture to read."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tricord.check.history import History
from tricord.check.reading import line_of
from tricord.sim.outcome import Outcome
from tricord.sim.page import page
from tricord.sim.picture import picture
from tricord.sim.plan_text import format_plan
from tricord.sim.swarm import describe


@dataclass(frozen=True, slots=True)
class Files:
    """Where they are."""

    directory: str
    shortest: str
    """The plan to replay."""


def save(outcome: Outcome, shortest: Outcome, out: str) -> Files:
    """Write what is known of a failing run and of its shortest plan; what was there of the same seed goes."""
    directory = os.path.join(out, f"{outcome.plan.net}-{outcome.plan.seed}")
    os.makedirs(directory, exist_ok=True)
    contents = {
        "drawn.plan": _commented(outcome),
        "shortest.plan": _commented(shortest),
        "story.txt": _story(shortest),
        "timeline.html": page(shortest),
    }
    for name, text in contents.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    with open(os.path.join(directory, "history.jsonl"), "wb") as file:
        file.writelines(map(line_of, (shortest.history or History(())).operations))
    return Files(directory, os.path.join(directory, "shortest.plan"))


def _commented(outcome: Outcome) -> str:
    """The plan, and why it is kept."""
    words = [f"# {violation.checker} at {violation.at:.3f} s" for violation in outcome.violations[:5]]
    return "\n".join([*words, format_plan(outcome.plan)])


def _story(outcome: Outcome) -> str:
    found = [f"{violation.at:.3f} {violation.checker}: {violation.words}" for violation in outcome.violations]
    return "\n".join([describe(outcome.plan), "", *outcome.lines, "", *found, "", picture(outcome), ""])
