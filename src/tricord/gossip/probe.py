# SPDX-License-Identifier: Apache-2.0
"""Probing: one member after the other, in a random order that all are in once (SWIM, sections 3 and 4.3).

A probe is a ping. Without an answer in time others are asked to ping as well, and the member is asked by TCP. Without
any answer until the interval is over it is suspected. Helpers that have no answer either say so (nack): who does not
even hear those has reason to doubt itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.base.environment import Random
from tricord.gossip.awareness import Awareness
from tricord.gossip.chance import below, shuffled, some
from tricord.gossip.claims import LIVE
from tricord.gossip.config import GossipConfig
from tricord.gossip.counts import GossipCounts
from tricord.gossip.messages import Ping, PingRequest
from tricord.gossip.outbox import Outbox
from tricord.gossip.sequences import Sequences
from tricord.gossip.table import Table


@dataclass(slots=True)
class _Probe:
    target: int
    sequence: int
    indirect_at: float
    ends_at: float
    ticket: int = 0
    helpers: list[int] = field(default_factory=list)
    nacks: list[int] = field(default_factory=list)
    is_indirect: bool = False


class Prober:
    """The probes of one member, one at a time."""

    def __init__(
        self,
        config: GossipConfig,
        random: Random,
        table: Table,
        awareness: Awareness,
        outbox: Outbox,
        sequences: Sequences,
        counts: GossipCounts,
    ) -> None:
        self._config = config
        self._random = random
        self._table = table
        self._awareness = awareness
        self._outbox = outbox
        self._sequences = sequences
        self._counts = counts
        self._order: list[int] = []
        self._in_order: dict[int, None] = {}
        self._probe: _Probe | None = None
        self._next_at: float | None = None

    def next_at(self) -> float:
        """When to look again."""
        assert self._next_at is not None, "it begins with its first turn"
        probe = self._probe
        return probe.indirect_at if probe is not None and not probe.is_indirect else self._next_at

    def postpone(self, seconds: float) -> None:
        """This process stood still for so long."""
        if self._next_at is not None:
            self._next_at += seconds
        if self._probe is not None:
            self._probe.indirect_at += seconds
            self._probe.ends_at += seconds

    def tick(self, now: float) -> int | None:
        """Do what is due; a member that could not be reached."""
        if self._next_at is None:
            # Members that start together do not probe together.
            self._next_at = now + self._random.uniform(0.0, self._config.probe_interval)
        probe, failed = self._probe, None
        if probe is not None and not probe.is_indirect and now >= probe.indirect_at:
            self._ask_others(probe)
        if probe is not None and now >= probe.ends_at:
            failed = self._fail(probe)
        if self._probe is None and now >= self._next_at:
            self._begin(now)
        return failed

    def acked(self, sequence: int, sender: int) -> None:
        """An answer came, from the one that was probed or from a helper."""
        probe = self._probe
        if probe is None or probe.sequence != sequence:
            return
        if sender == probe.target or sender in probe.helpers:
            self._awareness.change(0 if probe.is_indirect else -1)
            self._probe = None

    def nacked(self, sequence: int, sender: int) -> None:
        """A helper is there, and has no answer yet."""
        probe = self._probe
        if probe is not None and probe.sequence == sequence and sender in probe.helpers and sender not in probe.nacks:
            probe.nacks.append(sender)

    def answered(self, ticket: int) -> None:
        """The member that was asked by a stream answered; nothing, if that was no probe."""
        probe = self._probe
        if probe is not None and ticket and probe.ticket == ticket:
            self._probe = None

    # --- inner ---------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> None:
        interval = self._awareness.scaled(self._config.probe_interval)
        self._next_at = now + interval
        target = self._next_target()
        if target is None:
            return
        timeout = self._awareness.scaled(self._config.probe_timeout)
        self._probe = _Probe(target, self._sequences.next(), now + timeout, now + interval)
        self._counts.probes += 1
        self._outbox.post(target, Ping(self._probe.sequence))

    def _ask_others(self, probe: _Probe) -> None:
        probe.is_indirect = True
        self._counts.probes_indirect += 1
        if probe.target not in self._table.rows:
            return
        probe.helpers = some(self._random, self._table.live, self._config.indirect_probes, probe.target)
        for helper in probe.helpers:
            self._outbox.post(helper, PingRequest(probe.sequence, probe.target))
        if self._config.stream_probes:
            probe.ticket = self._sequences.next()
            left = self._awareness.scaled(self._config.probe_interval - self._config.probe_timeout)
            self._outbox.exchange(probe.ticket, probe.target, Ping(probe.sequence), left)

    def _fail(self, probe: _Probe) -> int:
        self._probe = None
        self._counts.probes_failed += 1
        # Helpers that all said nack prove that this member hears: then the failure is not its own.
        self._awareness.change(len(probe.helpers) - len(probe.nacks) if probe.helpers else 1)
        return probe.target

    def _next_target(self) -> int | None:
        live = self._table.live
        if not self._order:
            self._order = shuffled(self._random, live)
            self._in_order = dict.fromkeys(live)
        else:
            for member in [member for member in live if member not in self._in_order]:
                # One that came meanwhile is probed within this round already.
                self._order.insert(below(self._random, len(self._order) + 1), member)
                self._in_order[member] = None
        while self._order:
            member = self._order.pop()
            row = self._table.rows.get(member)
            if row is not None and row.standing in LIVE:
                return member
        return None
