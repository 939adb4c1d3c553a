# SPDX-License-Identifier: Apache-2.0
"""Points are counted while somebody counts, and cost nothing otherwise."""

from __future__ import annotations

from collections import Counter

from tricord.base.reachable import counted_by, reachable


def test_points_are_told_to_who_counts() -> None:
    counts: Counter[str] = Counter()
    reachable("before")
    with counted_by(lambda point: counts.update([point])):
        reachable("within")
        reachable("within")
    reachable("after")
    assert counts == {"within": 2}
