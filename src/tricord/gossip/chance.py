# SPDX-License-Identifier: Apache-2.0
"""Choices among members by the randomness that was passed in."""

from __future__ import annotations

from collections.abc import Sequence

from tricord.base.environment import Random


def below(random: Random, count: int) -> int:
    """An integer from 0 to ``count`` - 1."""
    return random.bits(32) % count


def shuffled(random: Random, members: Sequence[int]) -> list[int]:
    """All of them in a random order (Fisher and Yates)."""
    order = list(members)
    for place in range(len(order) - 1, 0, -1):
        other = below(random, place + 1)
        order[place], order[other] = order[other], order[place]
    return order


def some(random: Random, members: Sequence[int], count: int, without: int = 0) -> list[int]:
    """At most ``count`` different ones, in a random order; never ``without``."""
    chosen: list[int] = []
    if count * 3 >= len(members):
        return [member for member in shuffled(random, members) if member != without][:count]
    while len(chosen) < count:
        member = members[below(random, len(members))]
        if member != without and member not in chosen:
            chosen.append(member)
    return chosen
