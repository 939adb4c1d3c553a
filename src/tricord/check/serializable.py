# SPDX-License-Identifier: Apache-2.0
"""Serializability (Papadimitriou 1979; Adya 1999, PL-3): one order of whole transactions explains all answers.

It is the plain model: neither real time nor the order of a client's own transactions counts. Where the order of
versions is known (lists, chains of reads and writes) the check is exact and near-linear; otherwise the problem is
NP-complete, and the search says undecided when it takes more steps than allowed.
"""

from __future__ import annotations

from tricord.check.assumptions import decide
from tricord.check.every_order import decided
from tricord.check.finding import Finding, Limits
from tricord.check.history import History
from tricord.check.one_order import OneOrder
from tricord.check.real_time import settled
from tricord.check.transactions import parse
from tricord.check.versions import Story


def check(history: History, limits: Limits) -> Finding:
    """Whether one order of whole transactions explains all answers."""

    def judge(story: Story, left: Limits) -> Finding:
        return OneOrder(history, story, left, "serializability", split=False).run()

    return decided(settled(decide(parse(history), limits, judge), history, limits), history, limits)
