# SPDX-License-Identifier: Apache-2.0
"""Writes on their way to peers: at once, in bounded batches, a few times. What is lost all the same, repair finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tricord.eventual.codec import HOPS_MAX, delta_bytes, encode_deltas
from tricord.eventual.messages import Deltas, Head, Stored
from tricord.eventual.state import State

SENDS = 3


@dataclass(slots=True)
class Batch:
    """A message that a peer has not confirmed, and the counters of the first and last write in it."""

    data: bytes
    first: int
    last: int
    sent: float
    sends: int = 1


class Relay(NamedTuple):
    """Writes to be passed on: not back to ``sender`` and ``origin``."""

    sender: int
    origin: int
    hops: int
    only_edges: bool


class Spread:
    """``left(first, deltas)`` is told of each batch of this replica's writes that is sent, ``stored(peer, first,
    last)`` when a peer has it durably."""

    def __init__(
        self, state: State, left: Callable[[int, list[bytes]], None], stored: Callable[[int, int, int], None]
    ) -> None:
        self._state = state
        self._left = left
        self._stored = stored
        self._pending: list[tuple[int, bytes]] = []
        self._relayed: dict[Relay, list[bytes]] = {}
        self._batches: dict[int, dict[int, Batch]] = {}
        self._bytes: dict[int, int] = {}
        self._number = 0
        self._cursor = 0
        self._due = float("inf")
        self.is_awaited = False
        """Whether a client waits until others have a write of this turn."""

    def add(self, counter: int, key: bytes, delta: bytes) -> None:
        """A write of this replica; its bytes as of ``encode_delta``."""
        self._pending.append((counter, delta_bytes(key, delta)))

    def receive(self, head: Head, received: Deltas) -> None:
        """Take in writes of others; once all of them are durable here, say so."""
        state = self._state
        state.cannot_read(head.sender, received.unread)
        state.follow(delta.cell for _, delta, _ in received.deltas)
        fresh = []
        relay = self._relay(head.sender, received)
        is_whole = not received.unread
        for key, delta, encoded in received.deltas:
            if state.known.context.cloud and state.known.is_far_ahead(delta.dots):
                is_whole = False
                continue
            if relay is not None and not all(dot in state.known for dot in delta.dots):
                fresh.append(delta_bytes(key, encoded))
            state.apply(key, delta, encoded)
        state.output.urgent = state.output.urgent or received.awaited
        if fresh and relay is not None:
            self._relayed.setdefault(relay, []).extend(fresh)
        if received.number and is_whole:
            state.send_durable(head.sender, Stored(received.number), head.incarnation)

    def confirmed(self, peer: int, received: Stored) -> None:
        """A peer has a batch durably."""
        batch = self._batches.get(peer, {}).pop(received.number, None)
        if batch is not None:
            self._bytes[peer] -= len(batch.data)
            self._stored(peer, batch.first, batch.last)

    def flush(self) -> None:
        """Send what this turn brought, and again what nobody confirmed."""
        pending, self._pending = self._pending, []
        for batch in self._cut(pending):
            self._send(batch)
        self.is_awaited = False
        for relay, deltas in self._relayed.items():
            for peer in self._targets({relay.sender, relay.origin}, only_edges=relay.only_edges):
                data = encode_deltas(self._state.head(peer), 0, relay.hops, False, deltas)
                self._state.output.messages.append((peer, data))
        self._relayed.clear()
        if self._state.now >= self._due:
            self._resend()

    @property
    def due(self) -> float:
        """When something is to be sent again."""
        return self._due

    def _cut(self, pending: list[tuple[int, bytes]]) -> list[list[tuple[int, bytes]]]:
        batches: list[list[tuple[int, bytes]]] = []
        room = 0
        for one in pending:
            if not batches or len(one[1]) > room:
                batches.append([])
                room = self._state.config.batch_bytes
            batches[-1].append(one)
            room -= len(one[1])
        return batches

    def _send(self, batch: list[tuple[int, bytes]]) -> None:
        state = self._state
        peers = self._targets(set())
        hops = self._hops()
        self._number += 1
        deltas = [data for _, data in batch]
        self._left(batch[0][0], deltas)
        for peer in peers:
            data = encode_deltas(state.head(peer), self._number, hops, self.is_awaited, deltas)
            state.output.messages.append((peer, data))
            self._keep(peer, Batch(data, batch[0][0], batch[-1][0], state.now))

    def _keep(self, peer: int, batch: Batch) -> None:
        if self._bytes.get(peer, 0) + len(batch.data) > self._state.config.unconfirmed_bytes:
            return
        self._batches.setdefault(peer, {})[self._number] = batch
        self._bytes[peer] = self._bytes.get(peer, 0) + len(batch.data)
        self._due = min(self._due, batch.sent + self._state.config.resend_seconds)

    def _relay(self, sender: int, received: Deltas) -> Relay | None:
        """Whether and how to pass writes on: to further members where there are many, to and from this one's edges."""
        state = self._state
        if not received.hops and (len(state.peers) < 2 or state.config.replica not in state.members):
            return None
        if not received.hops and sender in state.members and all(peer in state.members for peer in state.peers):
            return None
        first = min(received.deltas[0][1].dots, default=None) if received.deltas else None
        origin = first[0] if first else 0
        if sender not in state.members:
            return Relay(sender, origin, self._hops(), False)
        return Relay(sender, origin, max(0, received.hops - 1), not received.hops)

    def _targets(self, without: set[int], only_edges: bool = False) -> list[int]:
        """Of the members that are peers all, or the next few where there are many; and this one's edges."""
        peers, members = self._state.peers, self._state.members
        edges = [peer for peer in peers if peer not in members and peer not in without]
        if only_edges:
            return edges
        chosen = [peer for peer in peers if peer in members and peer not in without]
        fanout = self._state.config.fanout
        if len(chosen) > fanout:
            self._cursor = (self._cursor + fanout) % len(chosen)
            chosen = (chosen + chosen)[self._cursor : self._cursor + fanout]
        return chosen + edges

    def _hops(self) -> int:
        """How often a write has to be passed on until it may have reached all members."""
        fanout, hops = self._state.config.fanout, 0
        reached = fanout
        while reached < len(self._state.members) - 1 and hops < HOPS_MAX:
            hops, reached = hops + 1, reached * max(fanout, 2)
        return hops

    def _resend(self) -> None:
        state = self._state
        self._due = float("inf")
        for peer, batches in self._batches.items():
            for number, batch in list(batches.items()):
                if batch.sent + state.config.resend_seconds <= state.now:
                    if batch.sends == SENDS or peer not in state.peers:
                        del batches[number]
                        self._bytes[peer] -= len(batch.data)
                        continue
                    state.output.messages.append((peer, batch.data))
                    batch.sent, batch.sends = state.now, batch.sends + 1
                self._due = min(self._due, batch.sent + state.config.resend_seconds)
