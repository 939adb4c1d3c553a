# SPDX-License-Identifier: Apache-2.0
"""Writes of several requests on their way into one operation.

Whatever is logged together becomes one operation: that costs the log, the links and the other replicas little more than
a write of one key. Each request is added whole or not at all. No two write the same key: an operation shows of each
key only what it holds in the end, and watchers are to be told of every request's.
"""

from __future__ import annotations

from collections.abc import Sequence

from tricord.base.dots import Dot
from tricord.base.errors import InvalidRequest, RequestTooLarge
from tricord.causal.operation import HEAD_BYTES, NEED_BYTES, OPERATION_BYTES_MAX, Operation, make_operation
from tricord.causal.results import Change
from tricord.causal.state import ReplicaState, applied
from tricord.crdt.cell import Write as Circumstances
from tricord.crdt.cell import check_growth
from tricord.crdt.encoding import decode_cell, encode_delta
from tricord.crdt.plain import put_plainly

FULL_BYTES = 64 * 1024
"""With so many bytes an operation takes no further request: links and readers take operations whole."""
_LENGTHS_BYTES = 10
"""What says how long a key and its delta are, at most."""


class Gathering:
    """Made and used up between two changes of the replica, which it leaves as it is. ``before`` and ``after``: what the
    keys that are written held and hold."""

    __slots__ = ("_over", "_replica", "_size", "after", "before", "clock", "first", "needs", "writes")

    def __init__(self, replica: ReplicaState, now: int) -> None:
        self._replica = replica
        self.first = replica.past.entries.get(replica.origin, 0) + 1
        self.clock = replica.clock.advance(now)
        self.needs = replica.needs()
        self.before: dict[bytes, bytes | None] = {}
        self.after: dict[bytes, bytes | None] = {}
        self.writes: list[tuple[bytes, bytes]] = []
        self._size = HEAD_BYTES + NEED_BYTES * len(self.needs)
        number, incarnation = replica.origin
        closed = replica.past.closed.get(number)
        # A mark just below this start was made in it: all know of it, and have all the same of those before.
        self._over = incarnation - 1 if closed is not None and closed.incarnation == incarnation - 1 else -1

    def add(self, changes: Sequence[Change]) -> bool:
        """One request more. False: another operation has to take it; the first request is never told so. Raises what
        mutators raise, ``KeyTooLarge``, ``InvalidRequest`` and ``RequestTooLarge``. In both cases nothing of it was
        added. A request alone may write a key several times."""
        if not changes:
            raise InvalidRequest("an operation needs at least one key")
        if self.writes and (self._size > FULL_BYTES or any(change.key in self.after for change in changes)):
            return False
        replica = self._replica
        number, incarnation = replica.origin
        stamp = self.clock.stamp
        before: dict[bytes, bytes | None] = {}
        after: dict[bytes, bytes | None] = {}
        writes: list[tuple[bytes, bytes]] = []
        size = self._size
        for counter, change in enumerate(changes, self.first + len(self.writes)):
            key = change.key
            dot = Dot(number, incarnation, counter)
            current = replica.held(key, before, after)
            plain = None if change.plain is None else put_plainly(change.plain, current, dot, stamp)
            data: bytes | None
            if plain is not None:
                encoded, data = plain
            else:
                cell = {} if current is None else decode_cell(current)
                delta = change.mutate(cell, Circumstances(dot, stamp, change.seen, change.expires, self._over))
                encoded = encode_delta(delta)
                data = applied(cell, replica.past, delta, encoded)
            if data is not None:
                check_growth(len(before[key] or b""), len(data))
            after[key] = data
            writes.append((key, encoded))
            size += len(key) + len(encoded) + _LENGTHS_BYTES
        if size > OPERATION_BYTES_MAX:
            if self.writes:
                return False
            raise RequestTooLarge(f"the operation has {size} bytes, at most {OPERATION_BYTES_MAX}")
        self.before |= before
        self.after |= after
        self.writes += writes
        self._size = size
        return True

    def operation(self) -> Operation:
        """What was gathered: one request at least."""
        return make_operation(self._replica.origin, self.first, self.clock.stamp, self.needs, self.writes)
