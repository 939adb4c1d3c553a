# SPDX-License-Identifier: Apache-2.0
"""The leader's side of leases: it keeps their times, proposes their ends and checkpoints, and renews them.

It is in charge from the moment it has applied what was committed before its term and something of its own, and has read
which leases there are. Its clock begins then. When it leads no more it forgets all of it. Whatever it proposes says in
which term it was decided.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tricord.base.environment import Environment, Timer
from tricord.base.leases import LeaseCheckpoint, LeaseExpire, LeaseGrantResult
from tricord.base.reachable import reachable
from tricord.lease.lessor import AGAIN_SECONDS, CHECKPOINTED, ENDING, UNDER_WAY, Lessor
from tricord.lease.records import decode_lease
from tricord.server.turn import TurnLoop
from tricord.statemachine.alarms import refusal_of
from tricord.statemachine.command import encode_command
from tricord.statemachine.machine import StateMachine

LOAD_LEASES = 500
"""How many leases a new leader reads in one go: a few milliseconds."""
ENDS_MAX = 100
"""How many ends of leases are on their way through the log at a time: each is an entry, a revision if it has keys."""
CHECKPOINTS_MAX = 1_000
"""How many checkpoints are in one entry."""
LOOK_SECONDS = 0.05
"""How often time is looked at, at most."""
ROUNDING_SECONDS = 1e-6
"""Now, and seconds later, are floats: their difference may be a little less than it was meant to be."""

Renewed = Callable[[int], None]
"""Told a time to live, 0 when there is no such lease, or that it should be asked again, of whoever leads then."""
ASK_AGAIN = -1


class Lead(Protocol):
    """The replica as this part sees it."""

    @property
    def is_leader(self) -> bool:
        """Whether this member leads."""

    @property
    def caught_up(self) -> bool:
        """Whether it leads, has committed in its term, and has applied all that is committed."""

    @property
    def leader(self) -> int:
        """Who leads (0: nobody known)."""

    @property
    def term(self) -> int:
        """The current term."""


class LeaseKeeping:
    """Times of leases, on the member that leads."""

    def __init__(
        self,
        environment: Environment,
        machine: StateMachine,
        turns: TurnLoop,
        lead: Lead,
        new_ticket: Callable[[], int],
        checkpoint_seconds: float,
    ) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._machine = machine
        self._turns = turns
        self.lead = lead
        self._new_ticket = new_ticket
        self._lessor = Lessor(checkpoint_seconds)
        self.term = 0
        """The term in which this member keeps the times; 0: it does not."""
        self.in_charge = False
        """Whether it knows all leases, too."""
        self.took_charge: Callable[[], None] = lambda: None
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._round = 0
        """The ticket of the round that must confirm the lead before something is proposed."""
        self._proposed: dict[int, list[int]] = {}
        self._takes_back: list[int] = []
        self._waiting: dict[int, list[Renewed]] = {}

    # --- the turn ----------------------------------------------------------------------------------------------

    def turned(self, changes: list[tuple[type, list[tuple[int, bytes | None]]]]) -> None:
        """A turn ended: does this member lead, and which leases came, went, or got a checkpoint?"""
        lead = self.lead
        if self.term and not (lead.is_leader and lead.term == self.term):
            self._forget()
        if self.term:
            if changes:
                self._note(changes)
        elif lead.caught_up:
            self.term = lead.term
            self._load(lead.term, None)

    def _load(self, term: int, after: int | None) -> None:
        if term != self.term or not self._turns.started:
            return
        now = self._clock.monotonic()
        found = self._machine.leases(after, LOAD_LEASES)
        for identity, record in found:
            self._lessor.granted(identity, record.ttl, record.remaining, now)
        if len(found) == LOAD_LEASES:
            self._tasks.call_soon(self._load, term, found[-1][0])
            return
        reachable("a new leader took charge of leases")
        self.in_charge = True
        self._arm()
        self.took_charge()

    def _note(self, changes: list[tuple[type, list[tuple[int, bytes | None]]]]) -> None:
        lessor, now = self._lessor, self._clock.monotonic()
        for kind, leases in changes:
            for identity, data in leases:
                if data is None:
                    lessor.ended(identity)
                    if identity in self._waiting:
                        self._renew_waiting(identity)
                    continue
                record = decode_lease(data)
                if kind is LeaseGrantResult:
                    lessor.granted(identity, record.ttl, record.remaining, now)
                else:
                    lessor.recorded(identity, record.remaining)
        if self.in_charge:
            self._arm()

    def _forget(self) -> None:
        self.term = self._round = 0
        self.in_charge = False
        self._lessor.demote()
        self._proposed = {}
        self._takes_back = []
        self._cancel_timer()
        reachable("a leader forgot its leases' times")
        waiting, self._waiting = self._waiting, {}
        for asking in waiting.values():
            for renewed in asking:
                renewed(ASK_AGAIN)

    # --- renewals ----------------------------------------------------------------------------------------------

    def renew(self, identity: int) -> int | None:
        """After a round that confirmed the lead: the lease's time to live, which begins now; 0: there is no such lease.

        None: something about it is in the log's hands first; then say ``when_renewed``.
        """
        ttl = self._lessor.renew(identity, self._clock.monotonic())
        if ttl >= 0:
            return ttl
        assert ttl in (ENDING, CHECKPOINTED, UNDER_WAY)
        if ttl == CHECKPOINTED:
            self._lessor.renewing(identity)
            self._takes_back.append(identity)
            if len(self._takes_back) == 1:
                self._tasks.call_soon(self._take_back, self.term)
        return None

    def when_renewed(self, identity: int, renewed: Renewed) -> None:
        """Tell what becomes of the renewal, once."""
        self._waiting.setdefault(identity, []).append(renewed)

    def remaining(self, identity: int) -> tuple[int, int]:
        """Whole seconds that are left, and the time to live; (-1, 0): there is no such lease."""
        found = self._lessor.remaining(identity, self._clock.monotonic())
        return (-1, 0) if found is None else (int(found[0] + ROUNDING_SECONDS), found[1])

    def _renew_waiting(self, identity: int) -> None:
        """What was in the way is over: try again."""
        for renewed in self._waiting.pop(identity, ()):
            ttl = self.renew(identity)
            if ttl is None:
                self.when_renewed(identity, renewed)
            else:
                renewed(ttl)

    def _take_back(self, term: int) -> None:
        """Record that the next leader has to give the full time: before a renewal is answered."""
        if term == self.term and self._takes_back:
            taken, self._takes_back = self._takes_back, []
            self._propose(LeaseCheckpoint([(identity, 0) for identity in taken]), taken)

    # --- what time says ----------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Look again when something is due: one timer for all leases."""
        next_at = self._lessor.next_at()
        if next_at is None or self._round:
            return
        if self._timer is not None:
            if self._timer_at <= next_at:
                return
            self._timer.cancel()
        now = self._clock.monotonic()
        self._timer_at = max(next_at, now + (AGAIN_SECONDS if self._ends_refused() else LOOK_SECONDS))
        self._timer = self._tasks.call_later(self._timer_at - now, self._look)

    def _look(self) -> None:
        """A round confirms the lead first: a leader that slept may be one no more, and what came in meanwhile, renewals
        too, goes first."""
        self._timer = None
        if self.in_charge and self._turns.started:
            self._round = self._new_ticket()
            self._turns.read(self._round)

    def confirmed(self, ticket: int) -> None:
        """The round of this ticket was answered. Renewals that took part in it come first."""
        if ticket == self._round and self.in_charge:
            self._tasks.call_soon(self._end_and_record, ticket)

    def _end_and_record(self, ticket: int) -> None:
        if ticket != self._round or not self.in_charge:
            return
        self._round = 0
        now = self._clock.monotonic()
        if not self._ends_refused():
            self._end(now)
        checkpoints = self._lessor.checkpoints_due(now, CHECKPOINTS_MAX)
        if checkpoints:
            self._propose(LeaseCheckpoint(checkpoints), [identity for identity, _ in checkpoints])
        self._arm()

    def _ends_refused(self) -> bool:
        """Whether an alarm keeps leases from ending."""
        alarms = self._machine.alarms
        return bool(alarms) and refusal_of(alarms, LeaseExpire([])) is not None

    def _end(self, now: float) -> None:
        ending = sum(1 for ids in self._proposed.values() if len(ids) == 1)
        for identity in self._lessor.due(now, max(ENDS_MAX - ending, 0)):
            self._propose(LeaseExpire([identity]), [identity])

    def _propose(self, request: LeaseExpire | LeaseCheckpoint, leases: list[int]) -> None:
        ticket = self._new_ticket()
        self._proposed[ticket] = leases
        self._turns.propose(ticket, encode_command(request, None, deciding_term=self.term))

    def settled(self, ticket: int, *, failed: bool) -> bool:
        """The proposal or round of this ticket came to an end. False: it is not from here.

        Where it failed, renewals that waited for it are asked again: at once they would only come back here.
        """
        if ticket == self._round and ticket:
            self._round = 0
            self._arm()
            return True
        leases = self._proposed.pop(ticket, None)
        if leases is None:
            return False
        for identity in leases:
            self._lessor.settled(identity)
            if failed:
                for renewed in self._waiting.pop(identity, ()):
                    renewed(ASK_AGAIN)
            elif identity in self._waiting:
                self._renew_waiting(identity)
        self._arm()
        return True

    def stop(self) -> None:
        """Keep no times any more."""
        self._cancel_timer()
        self.term = 0
        self.in_charge = False

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
