# SPDX-License-Identifier: Apache-2.0
"""Writes of clients: made here at once, answered when they are durable here, and elsewhere where that was asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tricord.base.dots import PROVISIONAL, Dot
from tricord.base.errors import ServerFault, TooFewReplicas, TricordError
from tricord.base.hybrid_clock import HybridTime
from tricord.crdt.cell import CELL_BYTES_MAX, Cell, Delta, Write, check_growth, size_of
from tricord.crdt.changes import mutate
from tricord.crdt.encoding import encode_delta
from tricord.crdt.join import apply_delta
from tricord.eventual.messages import Have
from tricord.eventual.spread import Spread
from tricord.eventual.state import State
from tricord.eventual.turn import WriteAnswer, WriteRequest
from tricord.eventual.unsent import Unsent


@dataclass(slots=True)
class Waiting:
    """A write that is not answered yet, and who has it durably."""

    ticket: int
    dot: Dot
    acks: int
    deadline: float
    who: set[int] = field(default_factory=set)


class Writing:
    """Also keeps writes that may be nowhere else until another replica has them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._spread = Spread(state, self._left, self._stored)
        self._waiting: dict[int, Waiting] = {}
        self._undurable: deque[tuple[int, int]] = deque()
        self.deadline = float("inf")
        """No write's time is up before that."""
        self.unsent = Unsent(state.store)

    @property
    def spread(self) -> Spread:
        """The way to peers."""
        return self._spread

    def request(self, asked: WriteRequest) -> None:
        """Make a client's write, or answer why not."""
        state = self._state
        expires = state.wall + asked.ttl if asked.ttl else 0
        try:
            state.check_replicas(f"acks of {asked.acks} replicas", asked.acks)
            dot = self.make(asked.key, lambda cell, dot, stamp: self._changed(cell, asked, dot, stamp, expires))
        except Exception as error:
            state.output.writes.append(WriteAnswer(asked.ticket, None, 0, _as_refusal(error)))
            return
        assert dot is not None
        self._waiting[dot.counter] = Waiting(asked.ticket, dot, asked.acks, asked.deadline)
        self._undurable.append((state.output.turn, dot.counter))
        self.deadline = min(self.deadline, asked.deadline)
        state.output.urgent = True
        if asked.acks > 1:
            self._spread.is_awaited = True

    def _changed(self, cell: Cell, asked: WriteRequest, dot: Dot, stamp: HybridTime, expires: int) -> Delta:
        """What a client's write changes. Raises what its type does, and ``KeyTooLarge``."""
        state = self._state
        delta = mutate(cell, Write(dot, stamp, asked.seen, expires, state.over), asked.change)
        before = size_of(cell)
        if before + size_of(delta.cell) > CELL_BYTES_MAX:
            check_growth(before, size_of(apply_delta(cell, state.known, delta)))
        return delta

    def make(self, key: bytes, write: Callable[[Cell, Dot, HybridTime], Delta | None]) -> Dot | None:
        """Make a write of this replica; where ``write`` gives or raises something else, there is none, nor a name."""
        state = self._state
        before = state.clock, state.counter
        dot, stamp = state.name_write()
        cell, encoded = state.store.cell(key), None
        try:
            delta = write(cell, dot, stamp)
            if delta is None:
                return None
            encoded = encode_delta(delta)
        finally:
            if encoded is None:
                state.clock, state.counter = before
        state.apply_to(key, cell, delta, encoded)
        self._spread.add(dot.counter, key, encoded)
        return dot

    def persisted(self, turn: int) -> None:
        """The effects of all turns up to that one are durable here."""
        while self._undurable and self._undurable[0][0] <= turn:
            self._count(self._state.config.replica, self._undurable.popleft()[1])

    @property
    def holds(self) -> bool:
        """Whether answers wait for effects to be durable."""
        return bool(self._undurable)

    def have(self, peer: int, received: Have) -> None:
        """A peer had a whole round with this replica: it has these of its writes."""
        self.unsent.have(received)
        counters = dict(received.counters)
        known = counters.get(self._state.config.incarnation, 0)
        for counter in [each for each in self._waiting if each <= known]:
            self._count(peer, counter)

    def expire(self) -> None:
        """Say of writes whose time is up how many replicas have them. They stay."""
        now = self._state.now
        if now < self.deadline:
            return
        self.deadline = float("inf")
        for counter, waiting in list(self._waiting.items()):
            if waiting.deadline > now:
                self.deadline = min(self.deadline, waiting.deadline)
                continue
            del self._waiting[counter]
            found = len(waiting.who)
            error = TooFewReplicas(f"{found} of {waiting.acks} replicas said in time that they have the write")
            self._state.output.writes.append(WriteAnswer(waiting.ticket, waiting.dot, found, error))

    def _stored(self, peer: int, first: int, last: int) -> None:
        self.unsent.stored(self._state.config.incarnation, first)
        if self._waiting:
            for counter in range(first, last + 1):
                self._count(peer, counter)

    def _left(self, first: int, deltas: list[bytes]) -> None:
        state = self._state
        if len(state.active) > 1 or state.config.replica == PROVISIONAL:
            self.unsent.keep(state.config.incarnation, first, deltas)

    def _count(self, replica: int, counter: int) -> None:
        waiting = self._waiting.get(counter)
        if waiting is None:
            return
        waiting.who.add(replica)
        if len(waiting.who) >= waiting.acks and self._state.config.replica in waiting.who:
            del self._waiting[counter]
            self._state.output.writes.append(WriteAnswer(waiting.ticket, waiting.dot, len(waiting.who)))


def _as_refusal(error: Exception) -> TricordError:
    """What is told of a write that cannot be made. Where it fails in another way than it may, that is a bug; but
    nothing of it was done, so the others of its turn go on."""
    if isinstance(error, TricordError):
        return error
    fault = ServerFault(f"the write could not be carried out: {error!r}")
    fault.__cause__ = error
    return fault
