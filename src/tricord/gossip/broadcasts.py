# SPDX-License-Identifier: Apache-2.0
"""Which broadcasts are new. Every member passes each of them on, so each comes many times.

Of each origin the last ``WINDOW`` numbers are remembered. What is older, or of a former life, counts as known: a
broadcast may be lost, and is never delivered twice to one run of a member.
"""

from __future__ import annotations

from tricord.gossip.messages import Broadcast

WINDOW = 1024
_MASK = (1 << WINDOW) - 1


class _Seen:
    """Of one origin: bit i of ``bits`` says that number ``newest`` - i came."""

    __slots__ = ("bits", "life", "newest")

    def __init__(self, life: int) -> None:
        self.life = life
        self.newest = 0
        self.bits = 0


class Broadcasts:
    """What came of each listed origin."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def is_new(self, broadcast: Broadcast) -> bool:
        """Whether it comes for the first time. It is remembered. Its origin is listed."""
        seen = self._seen.get(broadcast.origin)
        if seen is None or broadcast.life > seen.life:
            seen = self._seen[broadcast.origin] = _Seen(broadcast.life)
        elif broadcast.life < seen.life:
            return False
        ahead = broadcast.number - seen.newest
        if ahead > 0:
            seen.bits = ((seen.bits << ahead) & _MASK | 1) if ahead < WINDOW else 1
            seen.newest = broadcast.number
            return True
        bit = 1 << -ahead if -ahead < WINDOW else 0
        if not bit or seen.bits & bit:
            return False
        seen.bits |= bit
        return True

    def forget(self, origin: int) -> None:
        """It is not listed any more."""
        self._seen.pop(origin, None)
