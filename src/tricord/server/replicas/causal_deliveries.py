# SPDX-License-Identifier: Apache-2.0
"""What a causal core delivered, on its way to the disk, and from there to watchers, sessions and other replicas."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tricord.base.dots import VersionVector
from tricord.base.environment import Environment
from tricord.base.errors import Stopping, TricordError
from tricord.causal.replica import CausalReplica, Delivered
from tricord.crdt.changed import Changed
from tricord.server.replicas.committing import Committer
from tricord.server.replicas.keyspace_replica import Ready
from tricord.storage.replica_storage import ReplicaStorage


class Deliveries:
    """The core with its disk. ``took`` follows every call that may have changed the core."""

    def __init__(
        self,
        environment: Environment,
        core: CausalReplica,
        storage: ReplicaStorage,
        *,
        gather: Callable[[], None],
        quota_bytes: int,
        fail: Callable[[BaseException], None],
    ) -> None:
        self.core = core
        self.committer = Committer(
            environment, storage, committed=self._committed, gather=gather, fail=fail, quota_bytes=quota_bytes
        )
        self.changed: Callable[[list[Changed]], None] = lambda changes: None
        self.resynced: Callable[[], None] = lambda: None
        self.grew: Callable[[], None] = lambda: None
        """More is durable."""
        self.shown = 0
        """The mark of what reads show."""
        self.spoken = 0
        """The mark of what has to be durable before anything is told to other replicas: an incarnation, a state that
        is taken over."""
        self._sequences: deque[tuple[int, int]] = deque()
        self._to_tell: deque[tuple[int, list[Changed] | None]] = deque()
        self._tickets: dict[int, Ready] = {}
        self._last_ticket = 0

    @property
    def may_speak(self) -> bool:
        """Whether others may hear what the core says now."""
        return self.committer.durable >= self.spoken

    @property
    def is_durable(self) -> bool:
        """Whether what reads show is durable."""
        return self.committer.durable >= self.shown

    def took(self, result: Delivered, *, unspoken: bool = False, urgent: bool = True) -> int:
        """Its effects are to become durable; gives their mark. ``unspoken``: others hear nothing until then;
        ``urgent``: somebody waits."""
        mark = self.committer.wrote(urgent=urgent)
        if result.operations:
            self._sequences.append((mark, self.core.sequence))
        if result.operations or result.resynced:
            self.shown = mark
        if result.resynced:
            self._to_tell.append((mark, None))
        elif result.events and self.core.is_open:
            self._to_tell.append((mark, result.events))
        if unspoken or result.resynced:
            self.spoken = mark
        for ticket in result.satisfied:
            ready = self._tickets.pop(ticket, None)
            if ready is not None:
                self.committer.when_durable(mark, ready)
        return mark

    def wait(self, vector: VersionVector, ready: Ready) -> int:
        """Run ``ready`` once all of the vector is here, durably. Gives 0 where it is here already, else a ticket for
        ``forget``."""
        self._last_ticket += 1
        if self.core.wait(self._last_ticket, vector):
            self.committer.when_durable(self.shown, ready)
            return 0
        self._tickets[self._last_ticket] = ready
        return self._last_ticket

    def forget(self, ticket: int) -> None:
        """Its session waits no more."""
        if self._tickets.pop(ticket, None) is not None:
            self.core.tickets.forget(ticket)

    def abandon(self, error: TricordError | None = None) -> None:
        """Commit nothing more, and tell who waits."""
        self.committer.abandon(error)
        self._give_up(error)

    async def close(self, error: TricordError | None = None) -> None:
        """Make what there is durable, unless with an ``error``, and let go. Raises OSError."""
        try:
            await self.committer.close(error)
        finally:
            self._give_up(error)

    def _give_up(self, error: TricordError | None) -> None:
        tickets, self._tickets = self._tickets, {}
        for ready in tickets.values():
            ready(error or Stopping())

    def _committed(self, mark: int) -> None:
        sequences, to_tell = self._sequences, self._to_tell
        while sequences and sequences[0][0] <= mark:
            self.core.persisted(sequences.popleft()[1])
        changes: list[Changed] = []
        while to_tell and to_tell[0][0] <= mark:
            told = to_tell.popleft()[1]
            if told is not None:
                changes += told
                continue
            changes = []
            self.resynced()
        if changes:
            self.changed(changes)
        self.grew()
