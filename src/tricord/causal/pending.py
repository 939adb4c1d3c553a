# SPDX-License-Identifier: Apache-2.0
"""Operations that came before what they need: a bounded buffer, and who waits for whom."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tricord.base.dots import Origin
from tricord.causal.operation import Operation
from tricord.causal.past import Past

PENDING_BYTES_MAX = 16 * 1024 * 1024
"""Of what waits. What needs nothing that is missing never waits, so a full buffer cannot hold up its own end."""


class Pending:
    """By origin, then by the counter of the first dot."""

    __slots__ = ("blocked", "bytes_held", "bytes_max", "origins")

    def __init__(self, bytes_max: int = PENDING_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self.bytes_held = 0
        self.origins: dict[Origin, dict[int, Operation]] = {}
        self.blocked: dict[Origin, set[Origin]] = {}
        """Origins whose next operation needs more of the key's."""

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self.origins.values())

    def add(self, operation: Operation) -> bool:
        """Keep it. False where there is no room: it has to be sent again."""
        waiting = self.origins.setdefault(operation.origin, {})
        if operation.first in waiting:
            return True
        if self.bytes_held + len(operation.data) > self.bytes_max:
            if not waiting:
                del self.origins[operation.origin]
            return False
        waiting[operation.first] = operation
        self.bytes_held += len(operation.data)
        return True

    def ready(self, origin: Origin, past: Past) -> Iterator[Operation]:
        """What can be delivered now that more of the origin is here, one after the other; the caller delivers each
        before it asks for the next."""
        queue = deque((origin, *sorted(self.blocked.pop(origin, ()))))
        while queue:
            tried = queue.popleft()
            while (found := self._next(tried, past)) is not None:
                yield found
                queue.extend(sorted(self.blocked.pop(tried, ())))

    def _next(self, origin: Origin, past: Past) -> Operation | None:
        """The origin's next operation if nothing is missing for it; else it is noted what is."""
        waiting = self.origins.get(origin)
        if waiting is None:
            return None
        found = waiting.get(past.entries.get(origin, 0) + 1)
        if found is None:
            return None
        missing = missing_for(found, past)
        if missing is not None:
            self.blocked.setdefault(missing, set()).add(origin)
            return None
        self._remove(origin, found)
        return found

    def wait_for(self, operation: Operation, past: Past) -> None:
        """Note what a newly kept operation waits for, where it is its origin's next one."""
        if operation.first == past.entries.get(operation.origin, 0) + 1:
            missing = missing_for(operation, past)
            if missing is not None:
                self.blocked.setdefault(missing, set()).add(operation.origin)

    def _remove(self, origin: Origin, operation: Operation) -> None:
        waiting = self.origins[origin]
        del waiting[operation.first]
        if not waiting:
            del self.origins[origin]
        self.bytes_held -= len(operation.data)

    def forget(self, origin: Origin) -> None:
        """Drop what waits of an origin: it was retired, or its writes came in another way."""
        for operation in self.origins.pop(origin, {}).values():
            self.bytes_held -= len(operation.data)

    def clear(self) -> None:
        """Drop all."""
        self.origins.clear()
        self.blocked.clear()
        self.bytes_held = 0


def missing_for(operation: Operation, past: Past) -> Origin | None:
    """An origin of which the operation needs more than is here, or None."""
    for origin, counter in operation.needs:
        if not past.has(origin, counter):
            return origin
    return None
