# SPDX-License-Identifier: Apache-2.0
"""What a replica says of itself, for the metrics."""

from __future__ import annotations

from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.metrics import ReplicaFigures
from tricord.server.replicas.keyspace_replica import ReplicaStatus


def replica_figures(record: KeyspaceRecord, status: ReplicaStatus) -> ReplicaFigures:
    """Of one keyspace."""
    return ReplicaFigures(
        keyspace=record.name,
        model=record.model.value,
        is_open=status.is_open,
        sequence=status.sequence,
        unsent=status.unsent,
        keys=status.keys,
        bytes=status.bytes,
        agreement_seconds=status.agreement_seconds,
        convergence_seconds=status.convergence_seconds,
        refused=status.refused,
    )
