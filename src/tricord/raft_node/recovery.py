# SPDX-License-Identifier: Apache-2.0
"""What a node begins with: the newest snapshot, restored, and the log behind it."""

from __future__ import annotations

import io

from tricord.base.errors import CorruptData
from tricord.base.log import Entry, HardState
from tricord.base.message import message
from tricord.raft_node.state_machine import AppliedLog, StateMachine
from tricord.raft_node.stores import Stores


@message
class Recovered:
    """The start of a replica."""

    hard_state: HardState
    applied: AppliedLog
    entries: list[Entry]
    snapshot_index: int


def recover(stores: Stores, machine: StateMachine) -> Recovered:
    """Read the stores and restore the machine. Cost: the snapshot and the log. Raises StorageError."""
    snapshot = stores.snapshots.load()
    applied = AppliedLog(machine, 0, 0)
    if snapshot is not None:
        machine.restore(io.BytesIO(snapshot.data))
        applied = AppliedLog(machine, snapshot.index, snapshot.term)
    entries: list[Entry] = []
    for index in range(applied.applied_index + 1, stores.log.last_index + 1):
        entry = stores.log.get(index)
        if entry is None:
            raise CorruptData(
                "log store", 0, f"entry {index} is missing behind the snapshot at {applied.applied_index}"
            )
        entries.append(entry)
    return Recovered(stores.stable.load(), applied, entries, applied.applied_index)
