# SPDX-License-Identifier: Apache-2.0
"""Cores in virtual time, on a network that loses, doubles, reorders and delays what one seed says."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Any

from tricord.gossip import (
    Answer,
    Delivery,
    EventKind,
    Exchange,
    Gossip,
    GossipConfig,
    Input,
    MemberEvent,
    Output,
    Request,
    Standing,
)
from tricord.gossip.turn import Address
from tricord.sim.environment import SeededRandom

CLUSTER = 0xC1
STREAM_RETRY = 0.2
"""Seconds that TCP takes to send again what was lost."""


@dataclass(slots=True)
class Link:
    """What becomes of packets."""

    loss: float = 0.0
    delay: tuple[float, float] = (0.001, 0.01)
    doubled: float = 0.0
    damaged: float = 0.0


@dataclass(slots=True)
class Seen:
    """An event, as one member saw it."""

    at: float
    by: int
    event: MemberEvent


@dataclass(slots=True, eq=False)
class Actor:
    """One running member."""

    core: Gossip
    waiting: Input = field(default_factory=lambda: Input(0.0))
    turn_at: float = 0.0
    paused_until: float = 0.0
    lag: tuple[float, float] = (0.0, 0.0)
    """Whatever comes in or goes out takes so much longer: a slow member."""
    left: bool = False


def address_of(member: int) -> Address:
    """Where it listens."""
    return (f"m{member}", 7946)


class Stage:
    """Members 1 to ``count``, all listed, started at time 0."""

    def __init__(self, count: int, seed: int = 0, link: Link | None = None, **settings: Any) -> None:
        self.link = link or Link()
        self.now = 0.0
        self.actors: dict[int, Actor] = {}
        self.seen: list[Seen] = []
        self.deliveries: list[tuple[int, Delivery]] = []
        self.listed = {member: address_of(member) for member in range(1, count + 1)}
        self.exchanged = 0
        self._settings = settings
        self._seed = seed
        self._chance = random.Random(seed)
        self._heap: list[tuple[float, int, Any, tuple[Any, ...]]] = []
        self._made = 0
        self._streams: dict[int, tuple[int, Exchange]] = {}
        self._groups: dict[int, int] = {}
        for member in self.listed:
            self.start(member)

    # --- what a story says ---------------------------------------------------------------------------------

    def start(self, member: int, incarnation: int = 1, **settings: Any) -> Gossip:
        """Run this member (anew)."""
        wanted = self._settings | settings
        config = GossipConfig(member=member, cluster=CLUSTER, incarnation=incarnation)
        core = Gossip(replace(config, **wanted), SeededRandom(self._seed * 1009 + member * 31 + incarnation))
        self.actors[member] = Actor(core)
        self.tell(member, Input(self.now, listed=self.listed))
        return core

    def stop(self, *members: int) -> None:
        """They die without a word."""
        for member in members:
            del self.actors[member]

    def split(self, *groups: Iterable[int]) -> None:
        """Nothing passes between these groups; no groups: everything passes."""
        self._groups = {member: place for place, group in enumerate(groups) for member in group}

    def tell(self, member: int, told: Input) -> Output:
        """A turn with this, now."""
        told.now = self.now
        output = self.actors[member].core.turn(told)
        self._carry_out(member, output)
        return output

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + seconds
        while self._heap and self._heap[0][0] <= end:
            self.now, _, function, args = heappop(self._heap)
            function(*args)
        self.now = end

    # --- what a story asks ---------------------------------------------------------------------------------

    def standings(self, member: int) -> dict[Standing, set[int]]:
        """Who sees the member how; running members only."""
        found: dict[Standing, set[int]] = {}
        for by, actor in self.actors.items():
            standing = actor.core.standing_of(member)
            if standing is not None:
                found.setdefault(standing, set()).add(by)
        return found

    def agreed(self) -> bool:
        """Whether all running members hold all running ones for alive."""
        return all(
            self.actors[one].core.standing_of(other) is Standing.ALIVE
            for one in self.actors
            for other in self.actors
            if one != other
        )

    def deaths(self, of: Iterable[int], by: Iterable[int]) -> list[Seen]:
        """Deaths of these that those saw."""
        accused, judges = set(of), set(by)
        return [
            seen
            for seen in self.seen
            if seen.event.kind is EventKind.DEAD and seen.event.member in accused and seen.by in judges
        ]

    # --- inner ---------------------------------------------------------------------------------------------

    def _later(self, at: float, function: Any, *args: Any) -> None:
        self._made += 1
        heappush(self._heap, (at, self._made, function, args))

    def _carry_out(self, member: int, output: Output) -> None:
        actor = self.actors[member]
        actor.left = output.left
        self.seen += [Seen(self.now, member, event) for event in output.events]
        self.deliveries += [(member, delivery) for delivery in output.deliveries]
        for address, data in output.packets:
            self._send(member, int(address[0][1:]), data)
        for exchange in output.exchanges:
            self._exchange(member, exchange)
        for stream, payload in output.answers:
            asker, exchange = self._streams.pop(stream)
            at = self._stream_arrival(member, asker)
            if at is not None:
                self._later(at, self._answered, asker, Answer(exchange.ticket, payload))
        self._plan(member, actor, output.wake_at)

    def _plan(self, member: int, actor: Actor, at: float) -> None:
        actor.turn_at = max(at, actor.paused_until, self.now)
        self._later(actor.turn_at, self._turn, member, actor, actor.turn_at)

    def _turn(self, member: int, actor: Actor, planned: float) -> None:
        if self.actors.get(member) is not actor or actor.turn_at != planned:
            return
        if actor.paused_until > self.now:
            self._plan(member, actor, self.now)
            return
        told, actor.waiting = actor.waiting, Input(0.0)
        actor.turn_at = -1.0
        self.tell(member, told)

    def _arrive(self, member: int, take: Any) -> None:
        actor = self.actors.get(member)
        if actor is None:
            return
        take(actor.waiting)
        at = max(self.now, actor.paused_until)
        if actor.turn_at < 0 or actor.turn_at > at:
            self._plan(member, actor, at)

    def _passes(self, one: int, other: int) -> bool:
        return self._groups.get(one) == self._groups.get(other)

    def _arrival(self, sender: int, receiver: int) -> float:
        at = self.now + self._chance.uniform(*self.link.delay)
        for member in (sender, receiver):
            if member in self.actors:
                at += self._chance.uniform(*self.actors[member].lag)
        return at

    def _copies(self) -> Iterator[None]:
        if self._chance.random() >= self.link.loss:
            yield None
        if self._chance.random() < self.link.doubled:
            yield None

    def _send(self, sender: int, receiver: int, data: bytes) -> None:
        if not self._passes(sender, receiver):
            return
        for _ in self._copies():
            packet = data
            if self._chance.random() < self.link.damaged:
                place = self._chance.randrange(len(data))
                packet = data[:place] + bytes((data[place] ^ self._chance.randrange(1, 256),)) + data[place + 1 :]
            at = self._arrival(sender, receiver)
            self._later(at, self._arrive, receiver, lambda waiting, packet=packet: waiting.packets.append(packet))

    def _stream_arrival(self, sender: int, receiver: int) -> float | None:
        if not self._passes(sender, receiver):
            return None
        late = 0.0
        while self._chance.random() < self.link.loss:
            late += STREAM_RETRY
        return self._arrival(sender, receiver) + late

    def _exchange(self, member: int, exchange: Exchange) -> None:
        self.exchanged += 1
        stream, receiver = self.exchanged, int(exchange.address[0][1:])
        self._streams[stream] = (member, exchange)
        self._later(self.now + exchange.timeout, self._answered, member, Answer(exchange.ticket, None))
        at = self._stream_arrival(member, receiver)
        if at is None:
            return
        if receiver not in self.actors:
            self._later(at, self._answered, member, Answer(exchange.ticket, None))
            return
        request = Request(stream, exchange.payload)
        self._later(at, self._arrive, receiver, lambda waiting: waiting.requests.append(request))

    def _answered(self, member: int, answer: Answer) -> None:
        self._arrive(member, lambda waiting: waiting.answers.append(answer))
