# SPDX-License-Identifier: Apache-2.0
"""Reads: from what is here, or merged with what other replicas have. What they have more is kept here: a repair."""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.base.errors import InvalidRequest, TooFewReplicas
from tricord.crdt.cell import dots_of
from tricord.eventual.messages import AskKeys, Head, Keys
from tricord.eventual.state import State
from tricord.eventual.turn import ReadAnswer, ReadRequest


@dataclass(slots=True)
class Waiting:
    """A read that waits for other replicas."""

    asked: ReadRequest
    who: set[int] = field(default_factory=set)


class Reading:
    """Reads of this replica's clients, and answers to those of others."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._waiting: dict[int, Waiting] = {}
        self._number = 0

    def request(self, asked: ReadRequest) -> None:
        """Answer, or ask the others first."""
        state = self._state
        try:
            state.check_replicas(f"a read of {asked.replicas} replicas", asked.replicas)
        except InvalidRequest as error:
            state.output.reads.append(ReadAnswer(asked.ticket, [], error))
            return
        if asked.replicas == 1:
            self._answer(asked)
            return
        self._number += 1
        self._waiting[self._number] = Waiting(asked)
        keys = [(key, tuple(sorted(dots_of(state.store.cell(key))))) for key in asked.keys]
        for peer in state.peers:
            state.send(peer, AskKeys(self._number, keys))

    def serve(self, head: Head, asked: AskKeys) -> None:
        """What is here under another's keys."""
        state = self._state
        keys = [
            (key, state.store.cell(key), tuple(dot for dot in dots if dot in state.known)) for key, dots in asked.keys
        ]
        state.send(head.sender, Keys(asked.number, keys), head.incarnation)

    def receive(self, head: Head, received: Keys) -> None:
        """Another's answer."""
        waiting = self._waiting.get(received.number)
        if waiting is None:
            return
        self._state.cannot_read(head.sender, received.unread)
        self._state.follow(cell for _, cell, _ in received.keys)
        asked = set(waiting.asked.keys)
        for key, cell, seen in received.keys:
            if key in asked:
                self._state.join(key, cell, seen)
        unread = [one.error for one in received.unread if one.key in asked]
        if unread:
            del self._waiting[received.number]
            self._state.output.reads.append(ReadAnswer(waiting.asked.ticket, [], unread[0]))
            return
        waiting.who.add(head.sender)
        if len(waiting.who) + 1 >= waiting.asked.replicas:
            del self._waiting[received.number]
            self._answer(waiting.asked)

    def expire(self) -> None:
        """Say of reads whose time is up how many replicas answered."""
        for number, waiting in list(self._waiting.items()):
            if waiting.asked.deadline <= self._state.now:
                del self._waiting[number]
                found = len(waiting.who) + 1
                error = TooFewReplicas(f"{found} of {waiting.asked.replicas} replicas answered the read in time")
                self._state.output.reads.append(ReadAnswer(waiting.asked.ticket, [], error))

    @property
    def deadline(self) -> float:
        """The next one."""
        if not self._waiting:
            return float("inf")
        return min((waiting.asked.deadline for waiting in self._waiting.values()), default=float("inf"))

    def _answer(self, asked: ReadRequest) -> None:
        cells = [self._state.store.cell(key) for key in asked.keys]
        self._state.output.reads.append(ReadAnswer(asked.ticket, cells))
