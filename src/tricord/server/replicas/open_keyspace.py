# SPDX-License-Identifier: Apache-2.0
"""A causal or eventual keyspace as requests and watches see it: its replica, what it shows, and who watches."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.dots import VersionVector
from tricord.base.environment import Environment
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.levels import Level
from tricord.crdt.changed import Changed
from tricord.server.replicas.keyspace_replica import KeyspaceReplica
from tricord.server.replicas.shown_keys import ShownKeys
from tricord.server.replicas.watching import ReplicaHub


class OpenKeyspace:
    """``replica`` changes where the keyspace comes back under another number."""

    def __init__(
        self,
        environment: Environment,
        record: KeyspaceRecord,
        replica: KeyspaceReplica,
        report: Callable[[BaseException, str], None],
    ) -> None:
        self._environment = environment
        self.record = record
        self.is_causal = record.model is Model.CAUSAL
        self.level = Level.CAUSAL if self.is_causal else Level.EVENTUAL
        self.replica = replica
        self.keys = ShownKeys(environment.clock, replica)
        self.hub = ReplicaHub(replica, self.keys, self._identity(), is_causal=self.is_causal, report=report)
        self._vectors: dict[int, VersionVector] | None = None
        self._vectors_at = (-1, -1)
        self._listen()

    def attach(self, replica: KeyspaceReplica) -> None:
        """The replica was made anew. Watchers are told all keys again, or that their watches ended."""
        self.replica = replica
        self.keys = ShownKeys(self._environment.clock, replica)
        self._vectors_at = (-1, -1)
        self._listen()
        self.hub.moved(replica, self.keys, self._identity())

    def vectors(self, sequence: int) -> dict[int, VersionVector] | None:
        """For the token of an answer that was given at this sequence. Cost: what there was at the last answer, is
        given again while nothing changed."""
        if not self.is_causal:
            return None
        at = (self.keys.told, max(sequence, self.replica.sequence))
        if at != self._vectors_at or self._vectors is None:
            self._vectors = {self.record.id: self.replica.vector()}
            self._vectors_at = at
        return self._vectors

    def _identity(self) -> int:
        return self._environment.random.bits(64)

    def _listen(self) -> None:
        self.replica.changed = self._changed
        self.replica.resynced = self._resynced

    def _changed(self, changes: list[Changed]) -> None:
        if changes:
            self.keys.changed(changes)
            self.hub.changed(changes)

    def _resynced(self) -> None:
        self.keys.resynced()
        self.hub.resynced()
