# SPDX-License-Identifier: Apache-2.0
"""Writes on their way to peers: at once, in bounded batches, a few times. What is lost all the same, repair finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tricord.crdt.encoding import encode_delta
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


class Spread:
    """``stored(peer, first, last)`` is told when a peer has these writes durably."""

    def __init__(self, state: State, stored: Callable[[int, int, int], None]) -> None:
        self._state = state
        self._stored = stored
        self._pending: list[tuple[int, bytes]] = []
        self._relayed: dict[tuple[int, int, int], list[bytes]] = {}
        self._batches: dict[int, dict[int, Batch]] = {}
        self._bytes: dict[int, int] = {}
        self._number = 0
        self._cursor = 0
        self._due = float("inf")

    def add(self, counter: int, key: bytes, delta: bytes) -> None:
        """A write of this replica; its bytes as of ``encode_delta``."""
        self._pending.append((counter, delta_bytes(key, delta)))

    def receive(self, head: Head, received: Deltas) -> None:
        """Take in writes of others; once they are durable here, say so."""
        state = self._state
        state.follow(delta.cell for _, delta in received.deltas)
        fresh = []
        for key, delta in received.deltas:
            if received.hops and not all(dot in state.known for dot in delta.dots):
                fresh.append(delta_bytes(key, encode_delta(delta)))
            state.apply(key, delta)
        if fresh:
            origin = received.deltas[0][1]
            first = min(origin.dots, default=None)
            place = (head.sender, first[0] if first else 0, received.hops - 1)
            self._relayed.setdefault(place, []).extend(fresh)
        if received.number:
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
        for (sender, origin, hops), deltas in self._relayed.items():
            for peer in self._targets({sender, origin}):
                self._state.output.messages.append((peer, encode_deltas(self._state.head(peer), 0, hops, deltas)))
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
        hops = _hops(len(state.peers), state.config.fanout)
        self._number += 1
        deltas = [data for _, data in batch]
        for peer in peers:
            data = encode_deltas(state.head(peer), self._number, hops, deltas)
            state.output.messages.append((peer, data))
            self._keep(peer, Batch(data, batch[0][0], batch[-1][0], state.now))

    def _keep(self, peer: int, batch: Batch) -> None:
        if self._bytes.get(peer, 0) + len(batch.data) > self._state.config.unconfirmed_bytes:
            return
        self._batches.setdefault(peer, {})[self._number] = batch
        self._bytes[peer] = self._bytes.get(peer, 0) + len(batch.data)
        self._due = min(self._due, batch.sent + self._state.config.resend_seconds)

    def _targets(self, without: set[int]) -> list[int]:
        """All peers, or the next few where there are many."""
        peers = [peer for peer in self._state.peers if peer not in without]
        fanout = self._state.config.fanout
        if len(peers) <= fanout:
            return peers
        self._cursor = (self._cursor + fanout) % len(peers)
        return (peers + peers)[self._cursor : self._cursor + fanout]

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


def _hops(peers: int, fanout: int) -> int:
    """How often a write has to be passed on until it may have reached all."""
    hops, reached = 0, fanout
    while reached < peers and hops < HOPS_MAX:
        hops, reached = hops + 1, reached * max(fanout, 2)
    return hops
