# SPDX-License-Identifier: Apache-2.0
"""A rolling restart, and a member's replacement, under load: clients see retries at most."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.planned_changes import Clients, replace, rolling_restart
from tests.peers.clusters import Cluster

UNHEARD_OF = "python OutcomeUnknown('the write may or may not have happened: etcdserver: server stopped')"
STOPPED = "go put: etcdserver: server stopped"

pytestmark = [pytest.mark.slow, pytest.mark.peer("etcdctl"), pytest.mark.peer("go-load")]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster("tricord", tmp_path / "cluster") as running:
        yield running


def test_clients_do_not_notice_a_rolling_restart(cluster: Cluster) -> None:
    clients = Clients(cluster)
    clients.run(lambda: rolling_restart(cluster, clients.go_on))
    assert clients.complaints() == {}


@pytest.mark.parametrize("leads", [True, False], ids=["the leader", "a follower"])
def test_clients_do_not_notice_that_a_member_is_replaced(cluster: Cluster, leads: bool) -> None:
    leader = cluster.leader()
    old = leader if leads else next(name for name in cluster.members if name != leader)
    clients = Clients(cluster)
    clients.run(lambda: replace(cluster, old, clients.go_on))
    complaints = clients.complaints()
    if not leads:
        # A follower that is removed gets no more of the log: of a write that it has just passed on to the leader it
        # never hears, and says so to the writer whose write that was (there are two); of one that it has not passed on
        # when it stops, that it stops.
        assert sum(complaints.pop(text) for text in list(complaints) if text in (UNHEARD_OF, STOPPED)) <= 2
    assert complaints == {}
    assert old not in cluster.members
    assert len(cluster.standings()) == 3
