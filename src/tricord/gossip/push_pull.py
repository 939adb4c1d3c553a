# SPDX-License-Identifier: Apache-2.0
"""Exchanges of whole states, by TCP: what news missed is found within a bounded time, and halves that were cut off meet
again.

A member that knows of nobody asks one listed member after the other. Later it asks a random live one now and then, and
a lost one.
"""

from __future__ import annotations

from tricord.base.environment import Random
from tricord.gossip.chance import below
from tricord.gossip.config import GossipConfig
from tricord.gossip.membership import Membership
from tricord.gossip.messages import StateOf
from tricord.gossip.outbox import Outbox
from tricord.gossip.sequences import Sequences
from tricord.gossip.table import Table


class PushPull:
    """The exchanges that this member begins; one at a time."""

    def __init__(
        self,
        config: GossipConfig,
        random: Random,
        table: Table,
        membership: Membership,
        outbox: Outbox,
        sequences: Sequences,
    ) -> None:
        self._config = config
        self._random = random
        self._table = table
        self._membership = membership
        self._outbox = outbox
        self._sequences = sequences
        self._ticket = 0
        self._gives_up_at = 0.0
        self._state_at: float | None = None
        self._lost_at = 0.0

    def ended(self, ticket: int) -> bool:
        """The exchange of this number ended; False: it is none of these."""
        if not ticket or ticket != self._ticket:
            return False
        self._ticket = 0
        return True

    def tick(self, now: float) -> None:
        """Begin what is due."""
        if self._state_at is None:
            self._state_at = now + self._random.uniform(0.0, self._config.push_pull_interval)
            self._lost_at = now
        if self._ticket and now >= self._gives_up_at:
            self._ticket = 0
        if self._ticket:
            return
        table = self._table
        if table.lost and now >= self._lost_at:
            self._lost_at = now + self._lost_period() * self._random.uniform(0.5, 1.0)
            self._ask(table.lost, now)
        elif table.live and now >= self._state_at:
            period = self._config.push_pull_period(table.size)
            self._state_at = now + period * self._random.uniform(0.75, 1.25)
            self._ask(table.live, now)

    def next_at(self) -> float | None:
        """When to look again."""
        if self._ticket:
            return self._gives_up_at
        times = [self._lost_at] if self._table.lost else []
        if self._table.live and self._state_at is not None:
            times.append(self._state_at)
        return min(times, default=None)

    def _lost_period(self) -> float:
        live, lost = len(self._table.live), len(self._table.lost)
        return self._config.reconnect_period(live, lost) if live else self._config.probe_interval

    def _ask(self, members: list[int], now: float) -> None:
        member = members[below(self._random, len(members))]
        timeout = self._config.exchange_timeout
        self._ticket = self._sequences.next()
        self._gives_up_at = now + 2 * timeout  # the host says so before
        self._outbox.exchange(self._ticket, member, StateOf(self._membership.state()), timeout)
