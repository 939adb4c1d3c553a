# SPDX-License-Identifier: Apache-2.0
"""One run of the fine net: a safety phase under the plan's faults, then a liveness phase without any, in which the
cluster must elect a leader, serve every client and agree.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tricord.base.reachable import counted_by
from tricord.check.history import History
from tricord.raft import Role
from tricord.sim.fine.cluster import Cluster
from tricord.sim.fine.schedule import SECOND
from tricord.sim.outcome import Outcome, Violation
from tricord.sim.plan import Plan

FOUNDING_SECONDS = 30.0
HEALING_SECONDS = 60.0
SERVING_SECONDS = 20.0
SERVED_SECONDS = 3.0
"""How long a client waits then."""


def run(plan: Plan) -> Outcome:
    """Do everything that the plan says, and tell what came of it."""
    cluster = Cluster(plan)
    with counted_by(cluster.reached), _without_collector():
        _run(cluster)
    outcome = cluster.outcome
    outcome.turns = cluster.trace.turns
    outcome.trace_hash = cluster.trace.digest()
    outcome.simulated_seconds = cluster.schedule.now / SECOND
    outcome.history = History(cluster.history)
    return outcome


def _run(cluster: Cluster) -> None:
    plan = cluster.plan
    for host in list(cluster.hosts.values()):
        host.start()
    if not cluster.run_until(lambda: cluster.leader() is not None, FOUNDING_SECONDS):
        _no_progress(cluster, "a new cluster has no leader")
        return
    cluster.began = cluster.schedule.now
    cluster.clients.begin()
    cluster.leases.begin()
    cluster.observers.begin()
    cluster.images.plan(plan.faults)
    cluster.faults.plan(plan.faults)
    if not cluster.run(cluster.began + int(plan.seconds * SECOND)):
        return
    cluster.say("the trouble is over")
    with cluster.judged():
        cluster.faults.end_all()
        cluster.operator.revive_all()
    if cluster.outcome.violations:
        return
    for words, holds, seconds in (
        ("no leader", lambda: cluster.leader() is not None, HEALING_SECONDS),
        ("changes of members do not end", lambda: not cluster.operator.is_busy, HEALING_SECONDS),
        ("leases do not end", lambda: not cluster.watcher.leases.ttls, HEALING_SECONDS),
        ("not every client is served", _Served(cluster), SERVING_SECONDS),
        ("watchers are not told of all", lambda: cluster.observers.are_told, SERVING_SECONDS),
        ("the members do not agree", lambda: _agreed(cluster), HEALING_SECONDS),
    ):
        if not cluster.run_until(holds, seconds):
            if not cluster.outcome.violations:
                _no_progress(cluster, f"{words} within {seconds:g} s after all faults ended: {_state(cluster)}")
            return
    cluster.finish()


@contextmanager
def _without_collector() -> Iterator[None]:
    """What a run lets go of holds no cycles, so looking for them would be for nothing: a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Served:
    """Whether every client was served after this was made: a put and a get each."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._left: list[tuple[int, str]] | None = None

    def __call__(self) -> bool:
        clients = self._cluster.clients.all
        if self._left is None:
            for client in clients:
                client.stopped = True
                client.timeout_seconds = SERVED_SECONDS
            self._left = [(client.number, kind) for client in clients for kind in ("put", "get")]
            self._seen = len(self._cluster.history)
        for operation in self._cluster.history[self._seen :]:
            if operation.status == "ok" and (operation.client, operation.op) in self._left:
                self._left.remove((int(operation.client), operation.op))
        self._seen = len(self._cluster.history)
        for client in clients:
            if client.call is None:
                kind = next((kind for number, kind in self._left if number == client.number), None)
                if kind is not None:
                    client.ask(kind, "k0")
        return not self._left


def _agreed(cluster: Cluster) -> bool:
    """Whether all members hold and applied the same, in one configuration."""
    leader = cluster.leader()
    if leader is None:
        return False
    state = leader.replica.state
    configuration = state.configuration
    if configuration.is_joint or state.commit_index != state.log.last_index:
        return False
    end = (state.log.last_index, leader.machine.chain)
    members = [cluster.hosts[member] for member in configuration.members()]
    return all(host.up and (host.machine.applied_index, host.machine.chain) == end for host in members)


def _no_progress(cluster: Cluster, words: str) -> None:
    if not cluster.outcome.violations:
        cluster.say(f"VIOLATION of progress: {words}")
        cluster.outcome.violations.append(Violation("progress", cluster.seconds, words))


def _state(cluster: Cluster) -> str:
    """Each member's, in a few words."""
    said = []
    for host in cluster.hosts.values():
        if not host.up:
            said.append(f"{host.name} is down" + (f" ({host.refused})" if host.refused else ""))
            continue
        state = host.replica.state
        role = "leads" if state.role is Role.LEADER else state.role.value
        said.append(
            f"{host.name} {role} in {state.persistent.current_term}, log {state.log.last_index}, "
            f"commit {state.commit_index}, applied {host.machine.applied_index}"
        )
    return "; ".join(said)
