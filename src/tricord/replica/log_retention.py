# SPDX-License-Identifier: Apache-2.0
"""How much of the applied log stays in memory: enough for peers that lag, within a budget of entries and of bytes.

A cut moves the kept entries, so it is made only when there is twice as much as should stay: its cost per entry is
constant.
"""

from __future__ import annotations

from tricord.raft.log import Log
from tricord.replica.config import ReplicaConfig


def cut_due(log: Log, applied_index: int, config: ReplicaConfig) -> int:
    """The index before which the log should be cut now, or 0. Cost: two comparisons; when due, the kept entries."""
    held = applied_index - log.base_index
    if held <= 2 * config.kept_entries and log.size_bytes <= 2 * config.kept_bytes:
        return 0
    first = max(log.base_index, applied_index - config.kept_entries) + 1
    if log.size_bytes > 2 * config.kept_bytes:
        size = 0
        for entry in reversed(log.entries(first, applied_index)):
            size += len(entry.data)
            if size > config.kept_bytes:
                first = entry.index + 1
                break
    return first if first > log.base_index + 1 else 0
