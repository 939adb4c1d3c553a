# SPDX-License-Identifier: Apache-2.0
"""Sequential consistency (Lamport 1979): one order of all operations explains all answers, and keeps each client's own.

Real time does not count, and keys are looked at together: two keys may be sequential each and not both. An operation
of unknown fate may take effect at any time after the earlier ones of its client. The problem is NP-complete (Gibbons
and Korach 1997); the order of real time, which most histories allow, is tried first. A long history of which each key
is soon seen to be linearizable, is sequential.
"""

from __future__ import annotations

from typing import Final

from tricord.check.assumptions import decide
from tricord.check.every_order import decided
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History
from tricord.check.one_order import OneOrder
from tricord.check.real_time import in_real_time, settled
from tricord.check.transactions import parse
from tricord.check.versions import Story

LONG: Final = 5_000
"""Operations from which on real time is looked at key by key."""


def check(history: History, limits: Limits) -> Finding:
    """Whether one order of all operations explains all answers and keeps the order of each client."""
    parsed = parse(history)
    if len(history) >= LONG and in_real_time(history, limits, searched=True):
        return Finding(Verdict.HOLDS, statistics={"transactions": len(parsed.transactions), "in real time": 1})

    def judge(story: Story, left: Limits) -> Finding:
        story.ordered = True
        return OneOrder(history, story, left, "sequential consistency", split=False).run()

    finding = settled(decide(parsed, limits, judge), history, limits, by_client=True)
    return decided(finding, history, limits, by_client=True)
