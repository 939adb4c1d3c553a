# SPDX-License-Identifier: Apache-2.0
"""A scripted run over a data directory, which knows what it was told to be durable."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tricord.base.environment import Disk
from tricord.base.errors import DiskFull
from tricord.base.log import Entry, HardState
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, Table, Write
from tricord.storage.identity import Identity
from tricord.storage.member_storage import MemberStorage, open_member_storage
from tricord.storage.memory_disk import MemoryDisk

SCRIPT_SEGMENT_BYTES = 8 << 10
CONFIGURATION = b"the first members"


def new_identity() -> Identity:
    """The member of all these tests."""
    return Identity(cluster=1, member=2, history=3, incarnation=4, name="first")


def open_directory(disk: Disk, directory: str, identity: Callable[[], Identity] = new_identity) -> MemberStorage:
    """Open it with small segments. Of the environment only the disk is used."""
    environment: Any = SimpleNamespace(disk=disk)
    return open_member_storage(
        environment,
        directory,
        new_identity=identity,
        initial_configuration=CONFIGURATION,
        map_size=64 << 20,
        segment_bytes=SCRIPT_SEGMENT_BYTES,
    )


def data_of(index: int, term: int) -> bytes:
    """What the entry at ``index`` holds."""
    return b"%d/%d " % (index, term) * 60


class Script:
    """Appends, overwrites a suffix, applies, drains, marks, seals, cuts and opens again; then checks what is left.

    ``promised`` is what was acknowledged: entries by index, and the newest hard state. What was on its way when an
    error came may be there or not.
    """

    def __init__(
        self, disk: MemoryDisk, when_full: Callable[[], None] | None = None, directory: str = "/data/m"
    ) -> None:
        self.disk = disk
        self.directory = directory
        self.was_full = False
        self._when_full = when_full
        self._storage: MemberStorage | None = None
        self.entries: dict[int, int] = {}
        """index -> term, acknowledged"""
        self.attempted: dict[int, set[int]] = {}
        """index -> terms that were ever handed over"""
        self.hard_state = HardState()
        self.attempted_hard_state = HardState()
        self.committed = 0
        self.unsure_from = 1 << 63
        """The first index of the append under way"""

    def run(self) -> None:
        self._open()
        for index in range(1, 13):
            self._append(HardState(1, 2, index - 1), [(index, 1)])
        self._commit(8)
        self._drain(6)
        self._storage_now.log.mark()
        self._append(HardState(2, 0, 8), [])
        # a new leader's entries replace 10, 11 and 12
        self._append(None, [(10, 2), (11, 2)])
        self._append(None, [(index, 2) for index in range(12, 20)])
        self._commit(19)
        self._drain(19)
        self._storage_now.backend.seal()
        for index in range(20, 40):
            self._append(HardState(2, 2, index - 1), [(index, 2)])
            self._commit(index)
        self._drain(30)
        self._storage_now.log.cut_before(25)
        self._storage_now.log.seal()
        self._storage_now.close()
        self._open()
        self._append(HardState(3, 2, 39), [(40, 3)])
        self._storage_now.log.mark()
        self._drain(39)
        self._storage_now.backend.seal()

    def run_randomly(self, choices: random.Random, steps: int) -> None:
        """Any of the above in any order, as a member's host may do it; now and then the process is killed."""
        self._open()
        term = 1
        for _ in range(steps):
            storage = self._storage_now
            last = storage.log.last_index
            step = choices.randrange(10)
            if step < 4:
                entries = [(last + 1 + place, term) for place in range(choices.randrange(1, 6))]
                self._append(choices.choice([None, HardState(term, 1, self.committed)]), entries)
            elif step == 4 and last > self.committed:
                term += 1
                first = choices.randint(self.committed + 1, last)
                self._append(HardState(term, 0, self.committed), [(first, term), (first + 1, term)])
            elif step == 5:
                self._commit(choices.randint(self.committed, last))
            elif step == 6 and self.committed:
                self._drain(choices.randint(self.drained, self.committed))
            elif step == 7:
                storage.log.cut_before(choices.randint(0, self.drained))
            elif step == 8:
                choices.choice([storage.log.mark, storage.log.seal, storage.backend.seal])()
            elif step == 9 and choices.randrange(3) == 0:
                if choices.randrange(2):
                    storage.log.seal()
                    storage.close()
                else:
                    self.disk.kill()
                self._open()

    def check(self, what: str) -> None:
        """Open what is left: nothing promised is missing, nothing else was made up, and it goes on working."""
        self._when_full = None
        for _ in range(2):
            storage = open_directory(self.disk, self.directory)
            found = {entry.index: entry for entry in storage.entries}
            applied, last = storage.applied_index, storage.log.last_index
            assert list(found) == list(range(applied + 1, last + 1)), what
            for index, term in self.entries.items():
                if index >= self.unsure_from:
                    continue  # an append that was cut off may have replaced it
                assert index <= last, f"{what}: entry {index} is gone"
                if index > applied:
                    assert found[index].term == term, what
            for index, entry in found.items():
                assert entry.term in self.attempted[index], what
                assert entry.data == data_of(index, entry.term), what
            assert storage.hard_state in (self.hard_state, self.attempted_hard_state), what
            assert applied <= self.committed, what
            assert storage.configuration == CONFIGURATION, what
            base, before = storage.earlier_base[0], [entry.index for entry in storage.earlier]
            assert before == list(range(base + 1, applied + 1)), what
            view = storage.backend.view()
            kept = [int.from_bytes(key, "big") for key, _ in view.scan(Table.HEAD, b"", None)]
            view.close()
            assert kept == list(range(1, applied + 1)), f"{what}: {kept}"
            # it goes on from here
            self.hard_state = self.attempted_hard_state = storage.hard_state
            self.entries = {index: entry.term for index, entry in found.items()}
            self._storage = storage
            self._append(HardState(9, 9, last), [(last + 1, 9)])
            self._commit(last + 1)
            self._drain(last)
            storage.close()

    @property
    def _storage_now(self) -> MemberStorage:
        assert self._storage is not None
        return self._storage

    def _open(self) -> None:
        self._storage = self._retried(lambda: open_directory(self.disk, self.directory))

    def _append(self, hard_state: HardState | None, entries: list[tuple[int, int]]) -> None:
        for index, term in entries:
            self.attempted.setdefault(index, set()).add(term)
        if hard_state is not None:
            self.attempted_hard_state = hard_state
        batch = [Entry(index, term, 0, data_of(index, term)) for index, term in entries]
        if entries:
            self.unsure_from = entries[0][0]
        self._retried(lambda: self._storage_now.log.append(hard_state, batch))
        self.unsure_from = 1 << 63
        if entries:
            for index in [index for index in self.entries if index >= entries[0][0]]:
                del self.entries[index]
            self.entries.update(entries)
        if hard_state is not None:
            self.hard_state = hard_state

    def _commit(self, index: int) -> None:
        self.committed = index

    @property
    def drained(self) -> int:
        """The index up to which the overlay holds effects."""
        return int.from_bytes(self._storage_now.overlay.get(Table.META, META_APPLIED_INDEX) or b"", "big")

    def _drain(self, index: int) -> None:
        """Apply up to ``index`` and commit it to the backend: each entry leaves one record."""
        storage = self._storage_now
        applied = self.drained
        term = self.entries.get(index, storage.applied_term)
        writes: list[Write] = [(Table.HEAD, place.to_bytes(8, "big"), b"") for place in range(applied + 1, index + 1)]
        writes.append((Table.META, META_APPLIED_INDEX, index.to_bytes(8, "big")))
        writes.append((Table.META, META_APPLIED_TERM, term.to_bytes(8, "big")))
        storage.overlay.write(writes)
        storage.backend.commit(storage.overlay.take())
        storage.overlay.drained()

    def _retried(self, action: Callable[[], Any]) -> Any:
        while True:
            try:
                return action()
            except DiskFull:
                self.was_full = True
                if self._when_full is None:
                    raise
                self._when_full()
