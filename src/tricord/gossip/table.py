# SPDX-License-Identifier: Apache-2.0
"""The listed members, and what is known of each. It holds those who are listed alone, so nobody makes it grow."""

from __future__ import annotations

from dataclasses import dataclass

from tricord.base.errors import ConfigurationError
from tricord.gossip.claims import LIVE, LOST, Claim, Standing
from tricord.gossip.turn import Address


@dataclass(slots=True)
class Row:
    """One other member."""

    member: int
    address: Address
    standing: Standing = Standing.ABSENT
    incarnation: int = 0
    source: int = 0
    """Who says so."""
    metadata: bytes = b""
    metadata_incarnation: int = 0
    """Of the incarnation in which the member said it."""

    def claim(self, *, whole: bool) -> Claim:
        """What is known of it, for others; with what it says of itself if ``whole``."""
        # What it said before does not belong to an incarnation that others heard of first.
        known = whole and self.metadata_incarnation == self.incarnation
        return Claim(self.standing, self.member, self.incarnation, self.source, self.metadata if known else None)


class Table:
    """All others. ``live`` and ``lost`` are kept until a standing changes."""

    __slots__ = ("_live", "_lost", "_member", "_members_max", "rows")

    def __init__(self, member: int, members_max: int) -> None:
        self.rows: dict[int, Row] = {}
        self._member = member
        self._members_max = members_max
        self._live: list[int] | None = None
        self._lost: list[int] | None = None

    @property
    def live(self) -> list[int]:
        """Those who are alive or suspect, in ascending order. Not to be changed."""
        if self._live is None:
            self._live = [row.member for row in self.rows.values() if row.standing in LIVE]
        return self._live

    @property
    def lost(self) -> list[int]:
        """Those who were never heard or are dead, in ascending order. Not to be changed."""
        if self._lost is None:
            self._lost = [row.member for row in self.rows.values() if row.standing in LOST]
        return self._lost

    @property
    def size(self) -> int:
        """How many members there are now, this one included."""
        return len(self.live) + 1

    def belong(self, members: dict[int, Address]) -> list[Row]:
        """These belong, from now on; the rows of those who do not any more. Raises ConfigurationError: too many."""
        others = {member: members[member] for member in sorted(members) if member != self._member}
        if len(others) >= self._members_max:
            raise ConfigurationError(f"gossip: at most {self._members_max} members can be listed")
        removed = [row for row in self.rows.values() if row.member not in others]
        rows = {}
        for member, address in others.items():
            row = rows[member] = self.rows.get(member) or Row(member, address)
            row.address = address
        self.rows = rows
        self._live = self._lost = None
        return removed

    def stand(self, row: Row, claim: Claim) -> None:
        """The claim holds."""
        row.standing = claim.standing
        row.incarnation = claim.incarnation
        row.source = claim.source
        self._live = self._lost = None
