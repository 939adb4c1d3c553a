# SPDX-License-Identifier: Apache-2.0
"""The atlas of copies: which members are away, and whose copy is damaged. It says whether a fault may still come.

The promise: of n voters, (n - 1) // 2 may be away or damaged together, and nothing acknowledged is lost. A fault beyond
it would make every failure an expected one, so it is held back (``Outcome.withheld``).

- A member that is away (dead, paused, its disk full) comes back with what it had synced.
- A copy is **lost** when the member no longer has what it once acknowledged: wiped, on an older disk, after syncs that
  were none, or with wrong bytes. It stays lost until the member has caught up again (``whole``) or has left.
- All members may be away at once (``power-cut``) while no copy is lost: each comes back with what it had synced.
- A voter that joins has nothing yet, so its copy counts as lost until it has caught up.

A net that knows who holds which entries may be stricter: a lost copy must not be one of the few that have an entry.
"""

from __future__ import annotations

from collections.abc import Iterable

from tricord.sim.fault_kinds import KINDS, Cost


class Atlas:
    """Members by name. Pure book-keeping: the net says what happens, the atlas counts."""

    def __init__(self, voters: Iterable[str]) -> None:
        self._voters = dict.fromkeys(voters)
        self._away: dict[str, int] = {}
        self._lost: dict[str, None] = {}

    @property
    def voters(self) -> list[str]:
        """Who votes."""
        return list(self._voters)

    @property
    def damaged(self) -> list[str]:
        """Voters that are away or whose copy is lost."""
        return [member for member in self._voters if member in self._away or member in self._lost]

    @property
    def lost(self) -> list[str]:
        """Voters whose copy is lost."""
        return [member for member in self._voters if member in self._lost]

    def permits(self, kind: str, targets: Iterable[str] = ()) -> bool:
        """Whether a fault of this kind on these members stays within the promise now."""
        cost = KINDS[kind].cost
        if kind in ("remove-member", "replace-member"):
            return self._permits_leaving(next(iter(targets)), kind == "replace-member")
        if kind == "add-member":
            return _within(len(self._voters) + 1, len(self.damaged) + 1)
        if cost is Cost.NOTHING:
            return True
        if cost is Cost.ALL_DOWN:
            return not self._lost
        struck = set(targets) & self._voters.keys()
        if not struck and kind == "upgrade":
            return _within(len(self._voters), len(self.damaged) + 1)
        return _within(len(self._voters), len(struck | set(self.damaged)))

    def _permits_leaving(self, member: str, is_replaced: bool) -> bool:
        """The change needs a majority now, and what remains must be within the promise."""
        if member not in self._voters:
            return True
        remaining = len(self._voters) - 1
        damaged = len([other for other in self.damaged if other != member])
        return (
            remaining >= 1
            and _within(len(self._voters), len(self.damaged))
            and _within(remaining, damaged)
            and (not is_replaced or _within(remaining + 1, damaged + 1))
        )

    def away(self, member: str) -> None:
        """The member does not work. Reasons are counted: it is back when ``back`` was said as often."""
        self._away[member] = self._away.get(member, 0) + 1

    def back(self, member: str) -> None:
        """A reason to be away is over; nothing, where it left meanwhile."""
        count = self._away.pop(member, 1) - 1
        if count:
            self._away[member] = count

    def lose(self, member: str) -> None:
        """The member's copy no longer has all that it acknowledged."""
        self._lost[member] = None

    def whole(self, member: str) -> None:
        """The member has caught up: its copy counts again."""
        self._lost.pop(member, None)

    def join(self, member: str) -> None:
        """A new voter, with nothing yet."""
        self._voters[member] = None
        self._lost[member] = None

    def leave(self, member: str) -> None:
        """It is no voter any more, whatever becomes of it."""
        self._voters.pop(member, None)
        self._away.pop(member, None)
        self._lost.pop(member, None)


def _within(voters: int, damaged: int) -> bool:
    return damaged <= (voters - 1) // 2
