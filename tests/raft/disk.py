# SPDX-License-Identifier: Apache-2.0
"""What a server's disk holds, and what it was asked and has not done yet: it finishes job by job, when told to."""

from __future__ import annotations

from dataclasses import dataclass, field

from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration, decode_configuration
from tricord.raft import Output
from tricord.raft.events import EntriesPersisted, Event, HardStatePersisted, SnapshotInstalled
from tricord.raft.messages import InstallSnapshot

CONFIGURATION = int(EntryKind.CONFIGURATION)


@dataclass(slots=True)
class Job:
    """What one output asks of the disk, in the order in which it is done."""

    hard_state: HardState | None
    install: InstallSnapshot | None
    entries: list[Entry]


@dataclass(slots=True)
class Disk:
    """A hard state, and a log behind a snapshot. ``base`` is the last index and term that the snapshot holds."""

    configuration: Configuration
    """In force at ``base``."""
    hard_state: HardState = field(default_factory=HardState)
    base: tuple[int, int] = (0, 0)
    log: list[Entry] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)

    def ask(self, output: Output) -> None:
        """Take the jobs of one output."""
        if output.hard_state is not None or output.entries or output.install is not None:
            self.jobs.append(Job(output.hard_state, output.install, output.entries))

    def perform(self) -> list[Event]:
        """Finish the oldest job; what the core is to hear of it."""
        job = self.jobs.pop(0)
        events: list[Event] = []
        if job.hard_state is not None:
            self.hard_state = job.hard_state
            events.append(HardStatePersisted(job.hard_state.term, job.hard_state.vote))
        if job.install is not None:
            self.install(job.install)
            events.append(SnapshotInstalled(*self.base))
        if job.entries:
            self.write(job.entries)
            events.append(EntriesPersisted(job.entries[-1].index, job.entries[-1].term))
        return events

    def tear(self, count: int) -> None:
        """A crash in the midst of the oldest job: its first ``count`` parts are done, and nobody hears of it."""
        if self.jobs and count:
            job = self.jobs[0]
            if job.hard_state is not None:
                self.hard_state = job.hard_state
            if job.install is None:
                self.write(job.entries[: count - 1])
        self.jobs.clear()

    def write(self, entries: list[Entry]) -> None:
        """An entry replaces the one at its index, and all behind that."""
        if entries:
            place = entries[0].index - self.base[0] - 1
            assert 0 <= place <= len(self.log), "the log on disk has no gap"
            self.log[place:] = entries

    def install(self, snapshot: InstallSnapshot) -> None:
        """Figure 13, 6 and 7: entries behind the snapshot stay if the log holds its last entry, else all goes."""
        keeps = self.term_at(snapshot.last_included_index) == snapshot.last_included_term
        self.log = self.log[snapshot.last_included_index - self.base[0] :] if keeps else []
        self.base = (snapshot.last_included_index, snapshot.last_included_term)
        self.configuration = snapshot.configuration

    def cut(self, index: int) -> None:
        """A snapshot takes the place of the entries up to the index."""
        configuration, term = self.configuration_at(index), self.term_at(index)
        assert term is not None
        del self.log[: index - self.base[0]]
        self.base, self.configuration = (index, term), configuration

    @property
    def last_index(self) -> int:
        """Of the log, or of the snapshot if nothing is behind it."""
        return self.base[0] + len(self.log)

    def term_at(self, index: int) -> int | None:
        """The term of the entry at the index; None where there is none."""
        if index == self.base[0]:
            return self.base[1]
        place = index - self.base[0] - 1
        return self.log[place].term if 0 <= place < len(self.log) else None

    def configuration_at(self, index: int) -> Configuration:
        """The one in force at an index of the log."""
        for entry in reversed(self.log[: index - self.base[0]]):
            if entry.kind == CONFIGURATION:
                return decode_configuration(entry.data)
        return self.configuration
