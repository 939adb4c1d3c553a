# SPDX-License-Identifier: Apache-2.0
"""The configurations in a log, by index. The newest one is in force, committed or not (section 4.1).

When the entry that brought one is replaced by another leader's, the one before it is in force again: so all are kept
from the one that holds at the log's base on.
"""

from __future__ import annotations

from collections.abc import Sequence

from tricord.base.log import Entry, EntryKind
from tricord.base.membership import Configuration, decode_configuration

_CONFIGURATION = int(EntryKind.CONFIGURATION)


class Configurations:
    """Ascending by index; the first holds at the log's base."""

    __slots__ = ("_known", "changed", "current", "is_settled")

    def __init__(self, base_index: int, configuration: Configuration, entries: Sequence[Entry]) -> None:
        """Raises ValueError for an entry whose data is no configuration."""
        self._known = [(base_index, configuration)]
        self.current = configuration
        """The one in force."""
        self.changed = False
        """Whether another one came into force since this was last cleared."""
        self.is_settled = False
        """On a leader: whether everything that the one in force asks for was done."""
        self.append(entries)
        self.changed = False

    @property
    def current_index(self) -> int:
        """The index of the entry that brought the one in force (the base's, if none did)."""
        return self._known[-1][0]

    def append(self, entries: Sequence[Entry]) -> None:
        """These joined the log. Cost: a look at each entry's kind."""
        for entry in entries:
            if entry.kind == _CONFIGURATION:
                self._known.append((entry.index, decode_configuration(entry.data)))
                self._settle()

    def truncate_after(self, index: int) -> None:
        """Entries behind the index were replaced."""
        while self._known[-1][0] > index:
            self._known.pop()
            self._settle()

    def cut_to(self, base_index: int) -> None:
        """The log begins behind this index now."""
        while len(self._known) > 1 and self._known[1][0] <= base_index:
            del self._known[0]

    def at(self, index: int) -> Configuration:
        """The one in force at an index from the base on."""
        return next(configuration for known, configuration in reversed(self._known) if known <= index)

    def reset(self, index: int, configuration: Configuration) -> None:
        """A snapshot took the place of the log."""
        self._known = [(index, configuration)]
        self._settle()

    def _settle(self) -> None:
        self.current = self._known[-1][1]
        self.changed = True
        self.is_settled = False
