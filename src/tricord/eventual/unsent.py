# SPDX-License-Identifier: Apache-2.0
"""Writes of this replica that may be nowhere else, kept in the batches in which they leave: one record for each, which
goes when another replica has the batch. One that is returned to by a later start may have some that are elsewhere."""

from __future__ import annotations

from tricord.eventual.messages import Have
from tricord.eventual.store import ReplicaStore


class Unsent:
    """By incarnation and counter of each batch's first write: the counters of the first and last that may be nowhere
    else."""

    def __init__(self, store: ReplicaStore) -> None:
        self._store = store
        self._batches: dict[tuple[int, int], tuple[int, int]] = {}
        for incarnation, first, writes in store.unsent():
            self._batches[incarnation, first] = first, first + len(writes) - 1

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self._batches.values())

    def keep(self, incarnation: int, first: int, deltas: list[bytes]) -> None:
        """A batch that begins with the ``first``-th write of the incarnation; its writes as ``codec.delta_bytes``."""
        self._store.put_unsent(incarnation, first, deltas)
        self._batches[incarnation, first] = first, first + len(deltas) - 1

    def stored(self, incarnation: int, first: int) -> None:
        """Another replica has the batch."""
        if self._batches.pop((incarnation, first), None) is not None:
            self._store.drop_unsent(incarnation, first)

    def have(self, received: Have) -> None:
        """Another replica has these writes."""
        counters = dict(received.counters)
        for name, (first, last) in list(self._batches.items()):
            incarnation = name[0]
            known = last if incarnation <= received.floor else counters.get(incarnation, 0)
            if known >= last:
                self.stored(*name)
            elif known >= first:
                self._batches[name] = known + 1, last
