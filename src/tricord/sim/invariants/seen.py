# SPDX-License-Identifier: Apache-2.0
"""One core's log, by what it put out: what the checks of the logs compare. And what its disk says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration, decode_configuration

_CONFIGURATION = int(EntryKind.CONFIGURATION)


def runs(entries: list[Entry]) -> list[list[Entry]]:
    """The entries in parts without gaps: within one turn a log may be written, cut and written again."""
    if not entries or entries[-1].index - entries[0].index == len(entries) - 1:
        return [entries] if entries else []
    parts: list[list[Entry]] = []
    for entry in entries:
        if parts and parts[-1][-1].index + 1 == entry.index:
            parts[-1].append(entry)
        else:
            parts.append([entry])
    return parts


class Stored(Protocol):
    """What a member's disk holds, as far as the member was told."""

    configuration: Configuration
    hard_state: HardState
    base: tuple[int, int]
    log: list[Entry]

    @property
    def last_index(self) -> int:
        """The last entry's."""

    def term_at(self, index: int) -> int | None:
        """Of the entry at the index, or None."""


@dataclass(slots=True)
class Seen:
    """Terms by index, and the configurations, of one log."""

    base: tuple[int, int]
    terms: list[int]
    """Of the entries behind the base."""
    configurations: list[tuple[int, Configuration]]
    """(index, configuration), the one at the base first."""
    led_term: int = 0
    commit_index: int = 0
    compared: tuple[int, Configuration] | None = None
    """The last one of these that the core was seen to go by."""

    @staticmethod
    def of(stored: Stored) -> Seen:
        """What a core has that starts with this disk."""
        seen = Seen(stored.base, [], [(stored.base[0], stored.configuration)])
        seen.replace(stored.log)
        return seen

    @property
    def last_index(self) -> int:
        """The last entry's."""
        return self.base[0] + len(self.terms)

    def term_at(self, index: int) -> int:
        """The term of the entry at the index, which is in the log or its base."""
        place = index - self.base[0]
        return self.terms[place - 1] if place else self.base[1]

    def replace(self, entries: list[Entry]) -> None:
        """These, without gaps, join the log, in place of all from their first index on."""
        if not entries:
            return
        first = entries[0].index
        assert self.base[0] < first <= self.last_index + 1, "entries to persist have no gap before them"
        del self.terms[first - self.base[0] - 1 :]
        while self.configurations[-1][0] >= first:
            self.configurations.pop()
        for entry in entries:
            self.terms.append(entry.term)
            if entry.kind == _CONFIGURATION:
                self.configurations.append((entry.index, decode_configuration(entry.data)))

    def jump(self, index: int, term: int, configuration: Configuration) -> None:
        """A snapshot took the place of the log."""
        self.base = (index, term)
        self.terms = []
        self.configurations = [(index, configuration)]
