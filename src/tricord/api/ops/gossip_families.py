# SPDX-License-Identifier: Apache-2.0
"""What /metrics says of gossip."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from tricord.base.metrics import GossipFigures

COUNTERS = {
    "packets_sent": "Packets sent.",
    "bytes_sent": "Bytes of packets sent.",
    "packets_received": "Packets received.",
    "bytes_received": "Bytes of packets received.",
    "exchanges": "States exchanged and probes made by streams.",
    "probes": "Probes of other members.",
    "probes_indirect": "Probes that had no direct answer in time.",
    "probes_failed": "Probes that had no answer at all.",
    "suspicions": "Members that became suspected.",
    "refutations": "Claims about this member that it refuted.",
    "deaths": "Suspected members whose time to refute ended here.",
    "late_turns": "Turns that came late: this process stood still.",
    "broadcasts": "Broadcasts of this member.",
    "deliveries": "Broadcasts of others that came for the first time.",
    "broadcasts_dropped": "Broadcasts that made room for newer ones too early.",
    "relays_dropped": "Probes for others that were too many at a time.",
}
"""Names of ``gossip.counts``; in the metrics they stand behind ``tricord_gossip_``."""


def gossip_families(figures: GossipFigures) -> Iterator[Metric]:
    """All families of one member."""
    members = GaugeMetricFamily("tricord_gossip_members", "Other members by standing.", labels=["standing"])
    for standing, count in figures.members.items():
        members.add_metric([standing], count)
    yield members
    yield GaugeMetricFamily("tricord_gossip_health_score", "How much this member doubts itself.", figures.health)
    yield GaugeMetricFamily("tricord_gossip_news", "Pieces of news that are being spread.", figures.news)
    for name, text in COUNTERS.items():
        yield CounterMetricFamily(f"tricord_gossip_{name}", text, figures.counts[name])
    refused = CounterMetricFamily("tricord_gossip_refused", "Packets that were not heard.", labels=["reason"])
    for reason, count in figures.refused.items():
        refused.add_metric([reason], count)
    yield refused
