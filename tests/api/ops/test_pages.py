# SPDX-License-Identifier: Apache-2.0
"""The pages of operators and probes, over a small engine whose state a test sets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.scripted_membership import ScriptedMembership
from tricord.api.ops import add_routes
from tricord.base.context import Context
from tricord.base.edges import EdgeHello, EdgeStream
from tricord.base.errors import NoLeader, NotForLearners, PermissionDenied, TricordError
from tricord.base.hashes import ContentHash
from tricord.base.keyspaces import DEFAULT_RECORD, KeyspaceRecord
from tricord.base.levels import Level, Stamp
from tricord.base.members import MemberStatus
from tricord.base.metrics import GossipFigures, Histogram, Metrics, ReplicaFigures, StoreCounts, Traffic, WatchCounts
from tricord.base.operations import RangeResult, Request, Result
from tricord.base.typed import TypedStream
from tricord.base.watching import WatchStream
from tricord.gossip.counts import GossipCounts
from tricord.server.engine import PUBLISHED, EdgeEnd, EdgeTell, HealthCheck, Reply
from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes


class SmallEngine(ScriptedMembership):
    """An engine with an empty store; its fields are what a test wants it to say."""

    def __init__(self) -> None:
        super().__init__(records=[])
        self.leader = 7
        self.is_learner = False
        self.alarms: list[tuple[int, str]] = []
        self.checks: list[HealthCheck] = []
        self.linearizable_failure: TricordError | None = None
        self.failure: TricordError | None = None

    def call(self, request: Request, context: Context, reply: Reply, body: bytes | None = None) -> None:
        raise AssertionError("the pages ask; they do not call")

    async def ask(self, request: Request, context: Context) -> tuple[Result, Stamp]:
        if self.failure:
            raise self.failure
        if self.linearizable_failure and context.level is Level.LINEARIZABLE:
            raise self.linearizable_failure
        return RangeResult([], False, 0), self.stamp()

    def open_watch(self, context: Context, wake: Callable[[], None]) -> WatchStream:
        raise AssertionError("the pages watch nothing")

    def open_typed_watch(self, context: Context, wake: Callable[[], None]) -> TypedStream:
        raise AssertionError("the pages watch nothing")

    async def open_edge(self, hello: EdgeHello, tell: EdgeTell, end: EdgeEnd) -> EdgeStream:
        raise AssertionError("the pages are no edge")

    def keyspace(self, name: str) -> KeyspaceRecord | None:
        return DEFAULT_RECORD if name == DEFAULT_RECORD.name else None

    def stamp(self, keyspace: str = "default") -> Stamp:
        return Stamp(0xC1, 7, 2, 41)

    def status(self) -> MemberStatus:
        return MemberStatus("3.6.16", 4096, 1024, 1 << 31, self.leader, 2, 50, 50, self.is_learner, self.alarms, [])

    async def hash_keys(self, revision: int) -> tuple[ContentHash, Stamp]:
        raise AssertionError("no page hashes")

    async def hash_all(self) -> tuple[int, Stamp]:
        raise AssertionError("no page hashes")

    def health(self) -> list[HealthCheck]:
        return self.checks


@pytest.fixture
def engine() -> SmallEngine:
    return SmallEngine()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def routes(engine: SmallEngine, metrics: Metrics) -> Routes:
    routes = Routes()
    add_routes(engine, metrics, routes)
    return routes


def ask(routes: Routes, target: str, method: str = "GET") -> HttpResponse:
    path, _, query = target.partition("?")
    return asyncio.run(routes.answer(HttpRequest(method, path, query, [], b"", "1.1")))


def body(response: HttpResponse) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def test_a_healthy_member_says_so_in_etcds_words(routes: Routes, metrics: Metrics) -> None:
    response = ask(routes, "/health")
    assert (response.status, body(response)) == (200, '{"health":"true","reason":""}')
    assert dict(response.headers)[b"content-type"] == b"text/plain; charset=utf-8"
    assert metrics.health_success == 1


def test_posting_to_health_is_refused(routes: Routes) -> None:
    assert ask(routes, "/health", "POST").status == 405


def test_an_alarm_makes_it_unhealthy_unless_it_is_excluded(
    routes: Routes, engine: SmallEngine, metrics: Metrics
) -> None:
    engine.alarms = [(7, "NOSPACE")]
    response = ask(routes, "/health")
    assert (response.status, body(response)) == (503, '{"health":"false","reason":"ALARM NOSPACE"}\n')
    assert ask(routes, "/health?exclude=NOSPACE").status == 200
    assert ask(routes, "/health?exclude=CORRUPT").status == 503
    assert (metrics.health_success, metrics.health_failures) == (1, 2)


def test_a_full_store_is_still_ready(routes: Routes, engine: SmallEngine) -> None:
    engine.alarms = [(7, "NOSPACE")]
    assert ask(routes, "/readyz").status == 200
    assert ask(routes, "/livez").status == 200


def test_without_a_leader_only_the_serializable_question_is_answered_well(routes: Routes, engine: SmallEngine) -> None:
    engine.leader = 0
    engine.linearizable_failure = NoLeader("etcdserver: no leader")
    assert json.loads(body(ask(routes, "/health"))) == {"health": "false", "reason": "RAFT NO LEADER"}
    assert ask(routes, "/health?serializable=true").status == 200


def test_a_read_that_fails_is_the_reason(routes: Routes, engine: SmallEngine) -> None:
    engine.linearizable_failure = NoLeader("lost it")
    assert json.loads(body(ask(routes, "/health")))["reason"] == "RANGE ERROR:lost it"


def test_a_probe_that_may_not_read_is_no_sick_member(routes: Routes, engine: SmallEngine) -> None:
    engine.failure = PermissionDenied()
    assert ask(routes, "/health").status == 200


def test_the_members_own_checks_count_for_health_and_readiness(routes: Routes, engine: SmallEngine) -> None:
    engine.checks = [HealthCheck("disk", True), HealthCheck("loop", False, "stalled for 3 s")]
    assert json.loads(body(ask(routes, "/health")))["reason"] == "LOOP: stalled for 3 s"
    ready = ask(routes, "/readyz?verbose")
    assert ready.status == 503
    assert "[+]disk ok\n" in body(ready)
    assert "[-]loop failed: stalled for 3 s\n" in body(ready)
    assert ask(routes, "/livez").status == 200


def test_one_whose_addresses_nobody_knows_yet_is_not_ready_and_need_not_be_restarted(
    routes: Routes, engine: SmallEngine
) -> None:
    engine.checks = [HealthCheck(PUBLISHED, False, "not yet")]
    assert json.loads(body(ask(routes, "/health")))["reason"] == "PUBLISHED: not yet"
    assert "[-]published failed: not yet\n" in body(ask(routes, "/readyz"))
    assert ask(routes, "/health?serializable=true").status == 200
    assert ask(routes, "/livez").status == 200
    engine.leader = 0
    assert json.loads(body(ask(routes, "/health")))["reason"] == "RAFT NO LEADER"


def test_probes_say_ok_and_list_their_checks_when_asked(routes: Routes) -> None:
    assert body(ask(routes, "/livez")) == "ok\n"
    assert body(ask(routes, "/livez?verbose")) == "[+]serializable_read ok\nok\n"
    assert body(ask(routes, "/readyz")) == "ok\n"
    assert body(ask(routes, "/readyz?verbose")) == (
        "[+]data_corruption ok\n[+]linearizable_read ok\n[+]non_learner ok\n[+]serializable_read ok\nok\n"
    )


def test_not_ready_gives_reasons_unasked(routes: Routes, engine: SmallEngine) -> None:
    engine.linearizable_failure = NoLeader("no leader")
    engine.is_learner = True
    engine.alarms = [(7, "CORRUPT")]
    response = ask(routes, "/readyz")
    assert response.status == 503
    assert body(response) == (
        "[-]data_corruption failed: alarm activated: CORRUPT\n"
        "[-]linearizable_read failed: no leader\n"
        "[-]non_learner failed: not supported for learner\n"
        "[+]serializable_read ok\n\n"
    )


def test_a_learner_is_healthy_and_not_ready(routes: Routes, engine: SmallEngine) -> None:
    engine.is_learner = True
    engine.linearizable_failure = NotForLearners()
    assert ask(routes, "/health").status == 200
    assert body(ask(routes, "/readyz")) == (
        "[+]data_corruption ok\n"
        "[+]linearizable_read ok\n"
        "[-]non_learner failed: not supported for learner\n"
        "[+]serializable_read ok\n\n"
    )


def test_a_check_can_be_excluded_or_asked_alone(routes: Routes, engine: SmallEngine) -> None:
    engine.is_learner = True
    assert ask(routes, "/readyz?exclude=non_learner&exclude=nonsense").status == 200
    assert ask(routes, "/readyz/non_learner").status == 503
    assert body(ask(routes, "/readyz/serializable_read?verbose")) == "[+]serializable_read ok\nok\n"
    assert ask(routes, "/readyz/nonsense").status == 404


def test_the_version_is_etcds(routes: Routes) -> None:
    response = ask(routes, "/version")
    assert body(response) == '{"etcdserver":"3.6.16","etcdcluster":"3.6.0","storage":"3.6.0"}'
    assert dict(response.headers)[b"content-type"] == b"application/json"


def samples(routes: Routes) -> dict[str, float]:
    page = body(ask(routes, "/metrics"))
    return {
        sample.name + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_metrics_carry_the_names_that_dashboards_use(routes: Routes, metrics: Metrics) -> None:
    metrics.puts = 3
    metrics.wal_fsync_seconds.observe(0.0005)
    metrics.wal_fsync_seconds.observe(0.003)
    metrics.wal_fsync_seconds.observe(100.0)
    metrics.traffic = lambda: Traffic(2, 1000, 500, [("/etcdserverpb.KV/Put", 4, [3, 1, *[0] * 15])])
    metrics.pending = lambda: 5
    metrics.watches = lambda: WatchCounts(2, 3, 1, 4, 5)
    metrics.store = lambda: StoreCounts(6, -1)
    counts = dict.fromkeys(GossipCounts().numbers(), 0) | {"probes": 11}
    metrics.gossip = lambda: GossipFigures({"alive": 2, "dead": 0}, 1, 0, counts, {"key": 3})
    metrics.replicas = lambda: [
        ReplicaFigures("carts", "eventual", True, 9, 1, 3, 4096, {2: 1.5}, 6.2, {"malformed_encoding": 4})
    ]
    metrics.lease_granted, metrics.lease_revoked, metrics.lease_renewed, metrics.lease_expired = 9, 8, 7, 6
    ask(routes, "/health")
    found = samples(routes)
    assert found["etcd_server_has_leader"] == 1
    assert found["etcd_server_is_leader"] == 1
    assert found["etcd_server_id|7"] == 1
    assert found["etcd_server_version|3.6.16"] == 1
    assert found["etcd_cluster_version|3.6"] == 1
    assert found["etcd_mvcc_put_total"] == 3
    assert found["etcd_mvcc_db_total_size_in_bytes"] == 4096
    assert found["etcd_mvcc_db_total_size_in_use_in_bytes"] == 1024
    assert found["etcd_debugging_mvcc_current_revision"] == 41
    assert found["etcd_server_quota_backend_bytes"] == 1 << 31
    assert found["etcd_server_proposals_applied_total"] == 50
    assert found["etcd_server_proposals_pending"] == 5
    assert found["etcd_server_health_success"] == 1
    assert found["etcd_disk_wal_fsync_duration_seconds_bucket|0.001"] == 1
    assert found["etcd_disk_wal_fsync_duration_seconds_bucket|0.004"] == 2
    assert found["etcd_disk_wal_fsync_duration_seconds_bucket|8.192"] == 2
    assert found["etcd_disk_wal_fsync_duration_seconds_bucket|+Inf"] == 3
    assert found["etcd_disk_wal_fsync_duration_seconds_count"] == 3
    assert found["etcd_disk_wal_fsync_duration_seconds_sum"] == pytest.approx(100.0035)
    assert found["grpc_server_started_total|Put|etcdserverpb.KV|unary"] == 4
    assert found["grpc_server_handled_total|OK|Put|etcdserverpb.KV|unary"] == 3
    assert found["grpc_server_handled_total|Canceled|Put|etcdserverpb.KV|unary"] == 1
    assert "grpc_server_handled_total|Unknown|Put|etcdserverpb.KV|unary" not in found
    assert found["etcd_network_client_grpc_received_bytes_total"] == 1000
    assert found["etcd_network_client_grpc_sent_bytes_total"] == 500
    assert found["tricord_client_connections"] == 2
    watches = ("watch_stream_total", "watcher_total", "slow_watcher_total", "pending_events_total", "events_total")
    assert [found[f"etcd_debugging_mvcc_{name}"] for name in watches] == [2, 3, 1, 4, 5]
    assert found["tricord_gossip_members|alive"] == 2
    assert (found["tricord_gossip_probes_total"], found["tricord_gossip_health_score"]) == (11, 1)
    assert found["tricord_gossip_refused_total|key"] == 3
    replicas = ("open", "sequence", "unsent_writes", "keys", "bytes", "convergence_bound_seconds")
    assert [found[f"tricord_replica_{name}|carts|eventual"] for name in replicas] == [1, 9, 1, 3, 4096, 6.2]
    assert found["tricord_replica_agreement_seconds|carts|eventual|2"] == 1.5
    assert found["tricord_replica_refused_total|carts|eventual|malformed_encoding"] == 4
    assert (found["etcd_debugging_mvcc_keys_total"], found["etcd_debugging_mvcc_compact_revision"]) == (6, -1)
    leases = ("lease_granted", "lease_revoked", "lease_renewed", "server_lease_expired")
    assert [found[f"etcd_debugging_{name}_total"] for name in leases] == [9, 8, 7, 6]
    assert found["process_resident_memory_bytes"] > 0


def test_the_times_of_calls_are_there_when_somebody_measures_them(routes: Routes, metrics: Metrics) -> None:
    took = Histogram((0.1, 1.0))
    took.observe(0.5)
    path = "/etcdserverpb.KV/Put"
    metrics.traffic = lambda: Traffic(0, 0, 0, [(path, 1, [1, *[0] * 16])], {path: took})
    found = samples(routes)
    assert found["grpc_server_handling_seconds_count|Put|etcdserverpb.KV|unary"] == 1
    assert found["grpc_server_handling_seconds_sum|Put|etcdserverpb.KV|unary"] == 0.5


def test_the_format_is_the_one_that_every_scraper_reads(routes: Routes) -> None:
    response = ask(routes, "/metrics")
    assert dict(response.headers)[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE etcd_mvcc_put_total counter" in body(response)
    assert "# TYPE etcd_server_proposals_applied_total gauge" in body(response)
    assert "# TYPE etcd_server_health_success untyped" in body(response)
