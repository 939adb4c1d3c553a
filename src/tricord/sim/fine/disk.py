# SPDX-License-Identifier: Apache-2.0
"""The twin of a member's disk: a hard state, a log behind a base, and the tables of the state machine's backend.

What a member was told to be synced is in ``held``. A disk that lies keeps beside it what is really there: that is what
a power cut leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration, decode_configuration
from tricord.sim.invariants.seen import runs
from tricord.storage.memory_backend import MemoryBackend, Tables, no_tables

_CONFIGURATION = int(EntryKind.CONFIGURATION)
_MAP_SIZE = 1 << 40


@dataclass(slots=True)
class Image:
    """All that a disk holds. ``base`` is index and term of the entry before the log's first one."""

    configuration: Configuration
    """In force at the base."""
    hard_state: HardState = field(default_factory=HardState)
    base: tuple[int, int] = (0, 0)
    log: list[Entry] = field(default_factory=list)
    tables: Tables = field(default_factory=no_tables)

    def copy(self) -> Image:
        """One that stays as it is. Cost: a copy of the list of entries."""
        return Image(self.configuration, self.hard_state, self.base, list(self.log), self.tables)

    @property
    def last_index(self) -> int:
        """The last entry's."""
        return self.base[0] + len(self.log)

    def term_at(self, index: int) -> int | None:
        """Of the entry at the index, or None where the log does not reach."""
        place = index - self.base[0]
        if place == 0:
            return self.base[1]
        return self.log[place - 1].term if 0 < place <= len(self.log) else None

    def write(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        """Entries take the place of the one at their first index, and of all behind it."""
        if hard_state is not None:
            self.hard_state = hard_state
        for part in runs(entries):
            place = part[0].index - self.base[0] - 1
            assert 0 <= place <= len(self.log), "the log on disk has no gap"
            self.log[place:] = part

    def cut_before(self, index: int) -> None:
        """Entries before the index go."""
        count = index - 1 - self.base[0]
        if count <= 0:
            return
        for entry in self.log[:count]:
            if entry.kind == _CONFIGURATION:
                self.configuration = decode_configuration(entry.data)
        self.base = (index - 1, self.log[count - 1].term)
        del self.log[:count]

    def install(self, index: int, term: int, configuration: Configuration, tables: Tables) -> None:
        """A snapshot takes the place of state and log. As in ``storage.snapshot_install``, who holds an entry has seen
        its term, and gave no vote in one that its hard state does not know."""
        known = self.hard_state
        vote = known.vote if known.term >= term else 0
        self.hard_state = HardState(max(known.term, term), vote, max(known.commit, index))
        self.base = (index, term)
        self.configuration = configuration
        self.log = []
        self.tables = tables


class DiskTwin:
    """What one member wrote, and the troubles of its disk."""

    __slots__ = ("damage", "delay", "error", "full", "held", "rot_next", "synced")

    def __init__(self, configuration: Configuration) -> None:
        self.held = Image(configuration)
        self.synced: Image | None = None
        """Of a disk that lies: what is really there."""
        self.full = False
        self.error = False
        """Whether the next sync fails."""
        self.delay = 0.0
        """The longest a write takes beside its usual time, in seconds."""
        self.rot_next = ""
        """The kind of fault that damages the next write."""
        self.damage = ""
        """The kind of fault that damaged what is here: whoever reads it sees a wrong checksum, and does not start."""

    def backend(self) -> MemoryBackend:
        """The tables, open."""
        held = self.held
        return MemoryBackend(held.tables, self._keep(held), map_size=_MAP_SIZE)

    def lie(self) -> None:
        """From now on nothing is really synced."""
        if self.synced is None:
            self.synced = self.held.copy()

    @staticmethod
    def _keep(held: Image) -> Callable[[Tables], None]:
        def keep(tables: Tables) -> None:
            held.tables = tables

        return keep
