# SPDX-License-Identifier: Apache-2.0
"""A member's part in causal and eventual keyspaces: its replicas, the edges that come to it, and who is retired."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tricord.base.context import Context
from tricord.base.environment import Environment
from tricord.base.metrics import Metrics
from tricord.base.operations import Request
from tricord.base.replica_sets import MemberReplica, ReplicaAttach
from tricord.server.configuration import Configuration
from tricord.server.member_engine import MemberEngine
from tricord.server.replicas.edges import Edges
from tricord.server.replicas.exchange import Exchange
from tricord.server.replicas.figures import replica_figures
from tricord.server.replicas.keeping import Terms
from tricord.server.replicas.replicas import Replicas
from tricord.server.replicas.retiring import Lead, Retiring
from tricord.server.telling import Tells
from tricord.statemachine.machine import StateMachine
from tricord.storage.identity import Identity


class MemberReplicas(Replicas):
    """See ``Replicas``."""

    def __init__(
        self,
        environment: Environment,
        configuration: Configuration,
        identity: Identity,
        machine: StateMachine,
        exchange: Exchange,
        lead: Lead,
        ask: Callable[[Request, Context], Awaitable[Any]],
        tells: Tells,
        fail: Callable[[BaseException], None],
    ) -> None:
        async def attach(keyspace: int, former: int) -> None:
            await ask(ReplicaAttach(keyspace, MemberReplica(identity.member), former), Context())

        terms = Terms(
            identity.member,
            identity.cluster,
            configuration.data_dir,
            configuration.quota_bytes,
            configuration.map_bytes,
            attach,
            fail,
        )
        super().__init__(environment, terms, machine, exchange, tells)
        self.edges = Edges(environment, identity, exchange, machine, ask)
        away = configuration.replica_retention
        self.retiring = Retiring(environment, machine, lead, ask, tells, retention=away)
        self.retiring.edges = exchange.connected

    def serve(self, engine: MemberEngine, metrics: Metrics) -> None:
        """Let the engine's requests find the replicas, and scrapes their figures."""
        metrics.replicas = lambda: [replica_figures(record, status) for record, status in self.statuses()]
        engine.open_edge = self.edges.open
        self._end_watches = engine.replicas.end_watches
        engine.replicas.find = self.find
        self.opened, self.dropped = engine.replicas.opened, engine.replicas.dropped

    def end_streams(self) -> None:
        """Before a stop: watches and edges would never finish."""
        self.edges.stop()
        self._end_watches()

    def look_no_more(self) -> None:
        """Retire nobody from now on."""
        self.retiring.stop()
