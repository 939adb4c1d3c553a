# SPDX-License-Identifier: Apache-2.0
"""A snapshot takes the place of state and log: wholly, or not at all, wherever it is cut off."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from tests.storage.conftest import MAP_SIZE
from tests.storage.member_script import CONFIGURATION, open_directory
from tests.storage.snapshot_script import (
    CLUSTER,
    HISTORY,
    Content,
    content_of,
    filled,
    snapshot_of,
    state_writes,
)
from tricord.base.environment import Disk
from tricord.base.errors import Cancelled, CorruptData, DiskFault, DiskFull, NewerFormat
from tricord.base.log import Entry, HardState
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, Table
from tricord.statemachine.machine import StateMachine
from tricord.storage import snapshot_install
from tricord.storage.member_storage import MemberStorage
from tricord.storage.memory_disk import MemoryDisk, PowerLost
from tricord.storage.snapshot_install import prepare_install
from tricord.storage.snapshot_writer import write_snapshot

INDEX, TERM = 500, 7
OLD_LAST = 40


def written(disk: Disk, path: str, records: int = 200) -> Content:
    """A leader's snapshot at ``path``; gives what it holds."""
    backend = filled(disk, f"{path}.backend", INDEX, TERM, records)
    snapshot_of(disk, path, backend)
    content = content_of(backend.view())
    backend.close()
    return content


def follower(disk: Disk, directory: str) -> MemberStorage:
    """A member with some log and state of its own, drained up to 30."""
    storage = open_directory(disk, directory)
    for index in range(1, OLD_LAST + 1):
        storage.log.append(HardState(3, 2, index - 1), [Entry(index, 3, 0, bytes(300))])
    storage.overlay.write([(Table.HEAD, b"old %d" % index, b"") for index in range(1, 31)])
    storage.overlay.write([(Table.META, META_APPLIED_INDEX, (30).to_bytes(8, "big"))])
    storage.overlay.write([(Table.META, META_APPLIED_TERM, (3).to_bytes(8, "big"))])
    storage.backend.commit(storage.overlay.take())
    storage.overlay.drained()
    return storage


def check_old(storage: MemberStorage) -> None:
    assert (storage.applied_index, storage.applied_term, storage.configuration) == (30, 3, CONFIGURATION)
    assert [entry.index for entry in storage.entries] == list(range(31, OLD_LAST + 1))
    assert storage.hard_state == HardState(3, 2, OLD_LAST - 1)
    assert storage.overlay.count(Table.HEAD, b"", None) == 30


def check_new(storage: MemberStorage, content: Content) -> None:
    assert (storage.applied_index, storage.applied_term) == (INDEX, TERM)
    assert storage.configuration == b"members of 500"
    assert (storage.entries, storage.earlier, storage.earlier_base) == ([], [], (INDEX, TERM))
    assert (storage.log.first_index, storage.log.last_index) == (INDEX + 1, INDEX)
    assert storage.hard_state == HardState(TERM, 0, INDEX)
    assert content_of(storage.backend.view()) == content


def check_goes_on(disk: Disk, storage: MemberStorage) -> None:
    """It takes entries and drains, and all is there after a restart."""
    last = storage.log.last_index
    storage.log.append(HardState(9, 1, last), [Entry(last + 1, 9, 0, b"next")])
    storage.overlay.write([(Table.HEAD, b"next", b"")])
    storage.overlay.write([(Table.META, META_APPLIED_INDEX, (last + 1).to_bytes(8, "big"))])
    storage.overlay.write([(Table.META, META_APPLIED_TERM, (9).to_bytes(8, "big"))])
    storage.backend.commit(storage.overlay.take())
    storage.overlay.drained()
    storage.close()
    storage = open_directory(disk, storage.directory)
    assert (storage.applied_index, storage.applied_term, storage.entries) == (last + 1, 9, [])
    assert storage.overlay.get(Table.HEAD, b"next") == b""
    names = [name for name in disk.list(storage.directory) if not name.startswith("snap")]
    assert names == ["LOCK", "backend", "identity", "wal"]
    storage.close()


def test_state_and_log_are_the_snapshots_at_once_and_after_a_restart(disk: Disk, root: str) -> None:
    content = written(disk, f"{root}/a.snap", 3000)
    storage = follower(disk, f"{root}/member")
    machine = StateMachine(storage.overlay)
    picture = storage.overlay.picture((Table.HEAD,))
    storage.overlay.write([(Table.HEAD, b"not drained", b"")])
    prepared = storage.prepare(f"{root}/a.snap")
    assert storage.overlay.count(Table.HEAD, b"", None) == 31, "until it is installed the old state serves"
    backend = storage.install(prepared)
    assert storage.overlay.count(Table.HEAD, b"", None) == 31
    storage.adopt(backend)
    machine.reload()
    assert (machine.applied_index, machine.applied_term, machine.configuration) == (INDEX, TERM, b"members of 500")
    assert content_of(storage.backend.view()) == content
    assert list(storage.overlay.scan(Table.HEAD, b"", None)) == content[Table.HEAD]
    assert len(list(picture.scan(Table.HEAD, b"", None))) == 30, "who reads the old state goes on reading it"
    picture.close()
    storage.close()
    storage = open_directory(disk, f"{root}/member")
    check_new(storage, content)
    check_goes_on(disk, storage)


@pytest.mark.parametrize("steps", range(4))
def test_a_start_finishes_what_was_decided_and_undoes_what_was_not(disk: Disk, root: str, steps: int) -> None:
    content = written(disk, f"{root}/a.snap")
    directory = f"{root}/member"
    storage = follower(disk, directory)
    prepared = storage.prepare(f"{root}/a.snap")
    if steps >= 1:
        snapshot_install.begin_install(disk, directory, prepared)
    if steps >= 2:
        snapshot_install.swap_backends(disk, directory)
    if steps >= 3:
        snapshot_install.reset_log(storage.log, prepared.index, prepared.term)
    storage.close()
    storage = open_directory(disk, directory)
    if steps:
        check_new(storage, content)
    else:
        check_old(storage)
    check_goes_on(disk, storage)


def test_installed_twice_the_later_state_counts(disk: Disk, root: str) -> None:
    written(disk, f"{root}/a.snap")
    storage = follower(disk, f"{root}/member")
    storage.adopt(storage.install(storage.prepare(f"{root}/a.snap")))
    other = disk.open_backend(f"{root}/other", map_size=MAP_SIZE)
    other.commit(state_writes(900, 8, 100, seed=5))
    snapshot_of(disk, f"{root}/b.snap", other)
    storage.adopt(storage.install(storage.prepare(f"{root}/b.snap")))
    assert content_of(storage.backend.view()) == content_of(other.view())
    other.close()
    storage.close()
    storage = open_directory(disk, f"{root}/member")
    assert (storage.applied_index, storage.log.first_index) == (900, 901)
    check_goes_on(disk, storage)


def test_what_cannot_be_installed_changes_nothing(disk: Disk, root: str) -> None:
    content = written(disk, f"{root}/a.snap")
    storage = follower(disk, f"{root}/member")
    with pytest.raises(Cancelled):
        storage.prepare(f"{root}/a.snap", cancelled=lambda: True)
    with pytest.raises(CorruptData, match="another cluster"):
        prepare_install(disk, f"{root}/member", f"{root}/a.snap", cluster=9, history=HISTORY, map_size=MAP_SIZE)
    with pytest.raises(DiskFull):
        prepare_install(disk, f"{root}/member", f"{root}/a.snap", cluster=CLUSTER, history=HISTORY, map_size=1 << 17)
    file = disk.open(f"{root}/a.snap")
    byte = file.pread(1, 5000)
    file.pwrite(bytes([byte[0] ^ 1]), 5000)
    with pytest.raises(CorruptData):
        storage.prepare(f"{root}/a.snap")
    file.pwrite(byte, 5000)
    file.close()
    assert disk.list(f"{root}/member") == ["LOCK", "backend", "identity", "wal"]
    told: list[int] = []
    storage.adopt(storage.install(storage.prepare(f"{root}/a.snap", progress=told.append)))
    assert told
    assert content_of(storage.backend.view()) == content
    storage.close()


def test_a_state_of_another_place_than_the_header_says_is_refused(disk: Disk, root: str) -> None:
    backend = filled(disk, f"{root}/backend", INDEX, TERM, 3)
    view = backend.view()
    true_get = view.get
    lies: Any = view
    lies.get = lambda table, key: b"\0" * 7 + b"\5" if key == META_APPLIED_INDEX else true_get(table, key)
    write_snapshot(disk, f"{root}/a.snap", view, cluster=CLUSTER, history=HISTORY)
    view.close()
    backend.close()
    storage = open_directory(disk, f"{root}/member")
    with pytest.raises(CorruptData, match="another place"):
        storage.prepare(f"{root}/a.snap")
    storage.close()


def test_no_room_is_said_before_anything_is_built() -> None:
    disk = MemoryDisk(capacity=200 << 10)
    disk.make_directory("/d")
    written(disk, "/d/a.snap")
    storage = open_directory(disk, "/m")
    with pytest.raises(DiskFull, match="no room to install"):
        storage.prepare("/d/a.snap")
    assert not disk.exists("/m/backend.new")
    storage.close()


class World:
    """A member on a disk in memory, about to install a snapshot."""

    def __init__(self, seed: int = 1) -> None:
        self.disk = MemoryDisk(seed, traced=True)
        self.disk.make_directory("/snap")
        self.content = written(self.disk, "/snap/a.snap", 30)
        self.disk.sync_directory("/")
        self.disk.sync_directory("/snap")
        self.storage = follower(self.disk, "/m")

    def install(self) -> None:
        prepared = self.storage.prepare("/snap/a.snap")
        self.storage.adopt(self.storage.install(prepared))

    def check(self, what: str) -> bool:
        """Whether the new state is there after a restart."""
        storage = open_directory(self.disk, "/m")
        new = storage.applied_index == INDEX
        try:
            if new:
                check_new(storage, self.content)
            else:
                check_old(storage)
            check_goes_on(self.disk, storage)
        except AssertionError as error:
            raise AssertionError(what) from error
        return new


def calls_of_an_install() -> int:
    world = World()
    before = world.disk.calls
    world.install()
    return world.disk.calls - before


@pytest.mark.parametrize("seed", range(3))
def test_power_cut_at_every_call_of_an_install(seed: int) -> None:
    outcomes: list[bool] = []
    for number in range(1, calls_of_an_install() + 1):
        world = World(seed)
        world.disk.cut_at = place = world.disk.calls + number
        with pytest.raises(PowerLost):
            world.install()
        world.disk.power_cut()
        outcomes.append(world.check(f"power cut in call {number} ({name_of(world.disk, place)})"))
    assert (outcomes[0], outcomes[-1]) == (False, True)


def test_power_cut_again_while_a_start_finishes_an_install() -> None:
    for number in range(1, calls_of_an_install() + 1, 5):
        for again in range(1, 60, 4):
            world = World(number * 100 + again)
            world.disk.cut_at = world.disk.calls + number
            with pytest.raises(PowerLost):
                world.install()
            world.disk.power_cut()
            world.disk.cut_at = world.disk.calls + again
            try:
                open_directory(world.disk, "/m").close()
            except PowerLost:
                world.disk.power_cut()
            world.disk.cut_at = None
            world.check(f"power cut in call {number}, and {again} calls into the start")


def name_of(disk: MemoryDisk, call: int) -> str:
    assert disk.trace is not None
    return disk.trace[call - 1]


def die(disk: MemoryDisk) -> None:
    disk.kill()


def lose_power(disk: MemoryDisk) -> None:
    disk.power_cut()


@pytest.mark.parametrize("then", [die, lose_power])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_every_call_of_an_install_fails_once(code: int, then: Callable[[MemoryDisk], None]) -> None:
    for number in range(1, calls_of_an_install() + 1):
        world = World(number)
        world.disk.fail_at[world.disk.calls + number] = code
        try:
            world.install()
        except (DiskFault, DiskFull, OSError):
            pass
        assert not world.disk.fail_at
        then(world.disk)
        world.check(f"call {number} failed")


def test_an_install_that_found_no_room_for_the_log_goes_on_when_there_is_some() -> None:
    went_on = 0
    for number in range(1, calls_of_an_install() + 1):
        world = World(number)
        prepared = world.storage.prepare("/snap/a.snap")
        world.disk.fail_at[world.disk.calls + number] = errno.ENOSPC
        try:
            backend = world.storage.install(prepared)
        except DiskFull:
            backend = world.storage.install(prepared)
            went_on += 1
        except (DiskFault, OSError):
            continue
        world.disk.fail_at.clear()
        world.storage.adopt(backend)
        assert content_of(world.storage.backend.view()) == world.content
        world.disk.kill()
        assert world.check(f"call {number} found no room")
    assert went_on


def test_a_damaged_or_newer_mark_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    prepared = world.storage.prepare("/snap/a.snap")
    snapshot_install.begin_install(world.disk, "/m", prepared)
    world.disk.kill()
    world.disk.flip("/m/install", 100)
    with pytest.raises(CorruptData, match="install"):
        open_directory(world.disk, "/m")
    world.disk.flip("/m/install", 100)
    assert world.check("the mark is whole again")
    monkeypatch.setattr(snapshot_install, "MARK_VERSION", 2)
    snapshot_install.begin_install(world.disk, "/m", prepared)
    monkeypatch.undo()
    with pytest.raises(NewerFormat, match="format 2"):
        open_directory(world.disk, "/m")
