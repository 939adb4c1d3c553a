# SPDX-License-Identifier: Apache-2.0
"""Probing for others: ping whom they cannot reach, pass the answer on, and say so in time when there is none."""

from __future__ import annotations

from dataclasses import dataclass

from tricord.gossip.config import GossipConfig
from tricord.gossip.counts import GossipCounts
from tricord.gossip.messages import Ack, Nack, Ping, PingRequest
from tricord.gossip.outbox import Outbox
from tricord.gossip.sequences import Sequences
from tricord.gossip.table import Table

RELAYS_MAX = 256
_NACK_SHARE = 0.8
"""Of the time that who asked still waits."""


@dataclass(slots=True)
class _Relay:
    asked_by: int
    sequence: int
    target: int
    nack_at: float
    ends_at: float


class Relays:
    """The probes of others that this member helps with, by the number of its own ping; in the order of their ends."""

    def __init__(
        self, config: GossipConfig, table: Table, outbox: Outbox, sequences: Sequences, counts: GossipCounts
    ) -> None:
        self._wait = config.probe_interval - config.probe_timeout
        self._patience = config.probe_interval * config.health_max
        self._table = table
        self._outbox = outbox
        self._sequences = sequences
        self._counts = counts
        self._unanswered: dict[int, _Relay] = {}
        self._nacked: dict[int, _Relay] = {}

    def ask(self, request: PingRequest, sender: int, now: float) -> None:
        """Somebody cannot reach another member."""
        if request.target not in self._table.rows:
            return
        if len(self._unanswered) + len(self._nacked) >= RELAYS_MAX:
            self._counts.relays_dropped += 1
            return
        number = self._sequences.next()
        nack_at = now + _NACK_SHARE * self._wait
        relay = _Relay(sender, request.sequence, request.target, nack_at, now + self._patience)
        self._unanswered[number] = relay
        self._outbox.post(request.target, Ping(number))

    def acked(self, sequence: int, sender: int) -> None:
        """An answer came; if it is one that another waits for, that one gets it."""
        relay = self._unanswered.get(sequence) or self._nacked.get(sequence)
        if relay is not None and relay.target == sender:
            self._unanswered.pop(sequence, None)
            self._nacked.pop(sequence, None)
            self._outbox.post(relay.asked_by, Ack(relay.sequence))

    def tick(self, now: float) -> None:
        """Say what has not come in time; forget what nobody waits for any more."""
        for number, relay in list(self._unanswered.items()):
            if relay.nack_at > now:
                break
            self._nacked[number] = self._unanswered.pop(number)
            self._outbox.post(relay.asked_by, Nack(relay.sequence))
        for number, relay in list(self._nacked.items()):
            if relay.ends_at > now:
                break
            del self._nacked[number]

    def next_at(self) -> float | None:
        """When to look again."""
        times = [relay.nack_at for relay in self._unanswered.values()][:1]
        times += [relay.ends_at for relay in self._nacked.values()][:1]
        return min(times, default=None)
