# SPDX-License-Identifier: Apache-2.0
"""The part of a long history that a picture shows."""

from __future__ import annotations

from collections.abc import Sequence

from tricord.check.history import Operation

MOST_OPERATIONS = 300
"""That are drawn, if the counter-example has no more itself."""


def neighbourhood(operations: Sequence[Operation], marked: Sequence[int]) -> list[Operation]:
    """The operations marked, and as many around each of them in time as fit, those on the same keys first."""
    if len(operations) <= MOST_OPERATIONS:
        return list(operations)
    own = [operations[index] for index in marked] or list(operations[:1])
    keys, clients = {one.key for one in own}, {one.client for one in own}
    chosen = {one.index for one in own}

    def distance(one: Operation) -> tuple[int, bool, bool]:
        apart = min(max(other.call_ns - _end(one), one.call_ns - _end(other), 0) for other in own[:20])
        return apart, one.key not in keys, one.client not in clients

    others = sorted((one for one in operations if one.index not in chosen), key=distance)
    chosen.update(one.index for one in others[: max(0, MOST_OPERATIONS - len(chosen))])
    return [operations[index] for index in sorted(chosen)]


def _end(one: Operation) -> int:
    return one.call_ns if one.return_ns is None else one.return_ns
