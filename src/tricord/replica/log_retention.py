# SPDX-License-Identifier: Apache-2.0
"""How much of the applied log stays in memory: enough for peers that lag, within a budget of entries and of bytes.

The log is cut in small pieces, often: a large piece at once would be a pause that clients notice.
"""

from __future__ import annotations

from tricord.raft.log import Log
from tricord.replica.config import ReplicaConfig

PIECE_ENTRIES = 256
"""So many entries more than should stay may be there before a piece is cut."""


def cut_due(log: Log, applied_index: int, config: ReplicaConfig) -> int:
    """The index before which the log should be cut now, or 0. Cost: two comparisons; when due, what is to go."""
    surplus = applied_index - log.base_index - config.kept_entries
    if surplus <= PIECE_ENTRIES and log.size_bytes <= config.kept_bytes:
        return 0
    first = log.base_index + 1 + max(surplus, 0)
    size = log.size_bytes - sum(len(entry.data) for entry in log.entries(log.base_index + 1, first - 1))
    while size > config.kept_bytes and first <= applied_index:
        (entry,) = log.entries(first, first)
        size -= len(entry.data)
        first += 1
    return first if first > log.base_index + 1 else 0
