# SPDX-License-Identifier: Apache-2.0
"""One keyspace at one replica, put together: ``turn(Input) -> Output``. It performs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tricord.base.errors import ConfigurationError, TricordError
from tricord.base.ordered import OrderedStore, Table
from tricord.crdt.cell import Cell
from tricord.eventual.agreement import Agreement
from tricord.eventual.codec import decode_message
from tricord.eventual.config import EventualConfig
from tricord.eventual.ending import Ending
from tricord.eventual.messages import (
    AskCells,
    AskKeys,
    AskParts,
    AskRoot,
    Cells,
    Deltas,
    Have,
    Head,
    Keys,
    Parts,
    Rejected,
    Rejection,
    Root,
    Stored,
)
from tricord.eventual.reading import Reading
from tricord.eventual.repair import Repair
from tricord.eventual.returning import Former, Returning
from tricord.eventual.state import State
from tricord.eventual.store import ReplicaStore
from tricord.eventual.turn import Input, Output, UnreadAlarm
from tricord.eventual.writing import Writing


class EventualReplica:
    """``store`` is this replica's own, as it is durable at the start; all its records here are in ``table``."""

    def __init__(
        self, config: EventualConfig, store: OrderedStore, table: Table, formers: Sequence[Former] = ()
    ) -> None:
        """Raises ConfigurationError where the store knows of this or a later incarnation."""
        self._store = ReplicaStore(store, table)
        self._state = state = State(config, self._store)
        self._check_incarnation()
        self._writing = Writing(state)
        self._reading = Reading(state)
        self._agreement = Agreement(state)
        self._repair = Repair(state, self._agreement)
        self._ending = Ending(state, self._agreement, self._writing)
        state.returning = bool(formers)
        self._returning = Returning(state, self._agreement, self._writing, formers)
        self._turn = 0
        repair, reading = self._repair, self._reading
        self._receivers: dict[type, Callable[[Head, Any], None]] = {
            Deltas: self._writing.spread.receive,
            Stored: lambda head, received: self._writing.spread.confirmed(head.sender, received),
            AskRoot: repair.serve,
            AskParts: repair.serve,
            AskCells: repair.serve,
            Root: repair.receive,
            Parts: repair.receive,
            Cells: repair.receive,
            Have: lambda head, received: self._writing.have(head.sender, received),
            AskKeys: reading.serve,
            Keys: reading.receive,
            Rejected: self._rejected,
        }

    def turn(self, given: Input) -> Output:
        """Take all of ``given`` in, and say what is to be done. Raises nothing for what others send."""
        state = self._state
        if not self._turn:
            state.started = given.now
        self._turn += 1
        state.now, state.wall = given.now, given.wall
        output = state.output = Output(self._turn)
        if given.active is not None:
            self._belong(given.active, given.members, given.peers)
        state.release(given.persisted)
        self._writing.persisted(given.persisted)
        for data in given.received:
            self._receive(data)
        for write in given.writes:
            self._writing.request(write)
        for read in given.reads:
            self._reading.request(read)
        self._writing.expire()
        self._reading.expire()
        self._returning.tick()
        self._ending.tick()
        self._repair.tick()
        self._writing.spread.flush()
        if state.superseded:
            output.messages.clear()
        output.effects = self._store.take_effects()
        output.changed = state.take_changed()
        due = (self._writing.deadline, self._reading.deadline, self._repair.due, self._writing.spread.due)
        output.wake_at = min(*due, self._ending.due)
        return output

    def cell(self, key: bytes) -> Cell:
        """What a key holds here, for ``crdt.shown.show``."""
        return self._store.cell(key)

    def cells(self, start: bytes, end: bytes | None) -> list[tuple[bytes, Cell]]:
        """Keys in order with what they hold, from ``start`` up to ``end`` (None: to the last)."""
        return list(self._store.cells(start, end))

    @property
    def digest(self) -> int:
        """64 bits over all that is here, also what reads filter: equal replicas have equal digests."""
        return self._store.tree.root

    @property
    def keys(self) -> int:
        """How many there are, ended ones that still take room among them."""
        return self._store.keys

    @property
    def unsent(self) -> int:
        """How many writes of this replica may be nowhere else, those of its former numbers included."""
        return len(self._writing.unsent) + self._returning.unsent

    @property
    def entries(self) -> int:
        """How many numbers the context takes."""
        return self._state.known.entries()

    @property
    def has_joined(self) -> bool:
        """Whether it has had, in this start or before, the state of one that has joined, or of all members, or is
        alone."""
        return self._state.joined

    @property
    def waits_for_disk(self) -> bool:
        """Whether a turn that knows more to be durable has something to answer or to send."""
        return self._state.holds or self._writing.holds

    @property
    def superseded(self) -> int:
        """Not 0: others know that so high an incarnation of this replica ran, so they do not hear this one. Its data is
        to come back as that of a retired replica does (``Former``)."""
        return self._state.superseded

    @property
    def refused(self) -> dict[str, int]:
        """Messages that were not heard, by reason."""
        return dict(self._state.refused)

    def refuse(self, reason: str) -> None:
        """Count a message that its host did not hand in."""
        self._state.refuse(reason)

    def agreement_ages(self) -> dict[int, float]:
        """How many seconds ago each member and peer had nothing that is not here: the measure of convergence."""
        return self._agreement.ages()

    def _check_incarnation(self) -> None:
        config, known = self._state.config, self._store.known
        own = [o.incarnation for o in known.context.vector.entries if o.replica == config.replica]
        if config.incarnation <= max([*own, known.floors.get(config.replica, -1)], default=-1):
            raise ConfigurationError("a replica starts under a higher incarnation each time: see next_incarnation")

    def _belong(self, active: tuple[int, ...], members: tuple[int, ...] | None, peers: tuple[int, ...] | None) -> None:
        state, replica = self._state, self._state.config.replica
        state.active = tuple(sorted({*active, replica}))
        state.members = state.active if members is None else tuple(sorted(set(members) & set(state.active)))
        chosen = state.active if peers is None else peers
        state.joined = state.joined or state.active == (replica,)
        state.peers = tuple(sorted(peer for peer in chosen if peer != replica and peer in state.active))

    def _receive(self, data: bytes) -> None:
        state = self._state
        try:
            head, received = decode_message(data)
        except TricordError as error:
            state.refuse(error.code)
            state.output.unread = UnreadAlarm(0, None, error)
            return
        config = state.config
        if (head.cluster, head.keyspace, head.receiver) != (config.cluster, config.keyspace, config.replica):
            state.refuse("other_receiver")
        elif head.receiver_incarnation not in (0, config.incarnation):
            state.refuse("earlier_start")
        elif isinstance(received, Rejected):
            self._rejected(head, received)
        elif state.superseded or not self._may_speak(head):
            state.refuse("rejected")
        else:
            self._receivers[type(received)](head, received)

    def _may_speak(self, head: Head) -> bool:
        """Whether the sender belongs, and is no earlier start of itself."""
        state = self._state
        if head.sender not in state.active or head.sender == state.config.replica:
            state.send(head.sender, Rejected(Rejection.NOT_ACTIVE, 0), head.incarnation)
            return False
        highest = state.highest.get(head.sender, 0)
        if head.incarnation < highest:
            state.send(head.sender, Rejected(Rejection.SUPERSEDED, highest), head.incarnation)
            return False
        if head.incarnation > highest:
            state.highest[head.sender] = head.incarnation
            state.learned[head.sender] = state.now
        return True

    def _rejected(self, head: Head, received: Rejected) -> None:
        state = self._state
        if received.why is Rejection.SUPERSEDED and received.incarnation > state.config.incarnation:
            state.superseded = received.incarnation
        elif received.why is Rejection.NOT_ACTIVE:
            state.refuse("not_active_there")
