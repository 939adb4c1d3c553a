# SPDX-License-Identifier: Apache-2.0
"""What /metrics says of causal and eventual keyspaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from tricord.base.metrics import ReplicaFigures

GAUGES: dict[str, tuple[str, Callable[[ReplicaFigures], float]]] = {
    "open": ("Whether this member's replica takes requests.", lambda one: one.is_open),
    "sequence": ("Deliveries at this member's replica.", lambda one: one.sequence),
    "unsent_writes": ("Writes of this member that may be nowhere else.", lambda one: one.unsent),
    "keys": ("Keys, removed and ended ones that still take room among them.", lambda one: one.keys),
    "bytes": ("Room that its tables take.", lambda one: one.bytes),
    "convergence_bound_seconds": (
        "Within so much time after a cut healed and writes ended all replicas are equal; 0: not stated.",
        lambda one: one.convergence_seconds,
    ),
}
"""Behind ``tricord_replica_``, with the keyspace and its model as labels."""


def replica_families(replicas: list[ReplicaFigures]) -> Iterator[Metric]:
    """All of them."""
    labels = ["keyspace", "model"]
    for name, (text, value) in GAUGES.items():
        gauge = GaugeMetricFamily(f"tricord_replica_{name}", text, labels=labels)
        for one in replicas:
            gauge.add_metric([one.keyspace, one.model], value(one))
        yield gauge
    agreement = GaugeMetricFamily(
        "tricord_replica_agreement_seconds",
        "How long ago another replica had nothing that is not here.",
        labels=[*labels, "replica"],
    )
    refused = CounterMetricFamily(
        "tricord_replica_refused", "Messages of other replicas that were not heard.", labels=[*labels, "reason"]
    )
    for one in replicas:
        for replica, seconds in one.agreement_seconds.items():
            agreement.add_metric([one.keyspace, one.model, str(replica)], seconds)
        for reason, count in sorted(one.refused.items()):
            refused.add_metric([one.keyspace, one.model, reason], count)
    yield agreement
    yield refused
