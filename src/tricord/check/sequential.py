# SPDX-License-Identifier: Apache-2.0
"""Sequential consistency (Lamport 1979): one order of all operations explains all answers, and keeps each client's own.

Real time does not count, and keys are looked at together: two keys may be sequential each and not both. An operation
of unknown fate may take effect at any time after the earlier ones of its client. The problem is NP-complete (Gibbons
and Korach 1997); the order of real time, which most histories allow, is tried first.
"""

from __future__ import annotations

from tricord.check.assumptions import decide
from tricord.check.finding import Finding, Limits
from tricord.check.history import History
from tricord.check.one_order import OneOrder
from tricord.check.transactions import parse
from tricord.check.versions import Story


def check(history: History, limits: Limits) -> Finding:
    """Whether one order of all operations explains all answers and keeps the order of each client."""

    def judge(story: Story, left: Limits) -> Finding:
        story.ordered = True
        return OneOrder(history, story, left, "sequential consistency", split=False).run()

    return decide(parse(history), limits, judge)
