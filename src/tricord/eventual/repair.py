# SPDX-License-Identifier: Apache-2.0
"""Rounds of repair: a replica takes over from one peer after the other what it missed.

It asks for the peer's context and its sums, goes down where they differ, and joins the cells of leaves that do. The
peer keeps nothing of a round, and both go on writing. At the end all that the peer had seen when the round began is
seen here too: for each key there was a moment in the round at which either both held the same, or what the peer had was
joined. Only then is that context merged. As what the peer has seen, it serves all joins of the round: one that is older
than the cells says less, and takes nothing away that it should not.

What this version cannot read of the peer's cells stays as it is here. Such a round repairs the other keys and proves
nothing: its context is not merged, or this replica would take away at others what it never had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tricord.base.reachable import reachable
from tricord.crdt.cell import Cell
from tricord.crdt.encoding import encode_cell
from tricord.eventual.agreement import Agreement
from tricord.eventual.codec import RANGES_MAX
from tricord.eventual.known import Known
from tricord.eventual.messages import AskCells, AskParts, AskRoot, Cells, Have, Head, Message, Parts, Root
from tricord.eventual.state import State
from tricord.eventual.tree import LEAVES, LEVELS, leaf_of, position

SENDS = 3
HURRY = 10
"""So much sooner the next round begins while clients wait for what they bring."""


@dataclass(slots=True)
class Round:
    """What is left to do of a round. One request is out at a time."""

    peer: int
    begun: float
    wall: int
    """When it began, by both clocks."""
    asked: AskRoot | AskParts | AskCells
    sent: float
    sends: int = 1
    incarnation: int = 0
    known: Known = field(default_factory=Known)
    joined: bool = False
    ages: list[tuple[int, int]] = field(default_factory=list)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    after: bytes = b""
    lacks: bool = False
    """Something of the peer's could not be read."""


class Repair:
    """Begins rounds by time, and answers those of others."""

    def __init__(self, state: State, agreement: Agreement) -> None:
        self._state = state
        self._agreement = agreement
        self._round: Round | None = None
        self._number = 0
        self._cursor = 0
        self._next = 0.0

    def tick(self) -> None:
        """Begin a round, ask again, or give the round up."""
        state, now = self._state, self._state.now
        running = self._round
        if running is not None and running.peer not in state.peers:
            running = self._round = None
        if running is not None:
            if running.sent + state.config.answer_seconds <= now:
                self._ask_again(running)
        elif now >= self._next and state.peers:
            waits = not state.joined or state.returning
            self._next = now + state.config.repair_seconds / (HURRY if waits else 1)
            self._cursor += 1
            peer = state.peers[self._cursor % len(state.peers)]
            self._number += 1
            asked = AskRoot(self._number)
            self._round = Round(peer, now, state.wall, asked, now)
            state.send(peer, asked)

    @property
    def due(self) -> float:
        """When the next tick has something to do."""
        if self._round is not None:
            return self._round.sent + self._state.config.answer_seconds
        return self._next if self._state.peers else float("inf")

    def receive(self, head: Head, received: Root | Parts | Cells) -> None:
        """The answer to what was asked, or one that is not waited for any more."""
        running = self._round
        if running is None or running.asked.number != received.number or running.peer != head.sender:
            return
        if isinstance(received, Root) and isinstance(running.asked, AskRoot):
            running.incarnation = head.incarnation
            fits = self._begin(running, received)
        elif running.incarnation != head.incarnation:
            fits = False
        elif isinstance(received, Parts) and isinstance(running.asked, AskParts):
            fits = self._descend(running, running.asked, received)
        elif isinstance(received, Cells) and isinstance(running.asked, AskCells):
            fits = self._join(running, running.asked, received)
        else:
            fits = False
        if fits:
            self._go_on(running)
        else:
            self._round = None

    def serve(self, head: Head, asked: AskRoot | AskParts | AskCells) -> None:
        """Answer a peer's round."""
        state = self._state
        tree = state.store.tree
        answer: Message
        if isinstance(asked, AskRoot):
            ages = self._agreement.ages_told()
            answer = Root(asked.number, state.known, tree.parts(0, 0), state.joined, ages)
        elif isinstance(asked, AskParts):
            answer = Parts(asked.number, [tree.parts(asked.level, number) for number in asked.ranges])
        else:
            answer = self._page(asked)
        state.send(head.sender, answer, head.incarnation)

    def _ask_again(self, running: Round) -> None:
        if running.sends == SENDS:
            self._round = None
            reachable("a round of repair was given up")
            return
        running.sends += 1
        running.sent = self._state.now
        self._state.send(running.peer, running.asked)

    def _begin(self, running: Round, received: Root) -> bool:
        state = self._state
        running.known = received.known
        running.joined, running.ages = received.joined, received.ages
        if received.known.floors.get(state.config.replica, -1) >= state.config.incarnation:
            state.superseded = received.known.floors[state.config.replica] + 1
            return False
        running.ranges = [(1, part) for part in state.store.tree.differing(0, 0, received.sums)]
        return True

    def _descend(self, running: Round, asked: AskParts, received: Parts) -> bool:
        if len(received.sums) != len(asked.ranges):
            return False
        level = asked.level + 1
        for number, sums in zip(asked.ranges, received.sums, strict=True):
            parts = self._state.store.tree.differing(asked.level, number, sums)
            if level < LEVELS:
                running.ranges.extend((level, part) for part in parts)
            else:
                running.leaves.extend(parts)
        return True

    def _go_on(self, running: Round) -> None:
        """Ask the next thing, or end the round."""
        self._number += 1
        if running.ranges:
            level = running.ranges[0][0]
            asked = [number for each, number in running.ranges[:RANGES_MAX] if each == level]
            del running.ranges[: len(asked)]
            running.asked = AskParts(self._number, level, asked)
        elif running.leaves:
            running.asked = AskCells(self._number, running.leaves[:RANGES_MAX], running.after)
        else:
            self._finish(running)
            return
        running.sends = 1
        running.sent = self._state.now
        self._state.send(running.peer, running.asked)

    def _join(self, running: Round, asked: AskCells, received: Cells) -> bool:
        """Join whole leaves, and the beginning of the next."""
        if received.finished > len(asked.leaves) or (not received.finished and received.last <= asked.after):
            return False
        theirs = {_place(key): (key, cell) for key, cell in received.cells}
        unread = {_place(one.key) for one in received.unread}
        self._state.cannot_read(running.peer, received.unread)
        running.lacks = running.lacks or bool(unread)
        self._state.follow(cell for _, cell in received.cells)
        for leaf, after, last in _pieces(asked, received):
            mine = self._state.store.places(leaf, after)
            for place in sorted({*mine, *(each for each in theirs if _within(each, leaf, after))}):
                if last and place > last:
                    break
                if place in unread:
                    continue
                key, cell = theirs.get(place, (place[8:], {}))
                self._state.join(key, cell, running.known)
        running.leaves = running.leaves[received.finished :]
        running.after = received.last
        return True

    def _page(self, asked: AskCells) -> Cells:
        """As many cells as fit, one at least."""
        store = self._state.store
        room = self._state.config.batch_bytes
        cells: list[tuple[bytes, Cell]] = []
        for finished, leaf in enumerate(asked.leaves):
            after = last = asked.after if not finished else b""
            for place in store.places(leaf, after):
                cell = store.cell(place[8:])
                room -= len(place) + len(encode_cell(cell))
                if room < 0 and cells:
                    reachable("a leaf was sent in pieces")
                    return Cells(asked.number, finished, last, cells)
                cells.append((place[8:], cell))
                last = place
        return Cells(asked.number, len(asked.leaves), b"", cells)

    def _finish(self, running: Round) -> None:
        state = self._state
        self._round = None
        if running.lacks:
            reachable("a round could not be whole: something cannot be read")
            return
        state.known.merge(running.known)
        state.joined = state.joined or running.joined
        self._agreement.reached(running.peer, running.begun, running.wall, running.ages)
        vector = running.known.context.vector.entries
        counters = [(origin[1], counter) for origin, counter in sorted(vector.items()) if origin[0] == running.peer]
        state.send_durable(running.peer, Have(running.known.floors.get(running.peer, 0), counters))


def requests_max(keys: int, size: int, page: int) -> int:
    """The most requests of a round for differing ``keys``, with ``size`` bytes of cells in their leaves and pages of
    ``page`` bytes."""
    levels = sum(1 + min(keys, LEAVES) // RANGES_MAX for _ in range(1, LEVELS))
    return 2 + levels + keys // RANGES_MAX + 2 * size // page


def _place(key: bytes) -> bytes:
    return position(key).to_bytes(8, "big") + key


def _within(place: bytes, leaf: int, after: bytes) -> bool:
    return leaf_of(int.from_bytes(place[:8], "big")) == leaf and place > after


def _pieces(asked: AskCells, received: Cells) -> Iterator[tuple[int, bytes, bytes]]:
    """(leaf, behind what, up to what: b"" for its end) of all that a page tells of."""
    for number, leaf in enumerate(asked.leaves[: received.finished + 1]):
        last = b"" if number < received.finished else received.last
        if number < received.finished or last:
            yield leaf, asked.after if not number else b"", last
