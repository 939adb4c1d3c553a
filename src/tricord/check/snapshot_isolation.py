# SPDX-License-Identifier: Apache-2.0
"""Snapshot isolation (Berenson et al. 1995; Cerone and Gotsman 2016): each transaction reads one snapshot.

Of two transactions that write the same key one commits before the other starts. It is the plain model: snapshots may be
old, and neither real time nor the order of a client's own transactions counts. A history is one of snapshot isolation
exactly if versions can be ordered so that no cycle of dependencies is without two rw next to each other.
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
    """Whether starts and commits can be put in an order that explains all answers."""

    def judge(story: Story, left: Limits) -> Finding:
        return OneOrder(history, story, left, "snapshot isolation", split=True).run()

    return decided(settled(decide(parse(history), limits, judge), history, limits), history, limits, split=True)
