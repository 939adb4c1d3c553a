# SPDX-License-Identifier: Apache-2.0
"""What a node begins with: the newest snapshot that is whole, restored, and the log behind it."""

from __future__ import annotations

import logging
from typing import Any

from tricord.base.errors import CorruptData
from tricord.base.log import Entry, HardState
from tricord.base.membership import Configuration
from tricord.base.message import message
from tricord.base.trace import Tracer
from tricord.raft import RaftConfig
from tricord.raft_node.config import NodeConfig, member_number
from tricord.raft_node.state_machine import AppliedLog, StateMachine
from tricord.raft_node.stores import SnapshotInfo, SnapshotStore, StoredSnapshot, Stores
from tricord.replica import Replica, ReplicaConfig

_logger = logging.getLogger("tricord.raft_node")


@message
class Damaged:
    """A snapshot that is not whole, and how that shows."""

    index: int
    error: CorruptData


@message
class Recovered:
    """The start of a replica. ``configured``: some cluster is known, if only as it was at the very beginning."""

    hard_state: HardState
    applied: AppliedLog
    entries: list[Entry]
    snapshot_index: int
    damaged: list[Damaged]
    configured: bool


def open_newest(snapshots: SnapshotStore) -> tuple[StoredSnapshot | None, list[Damaged]]:
    """The newest snapshot that is whole, if there is one, and the damaged ones that are newer. Raises NewerFormat."""
    damaged: list[Damaged] = []
    for index in snapshots.indexes():
        try:
            return snapshots.open(index), damaged
        except CorruptData as error:
            damaged.append(Damaged(index, error))
    return None, damaged


def newest_whole(snapshots: SnapshotStore) -> tuple[SnapshotInfo | None, list[Damaged]]:
    """As ``open_newest``, of which it closes the stream. Raises CorruptData when none of those there is whole."""
    stored, damaged = _open_some(snapshots)
    if stored is None:
        return None, damaged
    stored.stream.close()
    return stored.info, damaged


def recover(stores: Stores, machine: StateMachine) -> Recovered:
    """Read the stores and restore the machine. Cost: the snapshot and the log. Raises StorageError."""
    stored, damaged = _open_some(stores.snapshots)
    for one in damaged:
        _logger.error("a snapshot is damaged, an older one and the log make it good: %s", one.error)
    applied = AppliedLog(machine, 0, 0, Configuration(()))
    if stored is not None:
        info = stored.info
        with stored.stream:
            if info.index:
                machine.restore(stored.stream)
        applied.restored(info.index, info.term, info.configuration)
        _drop_replaced_log(stores, info)
    entries: list[Entry] = []
    for index in range(applied.applied_index + 1, stores.log.last_index + 1):
        entry = stores.log.get(index)
        if entry is None:
            raise CorruptData(
                "log store", 0, f"entry {index} is missing behind the snapshot at {applied.applied_index}"
            )
        entries.append(entry)
    configured = stored is not None or stores.log.last_index > 0
    return Recovered(stores.stable.load(), applied, entries, applied.applied_index, damaged, configured)


def _open_some(snapshots: SnapshotStore) -> tuple[StoredSnapshot | None, list[Damaged]]:
    stored, damaged = open_newest(snapshots)
    if stored is None and damaged:
        raise damaged[0].error
    return stored, damaged


def _drop_replaced_log(stores: Stores, info: SnapshotInfo) -> None:
    """A leader's snapshot is here, and the log that it replaced may be too: a crash came between."""
    if not info.installed:
        return
    entry = stores.log.get(info.index)
    if stores.log.last_index < info.index or (entry is not None and entry.term != info.term):
        stores.log.reset(info.index, info.term)


def make_replica(
    config: NodeConfig, seed: int, recovered: Recovered, tracer: Tracer | None
) -> Replica[tuple[int, Any]]:
    """The replica that goes on from there."""
    applied = recovered.applied
    return Replica(
        RaftConfig(
            member_number(config.cluster, config.local_id),
            seed=seed,
            election_ticks=config.election_ticks,
            heartbeat_ticks=config.heartbeat_ticks,
            priority=config.priority,
            lease_reads=config.lease_reads,
        ),
        configuration=applied.configuration,
        hard_state=recovered.hard_state,
        base=(applied.applied_index, applied.applied_term),
        entries=recovered.entries,
        machine=applied,
        limits=ReplicaConfig(
            uncommitted_bytes_max=config.uncommitted_bytes_max,
            kept_entries=config.trailing_entries + config.snapshot_entries,
            kept_bytes=2 * config.snapshot_bytes,
            lagging_bytes=4 * config.snapshot_bytes,
            answer_adding_early=False,
        ),
        tracer=tracer,
    )
