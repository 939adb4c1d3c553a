# SPDX-License-Identifier: Apache-2.0
"""Renewals and times of leases, as the engine of any member sees them: the leader answers, the others ask it.

What is asked here waits in the engine's tickets; its deadline bounds all that follows. On the leader it takes part in
the turn's round of reads, then the times are at hand. On another member it goes to the leader, together with all else
that came in the same moment. When the leader changes, or its answer does not come, it is asked again: to renew twice
does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from tricord.base.environment import Environment
from tricord.base.errors import MalformedMessage
from tricord.base.leases import (
    LeaseExpireResult,
    LeaseGrantResult,
    LeaseKeepAlive,
    LeaseKeepAliveResult,
    LeaseTimeToLive,
    LeaseTimeToLiveResult,
)
from tricord.base.metrics import Metrics
from tricord.base.operations import Result
from tricord.server import lease_calls
from tricord.server.lease_calls import LeaseAnswers, LeaseAsks
from tricord.server.lease_keeping import ASK_AGAIN, LeaseKeeping
from tricord.server.tickets import Tickets, Waiting
from tricord.server.turn import TurnLoop
from tricord.statemachine.machine import StateMachine
from tricord.transport.peer.host_message import HostMessage

ANSWER_SECONDS = 1.0
"""A leader that has not answered by then is asked again."""

Say = Callable[[int, int, bool, bytes], None]
"""Send a message to a member: (member, number, whether it is an answer, bytes)."""


@dataclass(slots=True)
class _Sent:
    """What the leader was asked, and when."""

    leader: int
    tickets: list[int]
    renewals: int
    """How many of them, the first ones, want a lease renewed."""
    at: float


class _Batch:
    """What another member asked of this one, while it is being answered."""

    __slots__ = ("_missing", "_say", "asks", "number", "renewed", "sender")

    def __init__(self, sender: int, number: int, asks: LeaseAsks, say: Say) -> None:
        self.sender = sender
        self.number = number
        self.asks = asks
        self.renewed = [0] * len(asks.renew)
        self._missing = 0
        self._say = say

    def refuse(self) -> None:
        """This member does not lead."""
        self._missing = -1
        self._say(self.sender, self.number, True, lease_calls.encode(LeaseAnswers(False)))

    def serve(self, keeping: LeaseKeeping) -> None:
        """Renew what can be renewed at once; the answer goes out with the last."""
        self._missing = 1
        for position, identity in enumerate(self.asks.renew):
            ttl = keeping.renew(identity)
            if ttl is None:
                self._missing += 1
                keeping.when_renewed(identity, self._later(keeping, position))
            else:
                self.renewed[position] = ttl
        self._one_less(keeping)

    def _later(self, keeping: LeaseKeeping, position: int) -> Callable[[int], None]:
        def renewed(ttl: int) -> None:
            if self._missing < 0:
                return
            if ttl == ASK_AGAIN:
                self.refuse()
                return
            self.renewed[position] = ttl
            self._one_less(keeping)

        return renewed

    def _one_less(self, keeping: LeaseKeeping) -> None:
        self._missing -= 1
        if not self._missing:
            remaining = [keeping.remaining(identity) for identity in self.asks.remaining]
            answer = LeaseAnswers(True, self.renewed, remaining)
            self._say(self.sender, self.number, True, lease_calls.encode(answer))


class Leases:
    """All of a member that waits for a lease."""

    def __init__(
        self,
        environment: Environment,
        machine: StateMachine,
        turns: TurnLoop,
        keeping: LeaseKeeping,
        metrics: Metrics,
        tickets: Tickets,
        answer: Callable[[Waiting, Result], None],
    ) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._machine = machine
        self._turns = turns
        self._lead = keeping.lead
        self._metrics = metrics
        self._tickets = tickets
        self._answer = answer
        self.keeping = keeping
        keeping.took_charge = self._took_charge
        self.say: Say = lambda *_: None
        self._known = (0, 0)
        """The leader and its term, as of the last turn."""
        self._idle: list[int] = []
        """Tickets that wait for a leader, or for the next look."""
        self._outbox: list[int] = []
        self._sent: dict[int, _Sent] = {}
        self._sent_count = 0
        self._told: dict[int, tuple[int, int]] = {}
        """What the leader told of a lease whose keys are still to be read here."""
        self._uncharged: list[int] = []
        """Tickets whose round was answered before this member is in charge."""
        self._batches: dict[int, _Batch] = {}
        turns.after_turn = self.turned

    # --- the engine's side -------------------------------------------------------------------------------------

    def begin(self, ticket: int) -> None:
        """A LeaseKeepAlive or LeaseTimeToLive waits under this ticket."""
        lead = self._lead
        if lead.is_leader:
            self._turns.read(ticket)
        elif lead.leader:
            self._outbox.append(ticket)
            if len(self._outbox) == 1:
                self._tasks.call_soon(self._flush)
        else:
            self._idle.append(ticket)

    def serve(self, ticket: int, waiting: Waiting) -> None:
        """Its round was answered."""
        told = self._told.pop(ticket, None)
        if told is not None:
            self._tell(waiting, told)
        elif not self.keeping.in_charge:
            self._tickets.waiting[ticket] = waiting
            self._not_in_charge(ticket)
        elif type(waiting.request) is LeaseKeepAlive:
            self._renew(ticket, waiting, waiting.request.id)
        else:
            self._tell(waiting, self.keeping.remaining(cast(LeaseTimeToLive, waiting.request).id))

    def round_answered(self, ticket: int) -> None:
        """As ``serve``, of a ticket that is none of the engine's."""
        batch = self._batches.get(ticket)
        if batch is None:
            self.keeping.confirmed(ticket)
        elif self.keeping.in_charge:
            del self._batches[ticket]
            batch.serve(self.keeping)
        else:
            self._not_in_charge(ticket)

    def over(self, ticket: int, *, failed: bool) -> bool:
        """What was proposed or asked under this ticket came to an end. False: the ticket is not from here."""
        return self._batches.pop(ticket, None) is not None or self.keeping.settled(ticket, failed=failed)

    def look(self) -> None:
        """Now and then: ask again, and forget what waited too long."""
        waiting = self._tickets.waiting
        if self._told:
            self._told = {ticket: told for ticket, told in self._told.items() if ticket in waiting}
        late = self._clock.monotonic() - ANSWER_SECONDS
        for number in [number for number, sent in self._sent.items() if sent.at < late]:
            self._idle += self._sent.pop(number).tickets
        self._begin_idle()

    def stop(self) -> None:
        """Renew and end nothing more."""
        self.keeping.stop()
        self._batches.clear()

    def turned(self) -> None:
        """A turn ended."""
        changes = self._machine.lease_changes
        if changes:
            self._machine.lease_changes = []
            self._count(changes)
        self.keeping.turned(changes)
        lead = self._lead
        known = (lead.leader, lead.term)
        if known != self._known:
            self._known = known
            self._another_leader()

    def _count(self, changes: list[tuple[type[Result], list[tuple[int, bytes | None]]]]) -> None:
        metrics = self._metrics
        for kind, leases in changes:
            ended = sum(1 for _, data in leases if data is None)
            metrics.lease_revoked += ended
            if kind is LeaseGrantResult:
                metrics.lease_granted += len(leases)
            elif self.keeping.in_charge and kind is LeaseExpireResult:
                metrics.lease_expired += ended

    def _another_leader(self) -> None:
        """What a leader was asked, and what waits for one, goes to the new one."""
        for sent in self._sent.values():
            self._idle += sent.tickets
        self._sent = {}
        if not self._lead.is_leader:
            uncharged, self._uncharged = self._uncharged, []
            for ticket in uncharged:
                self._not_in_charge(ticket)
        if self._known[0]:
            self._begin_idle()

    def _begin_idle(self) -> None:
        idle, self._idle = self._idle, []
        for ticket in idle:
            if ticket in self._tickets.waiting:
                self.begin(ticket)

    # --- on the leader -----------------------------------------------------------------------------------------

    def _took_charge(self) -> None:
        uncharged, self._uncharged = self._uncharged, []
        for ticket in uncharged:
            waiting = self._tickets.take(ticket)
            if waiting is not None:
                self.serve(ticket, waiting)
            elif ticket in self._batches:
                self.round_answered(ticket)

    def _not_in_charge(self, ticket: int) -> None:
        if self._lead.is_leader:
            self._uncharged.append(ticket)
        elif ticket in self._batches:
            self._batches.pop(ticket).refuse()
        else:
            self._idle.append(ticket)

    def _renew(self, ticket: int, waiting: Waiting, identity: int) -> None:
        ttl = self.keeping.renew(identity)
        if ttl is not None:
            self._renewed(waiting, identity, ttl)
            return
        self._tickets.waiting[ticket] = waiting

        def renewed(ttl: int) -> None:
            if ticket not in self._tickets.waiting:
                return
            if ttl == ASK_AGAIN:
                self._idle.append(ticket)
            else:
                del self._tickets.waiting[ticket]
                self._renewed(waiting, identity, ttl)

        self.keeping.when_renewed(identity, renewed)

    def _renewed(self, waiting: Waiting, identity: int, ttl: int) -> None:
        if ttl:
            self._metrics.lease_renewed += 1
        self._answer(waiting, LeaseKeepAliveResult(identity, ttl))

    def _tell(self, waiting: Waiting, told: tuple[int, int]) -> None:
        request = cast(LeaseTimeToLive, waiting.request)
        left, granted = told
        keys = self._machine.lease_keys(request.id, waiting.keyspace) if request.keys and left >= 0 else []
        self._answer(waiting, LeaseTimeToLiveResult(request.id, left, granted, keys))

    # --- between members ---------------------------------------------------------------------------------------

    def received(self, message: HostMessage) -> None:
        """Another member asks, or answers."""
        if message.is_answer:
            self._answered(message)
            return
        try:
            batch = _Batch(message.sender, message.request, lease_calls.decode_asks(message.data), self.say)
        except MalformedMessage:
            return
        if not self._lead.is_leader:
            batch.refuse()
            return
        ticket = self._tickets.reserve()
        self._batches[ticket] = batch
        self._turns.read(ticket)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        waiting = self._tickets.waiting
        tickets = [ticket for ticket in outbox if ticket in waiting]
        leader = self._lead.leader
        if not leader or self._lead.is_leader:
            self._idle += tickets
            if leader:
                self._begin_idle()
            return
        if not tickets:
            return
        tickets.sort(key=lambda ticket: type(waiting[ticket].request) is not LeaseKeepAlive)
        ids = [cast(LeaseKeepAlive, waiting[ticket].request).id for ticket in tickets]
        renewals = sum(type(waiting[ticket].request) is LeaseKeepAlive for ticket in tickets)
        self._sent_count += 1
        self._sent[self._sent_count] = _Sent(leader, tickets, renewals, self._clock.monotonic())
        asks = lease_calls.encode(LeaseAsks(ids[:renewals], ids[renewals:]))
        self.say(leader, self._sent_count, False, asks)

    def _answered(self, message: HostMessage) -> None:
        sent = self._sent.get(message.request)
        if sent is None or sent.leader != message.sender:
            return
        try:
            answers = lease_calls.decode_answers(message.data)
        except MalformedMessage:
            return
        del self._sent[message.request]
        asked = sent.renewals, len(sent.tickets) - sent.renewals
        if not answers.leads or (len(answers.renewed), len(answers.remaining)) != asked:
            # It does not lead, and this member does not know yet who does: not at once again.
            self._idle += sent.tickets
            return
        for ticket, ttl in zip(sent.tickets, answers.renewed, strict=False):
            waiting = self._tickets.take(ticket)
            if waiting is not None:
                self._answer(waiting, LeaseKeepAliveResult(cast(LeaseKeepAlive, waiting.request).id, ttl))
        for ticket, told in zip(sent.tickets[len(answers.renewed) :], answers.remaining, strict=True):
            self._told_by_leader(ticket, told)

    def _told_by_leader(self, ticket: int, told: tuple[int, int]) -> None:
        """The keys are here too, once this member has caught up."""
        waiting = self._tickets.waiting.get(ticket)
        if waiting is None:
            return
        if cast(LeaseTimeToLive, waiting.request).keys and told[0] >= 0:
            self._told[ticket] = told
            self._turns.read(ticket)
        else:
            del self._tickets.waiting[ticket]
            self._tell(waiting, told)
