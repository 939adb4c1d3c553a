# SPDX-License-Identifier: Apache-2.0
"""News that rides on packets, each piece a bounded number of times (SWIM, section 4.1).

What was sent the fewest times goes first, of these the newest. There is one piece of news for a member: a newer claim
takes the place of an older one. Broadcasts have a bounded room and go behind claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tricord.gossip.counts import GossipCounts

BROADCASTS_MAX = 1024
BROADCAST_BYTES_MAX = 256 << 10
_SMALLEST = 24
"""Bytes below which no piece of news fits: a claim has more."""

Key: TypeAlias = tuple[int, int]
"""(0, member) of a claim; (origin, number) of a broadcast."""


@dataclass(slots=True)
class _News:
    data: bytes
    sent: int = 0


class _Queue:
    """Pieces of news by how often they were sent."""

    __slots__ = ("_places", "_tiers", "size")

    def __init__(self) -> None:
        self._tiers: list[dict[Key, _News]] = []
        self._places: dict[Key, int] = {}
        self.size = 0
        """Bytes."""

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def put(self, key: Key, news: _News) -> None:
        """Add it, or replace what has that key."""
        self.drop(key)
        while len(self._tiers) <= news.sent:
            self._tiers.append({})
        self._tiers[news.sent][key] = news
        self._places[key] = news.sent
        self.size += len(news.data)

    def drop(self, key: Key) -> None:
        place = self._places.pop(key, None)
        if place is not None:
            self.size -= len(self._tiers[place].pop(key).data)

    def drop_oldest(self) -> None:
        """The one that was sent most often, of these the oldest."""
        for tier in reversed(self._tiers):
            if tier:
                self.drop(next(iter(tier)))
                return

    def take(self, room: int, limit: int) -> list[bytes]:
        """What fits into so many bytes. A piece that was sent ``limit`` times is forgotten."""
        chosen: list[tuple[Key, _News]] = []
        for tier in self._tiers:
            for key in reversed(tier):
                if room < _SMALLEST:
                    break
                news = tier[key]
                if len(news.data) <= room:
                    room -= len(news.data)
                    chosen.append((key, news))
        for key, news in chosen:
            self.drop(key)
            if news.sent + 1 < limit:
                self.put(key, _News(news.data, news.sent + 1))
        return [news.data for _, news in chosen]


class Dissemination:
    """All that is to be spread by one member."""

    __slots__ = ("_broadcasts", "_claims", "_counts")

    def __init__(self, counts: GossipCounts) -> None:
        self._claims = _Queue()
        self._broadcasts = _Queue()
        self._counts = counts

    def __bool__(self) -> bool:
        return bool(len(self._claims) or len(self._broadcasts))

    def __len__(self) -> int:
        return len(self._claims) + len(self._broadcasts)

    def has_claim(self, member: int) -> bool:
        """Whether news of this member is still being spread."""
        return (0, member) in self._claims

    def tell_claim(self, member: int, data: bytes) -> None:
        """Spread an encoded claim about this member, instead of an older one."""
        self._claims.put((0, member), _News(data))

    def forget(self, member: int) -> None:
        """Spread nothing about this member any more."""
        self._claims.drop((0, member))

    def tell_broadcast(self, origin: int, number: int, data: bytes) -> None:
        """Spread an encoded broadcast; without room the one that was sent most often goes."""
        self._broadcasts.put((origin, number), _News(data))
        while len(self._broadcasts) > BROADCASTS_MAX or self._broadcasts.size > BROADCAST_BYTES_MAX:
            self._broadcasts.drop_oldest()
            self._counts.broadcasts_dropped += 1

    def take(self, room: int, limit: int) -> list[bytes]:
        """Encoded messages that fit into so many bytes, for one packet; each is sent ``limit`` times in all."""
        claims = self._claims.take(room, limit) if len(self._claims) else []
        if not len(self._broadcasts):
            return claims
        return claims + self._broadcasts.take(room - sum(map(len, claims)), limit)
