# SPDX-License-Identifier: Apache-2.0
"""How much of the applied log stays in memory: enough for peers that lag, within a budget of entries and of bytes.

The log is cut in small pieces, often: a large piece at once would be a pause that clients notice.
"""

from __future__ import annotations

from collections.abc import Callable

from tricord.raft.progress import REPLICATE
from tricord.raft.state import State
from tricord.replica.config import ReplicaConfig

PIECE_ENTRIES = 256
"""So many entries more than should stay may be there before a piece is cut."""


def cut_due(
    state: State, applied_index: int, config: ReplicaConfig, pinned_index: Callable[[], int | None] = lambda: None
) -> int:
    """The index before which the log should be cut now, or 0. Without peers nobody lags, and nothing is kept.

    What follows ``pinned_index()`` stays, as what members that take entries need, within the budget for those.

    Cost: a few comparisons; when due, a look at what is to go.
    """
    log = state.log
    applied_index = min(applied_index, log.persisted_index)
    kept_entries = 0 if state.is_sole_voter and len(state.progress) <= 1 else config.kept_entries
    surplus = applied_index - log.base_index - kept_entries
    if surplus <= PIECE_ENTRIES and log.size_bytes <= config.kept_bytes:
        return 0
    needed = applied_index + 1
    if log.size_bytes <= config.lagging_bytes:
        needed = min(_first_needed(state), needed)
        pinned = pinned_index()
        if pinned is not None:
            needed = min(pinned + 1, needed)
    if needed <= log.base_index + 1:
        return 0
    first = min(log.base_index + 1 + max(surplus, 0), needed)
    size = log.size_bytes - sum(len(entry.data) for entry in log.entries(log.base_index + 1, first - 1))
    while size > config.kept_bytes and first < needed:
        (entry,) = log.entries(first, first)
        size -= len(entry.data)
        first += 1
    return first if first > log.base_index + 1 else 0


def _first_needed(state: State) -> int:
    """Of a leader: the first entry that is not yet on every member that takes entries now."""
    own = state.config.id
    taking = [
        progress.match_index
        for member, progress in state.progress.items()
        if member != own and progress.phase is REPLICATE
    ]
    return min(taking, default=state.log.last_index) + 1
