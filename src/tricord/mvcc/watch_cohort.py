# SPDX-License-Identifier: Apache-2.0
"""Watchers that are at the same place of the history, and are told together."""

from __future__ import annotations

from tricord.mvcc.watch_index import WatchIndex
from tricord.mvcc.watchers import Watcher


class Cohort:
    """All its watchers were told of everything before ``next_revision``, as far as they asked for it."""

    __slots__ = ("index", "next_revision")

    def __init__(self, next_revision: int) -> None:
        self.index = WatchIndex()
        self.next_revision = next_revision

    def add(self, watcher: Watcher) -> None:
        """Take in a watcher that is in no cohort."""
        assert watcher.cohort is None, "a watcher is told once"
        watcher.cohort = self
        self.index.add(watcher)

    def remove(self, watcher: Watcher) -> None:
        """Let one go."""
        assert watcher.cohort is self
        watcher.cohort = None
        self.index.remove(watcher)

    def move(self, watcher: Watcher, other: Cohort) -> None:
        """Hand one over."""
        self.remove(watcher)
        other.add(watcher)
