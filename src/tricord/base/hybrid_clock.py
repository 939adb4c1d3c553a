# SPDX-License-Identifier: Apache-2.0
"""Hybrid logical clocks: stamps close to the wall clock that never contradict causality, as pure values.

Kulkarni, Demirbas, Madeppa, Avva, Leone, "Logical Physical Clocks" (2014). A stamp is one number: milliseconds since
1970 in the upper bits, and 16 bits that tell apart what happens within one; should those overflow, the carry makes the
millisecond one more, and order is kept. Stamps order only what is concurrent: causality is compared first.
"""

from __future__ import annotations

from typing import NewType

from tricord.base.message import message

HybridTime = NewType("HybridTime", int)
"""A stamp. Compares as a number; 0 is before all."""

LOGICAL_BITS = 16
CLAMP_MILLISECONDS = 60_000
"""How far ahead of its own wall clock a receiver lets others pull it."""


def hybrid_time(milliseconds: int, logical: int = 0) -> HybridTime:
    """The stamp of a wall clock's time."""
    return HybridTime(milliseconds << LOGICAL_BITS | logical)


def milliseconds_of(stamp: HybridTime) -> int:
    """The wall clock's part of a stamp."""
    return stamp >> LOGICAL_BITS


@message
class HybridClock:
    """A replica's clock: the newest stamp that it gave or followed. ``now`` is its wall clock, in milliseconds."""

    stamp: HybridTime = HybridTime(0)

    def advance(self, now: int) -> HybridClock:
        """The clock after an event of its own, whose stamp is the result's. It is higher than all before."""
        return HybridClock(HybridTime(max(self.stamp + 1, now << LOGICAL_BITS)))

    def observe(self, stamp: HybridTime, now: int, clamp: int = CLAMP_MILLISECONDS) -> Observation:
        """The clock after a foreign ``stamp`` was seen, so that what comes next is stamped later.

        It follows to ``now + clamp`` milliseconds at most: a replica whose clock is far ahead does not pull the others
        with it. What carries the stamp is taken in all the same; ``Observation.ahead`` is for the alarm.
        """
        limit = HybridTime((now + clamp + 1 << LOGICAL_BITS) - 1)
        followed = HybridClock(max(self.stamp, min(stamp, limit)))
        ahead = milliseconds_of(stamp) - now
        return Observation(followed, ahead if stamp > limit else 0)


@message
class Observation:
    """What came of a foreign stamp: the clock now, and by how many milliseconds the stamp is ahead of the wall clock
    where that was too much to follow, else 0."""

    clock: HybridClock
    ahead: int
