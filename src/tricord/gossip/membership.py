# SPDX-License-Identifier: Apache-2.0
"""The rules: what a claim does to what is known, when a suspected member is dead, how this one refutes.

What this member learns it spreads, once; so news reaches all in a number of rounds that grows with the logarithm of
their number.
"""

from __future__ import annotations

from tricord.gossip.awareness import Awareness
from tricord.gossip.claims import INCARNATION_MAX, LIVE, Claim, Standing, overrides
from tricord.gossip.codec import encode_message
from tricord.gossip.config import GossipConfig
from tricord.gossip.counts import GossipCounts
from tricord.gossip.dissemination import Dissemination
from tricord.gossip.suspicion import Suspicion
from tricord.gossip.table import Row, Table
from tricord.gossip.turn import Address, EventKind, MemberEvent

_KINDS = {
    Standing.ALIVE: EventKind.ALIVE,
    Standing.SUSPECT: EventKind.SUSPECT,
    Standing.DEAD: EventKind.DEAD,
    Standing.LEFT: EventKind.LEFT,
}


class Membership:
    """What this member knows of all, itself included. ``events`` collects what changed, until the host takes them."""

    def __init__(
        self, config: GossipConfig, table: Table, news: Dissemination, awareness: Awareness, counts: GossipCounts
    ) -> None:
        self.incarnation = config.incarnation
        self.metadata = config.metadata
        self.leaving = False
        self.events: list[MemberEvent] = []
        self.suspicions: dict[int, Suspicion] = {}
        self._config = config
        self._table = table
        self._news = news
        self._awareness = awareness
        self._counts = counts
        self._tell_self()

    # --- this member ---------------------------------------------------------------------------------------

    def own_claim(self) -> Claim:
        """What this member says of itself."""
        member = self._config.member
        standing = Standing.LEFT if self.leaving else Standing.ALIVE
        return Claim(standing, member, self.incarnation, member, self.metadata)

    def is_overtaken(self, claim: Claim) -> bool:
        """Whether it accuses this member in an incarnation that is over: who says so missed the refutation."""
        accuses = claim.member == self._config.member and claim.standing is not Standing.ALIVE
        return accuses and claim.incarnation < self.incarnation

    def describe(self, metadata: bytes) -> None:
        """Say this of itself from now on, in a new incarnation."""
        if metadata != self.metadata:
            self.metadata = metadata
            self._begin(self.incarnation + 1)

    def leave(self) -> None:
        """Say that this member goes."""
        if not self.leaving:
            self.leaving = True
            self._tell_self()

    # --- those who belong ----------------------------------------------------------------------------------

    def belong(self, members: dict[int, Address]) -> None:
        """These belong. Raises ConfigurationError: too many; nothing is changed then."""
        for row in self._table.belong(members):
            self.suspicions.pop(row.member, None)
            self._news.forget(row.member)
            if row.standing in LIVE:
                self._event(EventKind.REMOVED, row)

    # --- claims --------------------------------------------------------------------------------------------

    def hear(self, claim: Claim, now: float) -> None:
        """Somebody says so."""
        if claim.member == self._config.member:
            self._hear_of_self(claim)
            return
        row = self._table.rows.get(claim.member)
        if row is None:
            return
        described = self._describe(row, claim)
        if overrides(claim.standing, claim.incarnation, row.standing, row.incarnation):
            self._stand(row, claim, described, now)
        elif claim.standing is Standing.SUSPECT and row.standing is Standing.SUSPECT:
            self._confirm(row, claim)
        elif described:
            self._spread(row)
            self._event(EventKind.UPDATED, row)

    def hear_state(self, claims: list[Claim], now: float) -> None:
        """The whole state of another member. Whom it takes for dead, and this one does not, may still refute."""
        for claim in claims:
            row = self._table.rows.get(claim.member)
            if claim.standing is Standing.DEAD and row is not None and row.standing in LIVE:
                claim = Claim(Standing.SUSPECT, claim.member, claim.incarnation, claim.source, claim.metadata)
            self.hear(claim, now)

    def state(self) -> list[Claim]:
        """All that is known, for another member."""
        known = [row.claim(whole=True) for row in self._table.rows.values() if row.standing is not Standing.ABSENT]
        return [self.own_claim(), *known]

    def suspect(self, member: int, now: float) -> None:
        """This member could not reach that one."""
        row = self._table.rows.get(member)
        if row is not None and row.standing in LIVE:
            self.hear(Claim(Standing.SUSPECT, member, row.incarnation, self._config.member), now)

    # --- time ----------------------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """Those who had their time to refute are dead."""
        for member in [member for member, suspicion in self.suspicions.items() if suspicion.ends_at <= now]:
            row = self._table.rows[member]
            self._counts.deaths += 1
            self.hear(Claim(Standing.DEAD, member, row.incarnation, self._config.member), now)

    def postpone(self, seconds: float) -> None:
        """This process stood still for so long: what the others said meanwhile is not read yet."""
        for suspicion in self.suspicions.values():
            suspicion.began_at += seconds

    def next_at(self) -> float | None:
        """When the next suspicion ends."""
        return min((suspicion.ends_at for suspicion in self.suspicions.values()), default=None)

    # --- inner ---------------------------------------------------------------------------------------------

    def _hear_of_self(self, claim: Claim) -> None:
        own = self.own_claim()
        known = (claim.standing, claim.incarnation) == (own.standing, own.incarnation)
        if known and claim.metadata in {None, own.metadata}:
            return
        if claim.incarnation < self.incarnation or claim.incarnation >= INCARNATION_MAX:
            return
        if self.leaving and claim.incarnation == self.incarnation:
            return  # LEFT overrides whatever is said of the same incarnation
        if claim.standing is not Standing.ALIVE:
            self._awareness.change(1)
        self._counts.refutations += 1
        self._begin(claim.incarnation + 1)

    def _begin(self, incarnation: int) -> None:
        self.incarnation = min(incarnation, INCARNATION_MAX)
        self._tell_self()

    def _tell_self(self) -> None:
        self._news.tell_claim(self._config.member, encode_message(self.own_claim()))

    def _stand(self, row: Row, claim: Claim, described: bool, now: float) -> None:
        was, before = row.standing, row.incarnation
        self._table.stand(row, claim)
        self.suspicions.pop(row.member, None)
        if claim.standing is Standing.SUSPECT:
            self._counts.suspicions += 1
            self.suspicions[row.member] = self._suspicion(claim, now)
        self._spread(row)
        if claim.standing is not was or (claim.standing is not Standing.ALIVE and claim.incarnation != before):
            self._event(_KINDS[claim.standing], row)
        elif described:
            self._event(EventKind.UPDATED, row)

    def _suspicion(self, claim: Claim, now: float) -> Suspicion:
        members = self._table.size
        least, most = self._config.suspicion_bounds(members)
        confirmations = self._config.confirmations(members)
        return Suspicion(now, least, most, confirmations, [claim.source])

    def _confirm(self, row: Row, claim: Claim) -> None:
        if claim.incarnation == row.incarnation and self.suspicions[row.member].confirm(claim.source):
            row.source = claim.source
            self._spread(row)

    def _describe(self, row: Row, claim: Claim) -> bool:
        """Remember what a member says of itself in its newest incarnation; True: it is something else than before."""
        if claim.metadata is None or claim.incarnation <= row.metadata_incarnation:
            return False
        changed = claim.metadata != row.metadata
        row.metadata = claim.metadata
        row.metadata_incarnation = claim.incarnation
        return changed

    def _spread(self, row: Row) -> None:
        self._news.tell_claim(row.member, encode_message(row.claim(whole=row.standing is Standing.ALIVE)))

    def _event(self, kind: EventKind, row: Row) -> None:
        self.events.append(MemberEvent(kind, row.member, row.incarnation, row.metadata))
