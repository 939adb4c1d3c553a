# SPDX-License-Identifier: Apache-2.0
"""Watches of one causal or eventual keyspace at one replica: told of what becomes durable here, in its order.

Each change is kept once, for all who are to be told. A stream that does not take in time loses what waits for it, and
is told all keys anew (typed watches), or that its watch ended (etcd's, which know no such thing). What was told lately
is kept for a while, so that a typed watch that comes back goes on where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from tricord.base.dots import Origin, VersionVector
from tricord.base.errors import TricordError
from tricord.base.typed import TypedKey
from tricord.base.watching import SharedEvent
from tricord.crdt.cell import Cell, entries_of
from tricord.crdt.changed import Changed
from tricord.server.replicas.keyspace_replica import KeyspaceReplica
from tricord.server.replicas.shown_keys import ShownKeys

RECENT_CHANGES = 10_000
RECENT_BYTES = 4 << 20
CHANGE_BYTES = 500
"""What a change costs beside its key and value, about."""
POSITION_BYTES = 16


class Told:
    """A change that is told to some. What doors make of it is made once."""

    __slots__ = ("bytes", "cell", "event", "key", "sequence", "typed")

    def __init__(self, change: Changed) -> None:
        self.sequence = change.sequence
        self.key = change.key
        self.cell: Cell = change.cell
        self.bytes = CHANGE_BYTES + len(change.key) + sum(len(entry.payload) for _, entry in entries_of(self.cell))
        self.typed: TypedKey | None = None
        self.event: SharedEvent | None = None


class Batch:
    """What became durable together. ``vector``: of what is durable with it (causal keyspaces)."""

    __slots__ = ("bytes", "changes", "sequence", "vector")

    def __init__(self, changes: list[Told], vector: VersionVector | None) -> None:
        self.changes = changes
        self.sequence = changes[-1].sequence
        self.vector = vector
        self.bytes = sum(one.bytes for one in changes)


class Watcher:
    """One watch of a stream: ``[start, end)``, None: to the last key. ``offer`` takes its share of a batch."""

    __slots__ = ("after", "end", "offer", "start")

    def __init__(self, start: bytes, end: bytes | None, offer: Callable[[Batch, list[Told]], None]) -> None:
        self.start = start
        self.end = end
        self.offer = offer
        self.after = 0
        """It knows of all up to this sequence."""

    def covers(self, key: bytes) -> bool:
        """Whether the key is one of its."""
        return self.start <= key and (self.end is None or key < self.end)


class Stream(Protocol):
    """A client's watches, as the hub sees them."""

    @property
    def wants_waking(self) -> bool:
        """Whether there is something to take, and nobody was told."""

    def rouse(self) -> None:
        """Tell the client that there is something to take."""

    def resync(self) -> None:
        """Keys changed that are not told one by one."""


class ReplicaHub:
    """Of one keyspace. ``identity``: a number of this process and replica, for positions."""

    def __init__(
        self,
        replica: KeyspaceReplica,
        keys: ShownKeys,
        identity: int,
        *,
        is_causal: bool,
        report: Callable[[BaseException, str], None],
    ) -> None:
        self.replica = replica
        self.keys = keys
        self._report = report
        self.error: TricordError | None = None
        """Why all streams end."""
        self.sequence = replica.sequence
        """Of the last change that was told."""
        self._identity = identity.to_bytes(8, "big")
        self.is_causal = is_causal
        self._streams: dict[Stream, None] = {}
        self._by_key: dict[bytes, dict[Watcher, None]] = {}
        self._ranges: dict[Watcher, None] = {}
        self._recent: deque[Batch] = deque()
        self._recent_changes = self._recent_bytes = 0
        self._recent_after: int | None = None
        """All that was told after this sequence is among the recent batches; None: nothing is kept."""
        self._own = Origin(0, 0)
        self._proved_by = 0
        """A vector with more writes of this replica's own start than that has all that is among the recent no more, and
        all that left the vectors since."""
        self._last: VersionVector | None = None

    # --- streams ------------------------------------------------------------------------------------------------

    def open(self, stream: Stream) -> None:
        """Take one in."""
        if self.error is not None:
            raise self.error
        self._streams[stream] = None

    def close(self, stream: Stream) -> None:
        """Forget one; its watches were removed."""
        self._streams.pop(stream, None)

    def add(self, watcher: Watcher) -> None:
        """Tell it of all that becomes durable from now on."""
        if watcher.end == watcher.start + b"\0":
            self._by_key.setdefault(watcher.start, {})[watcher] = None
        else:
            self._ranges[watcher] = None

    def remove(self, watcher: Watcher) -> None:
        """Tell it of nothing more."""
        self._ranges.pop(watcher, None)
        same = self._by_key.get(watcher.start)
        if same is not None:
            same.pop(watcher, None)
            if not same:
                del self._by_key[watcher.start]

    @property
    def watchers(self) -> int:
        """How many there are."""
        return len(self._ranges) + sum(map(len, self._by_key.values()))

    # --- what happens -------------------------------------------------------------------------------------------

    def changed(self, changes: list[Changed]) -> None:
        """These became durable."""
        if not changes:
            return
        self.sequence = changes[-1].sequence
        if not self._streams and self._recent_after is None:
            return
        told = [Told(change) for change in changes]
        batch = Batch(told, self.replica.vector() if self.is_causal else None)
        if self._recent_after is not None:
            self._keep(batch)
            self._look_whether_closed(batch)
        if self._by_key or self._ranges:
            for watcher, found in self._wanted(told).items():
                watcher.offer(batch, found)
            self.wake()

    def _wanted(self, told: list[Told]) -> dict[Watcher, list[Told]]:
        wanted: dict[Watcher, list[Told]] = {}
        by_key, ranges = self._by_key, self._ranges
        for one in told:
            for watcher in by_key.get(one.key, ()):
                if one.sequence > watcher.after:
                    wanted.setdefault(watcher, []).append(one)
            for watcher in ranges:
                if one.sequence > watcher.after and watcher.covers(one.key):
                    wanted.setdefault(watcher, []).append(one)
        return wanted

    def resynced(self) -> None:
        """Keys changed that were not told one by one."""
        self.sequence = self.replica.sequence
        if self._recent_after is not None:
            self._begin_recent()
        for stream in self._streams:
            stream.resync()
        self.wake()

    def moved(self, replica: KeyspaceReplica, keys: ShownKeys, identity: int) -> None:
        """The replica was made anew, under another number perhaps."""
        self.replica, self.keys = replica, keys
        self._identity = identity.to_bytes(8, "big")
        self.resynced()

    def end(self, error: TricordError) -> None:
        """End all streams: the next ``take`` of each raises it."""
        self.error = error
        self._recent.clear()
        self.wake()

    def check(self) -> None:
        """Raise why there is nothing more to tell."""
        if self.error is not None:
            raise type(self.error)(str(self.error))

    def wake(self) -> None:
        """Those that have something to take."""
        for stream in [one for one in self._streams if one.wants_waking]:
            try:
                stream.rouse()
            except Exception as error:
                self._report(error, "a watch")

    # --- going on -----------------------------------------------------------------------------------------------

    def keep_recent(self) -> None:
        """From now on: there are those who may come back."""
        if self._recent_after is None:
            self._begin_recent()

    def _begin_recent(self) -> None:
        self._recent.clear()
        self._recent_changes = self._recent_bytes = 0
        self._recent_after = self.sequence
        if self.is_causal:
            status = self.replica.status()
            self._own = Origin(status.replica, status.incarnation)
            self._last = self.replica.vector()
            self._proved_by = self._last.counter(self._own)

    def _look_whether_closed(self, batch: Batch) -> None:
        """Incarnations that are over leave vectors, so those of before and behind that cannot be compared."""
        before, self._last = self._last, batch.vector
        if before is None or batch.vector is None:
            return
        now = batch.vector.entries
        if any(origin not in now for origin in before.entries):
            self._proved_by = batch.vector.counter(self._own)

    def _keep(self, batch: Batch) -> None:
        recent = self._recent
        recent.append(batch)
        self._recent_changes += len(batch.changes)
        self._recent_bytes += batch.bytes
        while self._recent_changes > RECENT_CHANGES or self._recent_bytes > RECENT_BYTES:
            oldest = recent.popleft()
            self._recent_changes -= len(oldest.changes)
            self._recent_bytes -= oldest.bytes
            self._recent_after = oldest.sequence
            if oldest.vector is not None:
                self._proved_by = max(self._proved_by, oldest.vector.counter(self._own))

    def position(self, sequence: int) -> bytes:
        """Where a watch is that was told of all up to the sequence."""
        return self._identity + sequence.to_bytes(8, "big")

    def since_position(self, position: bytes) -> list[Batch] | None:
        """What was told since; None: that is not known."""
        if len(position) != POSITION_BYTES or position[:8] != self._identity or self._recent_after is None:
            return None
        sequence = int.from_bytes(position[8:], "big")
        if not self._recent_after <= sequence <= self.sequence:
            return None
        return [batch for batch in self._recent if batch.sequence > sequence]

    def since_vector(self, vector: VersionVector) -> list[Batch] | None:
        """What was told since all of the vector was, which is here; None: that is not known.

        Vectors do not name what left them: incarnations that are over. One that has a write of this replica has all
        that this replica had when it made it; so only one with a write that is newer than all that left is believed.
        """
        if self._recent_after is None or vector.counter(self._own) <= self._proved_by:
            return None
        missed: list[Batch] = []
        for batch in reversed(self._recent):
            assert batch.vector is not None
            if vector.includes(batch.vector):
                break
            missed.append(batch)
        missed.reverse()
        return missed
