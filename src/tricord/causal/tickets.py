# SPDX-License-Identifier: Apache-2.0
"""Sessions that wait until this replica has what they have seen."""

from __future__ import annotations

from collections.abc import Callable

from tricord.base.dots import Origin, VersionVector


class Tickets:
    """Each waits for one origin at a time: the first that is missing of its vector."""

    __slots__ = ("_at", "_by_origin", "_has")

    def __init__(self, has: Callable[[Origin, int], bool]) -> None:
        self._has = has
        self._by_origin: dict[Origin, dict[int, VersionVector]] = {}
        self._at: dict[int, Origin] = {}

    def __len__(self) -> int:
        return len(self._at)

    def hold(self, ticket: int, vector: VersionVector) -> None:
        """Tell the ticket later, whatever is here."""
        origin = next(iter(vector.entries), Origin(0, 0))
        self._by_origin.setdefault(origin, {})[ticket] = vector
        self._at[ticket] = origin

    def wait(self, ticket: int, vector: VersionVector) -> bool:
        """Whether all of it is here; if not, the ticket is told later."""
        for origin, counter in vector.entries.items():
            if not self._has(origin, counter):
                self._by_origin.setdefault(origin, {})[ticket] = vector
                self._at[ticket] = origin
                return False
        return True

    def forget(self, ticket: int) -> None:
        """Its session waits no more."""
        origin = self._at.pop(ticket, None)
        if origin is not None:
            waiting = self._by_origin[origin]
            del waiting[ticket]
            if not waiting:
                del self._by_origin[origin]

    def satisfied(self, origins: list[Origin]) -> list[int]:
        """The tickets that need not wait any more, now that there is more of these origins."""
        found: list[int] = []
        for origin in origins:
            for ticket, vector in self._by_origin.pop(origin, {}).items():
                del self._at[ticket]
                if self.wait(ticket, vector):
                    found.append(ticket)
        return found

    def satisfied_now(self) -> list[int]:
        """As ``satisfied``, where more of any origin may be here."""
        return self.satisfied(list(self._by_origin))
