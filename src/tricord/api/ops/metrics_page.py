# SPDX-License-Identifier: Apache-2.0
"""/metrics: what the member counts and knows, under the names that etcd's dashboards and alerts use.

Nothing is copied on the hot path: at a scrape the integers of ``base.metrics`` and the engine's status are read and
written in Prometheus's text format 0.0.4. A name whose subject tricord does not have is absent rather than 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tricord.api.ops.gossip_families import gossip_families
from tricord.api.ops.replica_families import replica_families
from tricord.base.metrics import Histogram, Metrics, WatchCounts
from tricord.base.version import ETCD_CLUSTER_VERSION, ETCD_VERSION
from tricord.server.engine import Engine
from tricord.wire.grpc.status import Status

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

# gRPC's status names in the spelling of go-grpc-prometheus, by number.
CODES = {status.value: status.name.title().replace("_", "") for status in Status}
CODES |= {Status.OK.value: "OK", Status.CANCELLED.value: "Canceled"}

STREAMS = {"Watch": "bidi_stream", "LeaseKeepAlive": "bidi_stream", "Snapshot": "server_stream"}
STREAMS |= {"Observe": "server_stream", "RangeStream": "server_stream", "ServerReflectionInfo": "bidi_stream"}


def render(engine: Engine, metrics: Metrics) -> bytes:
    """The page. Cost: about a millisecond."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MemberCollector(engine, metrics))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class MemberCollector(Collector):
    """Reads one member."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from self._server()
        yield from self._storage()
        yield from self._debugging()
        yield from self._traffic()
        gossip = self._metrics.gossip() if self._metrics.gossip is not None else None
        if gossip is not None:
            yield from gossip_families(gossip)
        replicas = self._metrics.replicas() if self._metrics.replicas is not None else []
        if replicas:
            yield from replica_families(replicas)

    def _server(self) -> Iterator[Metric]:
        status, stamp, metrics = self._engine.status(), self._engine.stamp(), self._metrics
        yield _info("etcd_server_version", "Which version is running.", "server_version", ETCD_VERSION)
        cluster_version = ETCD_CLUSTER_VERSION.rpartition(".")[0]
        yield _info("etcd_cluster_version", "Which version the cluster agrees on.", "cluster_version", cluster_version)
        yield _info("etcd_server_id", "Server or member ID in hexadecimal format.", "server_id", f"{stamp.member:x}")
        gauge, counter = GaugeMetricFamily, CounterMetricFamily
        yield gauge("etcd_server_has_leader", "Whether a leader is known.", int(status.leader != 0))
        is_leader = int(status.leader == stamp.member)
        yield gauge("etcd_server_is_leader", "Whether this member is the leader.", is_leader)
        yield gauge("etcd_server_is_learner", "Whether this member is a learner.", int(status.is_learner))
        changes = metrics.leader_changes_seen
        yield counter("etcd_server_leader_changes_seen", "Leader changes seen.", changes)
        # etcd declares the next two as gauges.
        applied, committed = status.raft_applied_index, max(status.raft_applied_index, status.raft_index)
        yield gauge("etcd_server_proposals_applied_total", "Last applied index of the log.", applied)
        yield gauge("etcd_server_proposals_committed_total", "Last known index of the log.", committed)
        pending = metrics.pending() if metrics.pending is not None else 0
        yield gauge("etcd_server_proposals_pending", "Requests that wait for the log.", pending)
        yield counter("etcd_server_proposals_failed", "Proposals that failed.", metrics.proposals_failed)
        yield counter("etcd_server_slow_apply", "Turns that took long to apply.", metrics.slow_applies)
        yield counter("etcd_server_read_indexes_failed", "Linearizable reads that failed.", metrics.reads_failed)
        yield gauge("etcd_server_quota_backend_bytes", "The store's quota in bytes.", status.quota_bytes)
        # Counters whose names lack the suffix that the format's newer form demands.
        yield _untyped("etcd_server_health_success", "Successful health checks.", metrics.health_success)
        yield _untyped("etcd_server_health_failures", "Failed health checks.", metrics.health_failures)

    def _storage(self) -> Iterator[Metric]:
        status, metrics = self._engine.status(), self._metrics
        gauge, counter = GaugeMetricFamily, CounterMetricFamily
        yield gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes that the backend takes on disk.", status.size_bytes)
        yield gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Of them, bytes that hold data.", status.used_bytes)
        yield counter("etcd_mvcc_put", "Puts seen by this member.", metrics.puts)
        yield counter("etcd_mvcc_range", "Ranges seen by this member.", metrics.ranges)
        yield counter("etcd_mvcc_delete", "Deletes seen by this member.", metrics.deletes)
        yield counter("etcd_mvcc_txn", "Transactions seen by this member.", metrics.txns)
        yield _histogram("etcd_disk_wal_fsync_duration_seconds", "Log append and sync.", metrics.wal_fsync_seconds)
        commit = metrics.backend_commit_seconds
        yield _histogram("etcd_disk_backend_commit_duration_seconds", "Commits of the backend.", commit)
        defragments = metrics.defragment_seconds
        yield _histogram("etcd_disk_backend_defrag_duration_seconds", "Defragmentations.", defragments)

    def _debugging(self) -> Iterator[Metric]:
        """What etcd files under debugging, and dashboards show all the same."""
        stamp, metrics = self._engine.stamp(), self._metrics
        gauge, counter = GaugeMetricFamily, CounterMetricFamily
        yield gauge("etcd_debugging_mvcc_current_revision", "The store's revision.", stamp.revision)
        if metrics.store is not None:
            store = metrics.store()
            revision = store.compact_revision
            yield gauge("etcd_debugging_mvcc_compact_revision", "Oldest revision that can be read.", revision)
            yield gauge("etcd_debugging_mvcc_keys_total", "Keys in the store.", store.keys)
        watches = metrics.watches() if metrics.watches is not None else WatchCounts()
        # etcd declares four of these as gauges, whatever their names say.
        yield gauge("etcd_debugging_mvcc_watch_stream_total", "Streams of watches.", watches.streams)
        yield gauge("etcd_debugging_mvcc_watcher_total", "Watches.", watches.watches)
        yield gauge("etcd_debugging_mvcc_slow_watcher_total", "Watches that are behind.", watches.slow)
        yield gauge("etcd_debugging_mvcc_pending_events_total", "Events that wait.", watches.pending_events)
        yield counter("etcd_debugging_mvcc_events", "Events sent to watches.", watches.events)
        yield counter("etcd_debugging_lease_granted", "Leases granted.", metrics.lease_granted)
        yield counter("etcd_debugging_lease_revoked", "Leases revoked.", metrics.lease_revoked)
        yield counter("etcd_debugging_lease_renewed", "Leases renewed here.", metrics.lease_renewed)
        yield counter("etcd_debugging_server_lease_expired", "Leases that ended by time.", metrics.lease_expired)

    def _traffic(self) -> Iterator[Metric]:
        if self._metrics.traffic is None:
            return
        traffic = self._metrics.traffic()
        yield GaugeMetricFamily("tricord_client_connections", "Open client connections.", traffic.connections)
        received, sent = traffic.received_bytes, traffic.sent_bytes
        yield CounterMetricFamily("etcd_network_client_grpc_received_bytes", "Bytes from clients.", received)
        yield CounterMetricFamily("etcd_network_client_grpc_sent_bytes", "Bytes to clients.", sent)
        labels = ["grpc_type", "grpc_service", "grpc_method"]
        started = CounterMetricFamily("grpc_server_started", "Calls begun.", labels=labels)
        handled = CounterMetricFamily("grpc_server_handled", "Calls ended.", labels=[*labels, "grpc_code"])
        for path, begun, ended in traffic.calls:
            of_method = _method_labels(path)
            started.add_metric(of_method, begun)
            for code, count in enumerate(ended):
                # Every method shows its successes; of the other codes only those that happened.
                if count or code == Status.OK:
                    handled.add_metric([*of_method, CODES[code]], count)
        yield started
        yield handled
        if traffic.call_seconds:
            yield _call_times(traffic.call_seconds, labels)


def _info(name: str, text: str, label: str, value: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    family.add_metric([value], 1)
    return family


def _untyped(name: str, text: str, value: float) -> Metric:
    family = Metric(name, text, "unknown")
    family.add_sample(name, {}, value)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    return HistogramMetricFamily(name, text, buckets=_buckets(histogram), sum_value=histogram.total)


def _call_times(seconds: dict[str, Histogram], labels: list[str]) -> Metric:
    family = HistogramMetricFamily("grpc_server_handling_seconds", "How long calls took.", labels=labels)
    for path, histogram in seconds.items():
        family.add_metric(_method_labels(path), _buckets(histogram), histogram.total)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    bounds = [*(f"{bound:g}" for bound in histogram.bounds), "+Inf"]
    return list(zip(bounds, itertools.accumulate(histogram.counts), strict=True))


def _method_labels(path: str) -> list[str]:
    service, _, method = path.strip("/").rpartition("/")
    return [STREAMS.get(method, "unary"), service, method]
