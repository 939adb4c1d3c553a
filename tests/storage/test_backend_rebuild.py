# SPDX-License-Identifier: Apache-2.0
"""A backend is rebuilt beside the one in use: it holds the same, whatever is written meanwhile and wherever it ends."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.storage.conftest import MAP_SIZE
from tests.storage.member_script import CONFIGURATION, open_directory
from tests.storage.snapshot_script import Content, content_of, state_writes
from tricord.base.environment import Disk
from tricord.base.errors import CorruptData, DiskFault, DiskFull, StorageError
from tricord.base.log import Entry, HardState
from tricord.base.ordered import META_APPLIED_INDEX, Table, Write
from tricord.runtime.disk import RealDisk
from tricord.storage import backend_rebuild
from tricord.storage.backend_rebuild import compare
from tricord.storage.member_storage import MemberStorage
from tricord.storage.memory_disk import MemoryDisk, PowerLost


def started(disk: Disk, directory: str, records: int) -> MemberStorage:
    """A member with a store of all sizes, most of which was deleted."""
    storage = open_directory(disk, directory)
    storage.log.append(HardState(3, 2, 1), [Entry(index, 3, 0, b"entry") for index in range(1, 41)])
    storage.backend.commit(state_writes(20, 3, records))
    storage.backend.commit(
        [(Table.HEAD, key, None) for key, _ in content_of(storage.backend.view())[Table.HEAD] if key[5:6] not in b"05"]
    )
    storage.backend.commit([(Table.META, b"configuration", CONFIGURATION)])
    storage.overlay.move(storage.backend)
    return storage


def random_writes(choices: random.Random, records: int) -> list[Write]:
    writes: list[Write] = []
    for _ in range(choices.randrange(20)):
        number = choices.randrange(2 * records)
        table = choices.choice([Table.META, Table.HEAD, Table.HISTORY, Table.REVISIONS, Table.LEASE_KEYS])
        key = b"%06d" % number + b"y" * choices.choice([0, 0, 0, 700])
        writes.append((table, key, choices.choice([None, choices.randbytes(30)])))
    return writes


def rebuilt(storage: MemberStorage, meanwhile: Callable[[], list[Write]] = list) -> None:
    """As a member does it."""
    rebuild = storage.rebuild()
    try:
        while True:
            writes = meanwhile()
            storage.backend.commit(writes)
            rebuild.mirror(writes)
            if not rebuild.step():
                break
        rebuild.finish()
        backend = rebuild.put_in_place()
        former = storage.backend
        storage.move(backend)
        former.retire()
        rebuild.remove_old()
    finally:
        rebuild.discard()


def names(disk: Disk, directory: str) -> list[str]:
    return [name for name in disk.list(directory) if name != "snapshots"]


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_rebuild, "SLICE_RECORDS", 37)


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("seed", range(4))
def test_the_new_one_holds_the_same_whatever_is_written_meanwhile(disk: Disk, root: str, seed: int) -> None:
    choices = random.Random(seed)
    storage = started(disk, f"{root}/m", 300)
    twin = MemoryDisk().open_backend("/twin", map_size=MAP_SIZE)
    twin.commit([(table, *pair) for table, pairs in content_of(storage.backend.view()).items() for pair in pairs])
    picture = storage.overlay.picture((Table.HEAD,))
    before = list(picture.scan(Table.HEAD, b"", None))

    def meanwhile() -> list[Write]:
        writes = random_writes(choices, 300)
        twin.commit(writes)
        return writes

    for _ in range(2):
        rebuilt(storage, meanwhile)
        assert content_of(storage.backend.view()) == content_of(twin.view())
    storage.overlay.write([(Table.HEAD, b"later", b"1")])
    storage.backend.commit(storage.overlay.take())
    storage.overlay.drained()
    twin.commit([(Table.HEAD, b"later", b"1")])
    assert list(picture.scan(Table.HEAD, b"", None)) == before, "who reads the old file goes on reading it"
    picture.close()
    storage.close()
    storage = open_directory(disk, f"{root}/m")
    assert content_of(storage.backend.view()) == content_of(twin.view())
    assert (storage.applied_index, len(storage.entries)) == (20, 20)
    assert names(disk, f"{root}/m") == ["LOCK", "backend", "identity", "wal"]
    storage.close()


def test_the_file_is_as_small_as_what_it_holds(tmp_path: Path) -> None:
    disk, directory = RealDisk(), f"{tmp_path}/m"
    storage = open_directory(disk, directory)
    values = [(Table.HEAD, b"%06d" % number, bytes(2000)) for number in range(5000)]
    storage.backend.commit(values)
    storage.backend.commit([(table, key, None) for table, key, _ in values[:4500]])
    before, used = storage.backend.size_bytes(), storage.backend.used_bytes()
    assert before > 5 * used
    rebuilt(storage)
    assert storage.backend.size_bytes() < 1.5 * used
    storage.close()


def test_what_is_not_drained_yet_stays(disk: Disk, root: str) -> None:
    storage = started(disk, f"{root}/m", 30)
    storage.overlay.write([(Table.HEAD, b"taken", b"1")])
    storage.overlay.take()
    storage.overlay.write([(Table.HEAD, b"active", b"1")])
    rebuilt(storage)
    assert [storage.overlay.get(Table.HEAD, key) for key in (b"taken", b"active", b"000000x")] == [b"1", b"1", None]
    storage.backend.commit(storage.overlay.take())
    storage.overlay.drained()
    view = storage.backend.view()
    assert [view.get(Table.HEAD, key) for key in (b"taken", b"active")] == [b"1", b"1"]
    view.close()
    storage.close()


def test_no_room_is_said_before_anything_is_built() -> None:
    disk = MemoryDisk(capacity=10 << 20)
    storage = started(disk, "/m", 30)
    disk.reserve(disk.free_bytes("/m") - (2 << 20))
    with pytest.raises(DiskFull, match="no room for a copy"):
        storage.rebuild()
    assert names(disk, "/m") == ["LOCK", "backend", "identity", "wal"]
    disk.reserve(-(1 << 20))
    rebuilt(storage)
    storage.close()


def test_a_copy_that_could_not_be_written_says_so_at_the_next_step_and_at_the_end() -> None:
    for code, kind in ((errno.ENOSPC, DiskFull), (errno.EIO, OSError)):
        disk = MemoryDisk()
        storage = started(disk, "/m", 30)
        rebuild = storage.rebuild()
        while rebuild.step():
            pass
        disk.fail_at[disk.calls + 1] = code
        rebuild.mirror([(Table.HEAD, b"a", b"1")])
        for action in (rebuild.step, rebuild.finish):
            with pytest.raises(kind):
                action()
        rebuild.mirror([(Table.HEAD, b"b", b"1")])
        rebuild.discard()
        rebuild.mirror([(Table.HEAD, b"c", b"1")])
        assert names(disk, "/m") == ["LOCK", "backend", "identity", "wal"]
        storage.close()


def test_a_copy_that_differs_is_not_put_in_place(disk: Disk, root: str) -> None:
    storage = started(disk, f"{root}/m", 30)
    rebuild = storage.rebuild()
    while rebuild.step():
        pass
    storage.backend.commit([(Table.HEAD, b"unseen", b"1")])
    with pytest.raises(CorruptData, match="does not hold"):
        rebuild.finish()
    rebuild.discard()
    one, two = (disk.open_backend(f"{root}/{name}", map_size=MAP_SIZE) for name in ("one", "two"))
    for backend, value in ((one, b"1"), (two, b"2")):
        backend.commit([(Table.HEAD, b"k", value)])
    with pytest.raises(CorruptData):
        compare("path", one, two)
    for backend in (one, two):
        backend.close()
    storage.close()


class World:
    """A member on a disk in memory, about to rebuild its backend."""

    def __init__(self, seed: int = 1) -> None:
        self.disk = MemoryDisk(seed, traced=True)
        self.storage = started(self.disk, "/m", 60)
        self.written = 0
        self.content = content_of(self.storage.backend.view())

    def meanwhile(self) -> list[Write]:
        self.written += 1
        return [(Table.HEAD, b"meanwhile", b"%d" % self.written)]

    def rebuild(self) -> None:
        rebuilt(self.storage, self.meanwhile)

    def check(self, what: str) -> None:
        """All is there after a restart, and it goes on."""
        storage = open_directory(self.disk, "/m")
        found = content_of(storage.backend.view())
        got = int(dict(found[Table.HEAD]).pop(b"meanwhile", b"0"))
        assert got in (self.written, self.written - 1), what
        assert without(found) == self.content, what
        assert (storage.applied_index, len(storage.entries)) == (20, 20), what
        assert names(self.disk, "/m") == ["LOCK", "backend", "identity", "wal"], what
        storage.backend.commit([(Table.META, META_APPLIED_INDEX, (21).to_bytes(8, "big"))])
        storage.close()
        storage = open_directory(self.disk, "/m")
        assert storage.applied_index == 21, what
        storage.close()


def without(content: Content) -> Content:
    return {table: [pair for pair in pairs if pair[0] != b"meanwhile"] for table, pairs in content.items()}


def calls_of_a_rebuild() -> int:
    world = World()
    before = world.disk.calls
    world.rebuild()
    return world.disk.calls - before


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("seed", range(3))
def test_power_cut_at_every_call(seed: int) -> None:
    for number in range(1, calls_of_a_rebuild() + 1):
        world = World(seed)
        world.disk.cut_at = world.disk.calls + number
        with pytest.raises(PowerLost):
            world.rebuild()
        world.disk.power_cut()
        world.check(f"power cut in call {number}")


@pytest.mark.usefixtures("small_slices")
def test_power_cut_again_while_a_start_tidies_up() -> None:
    for number in range(1, calls_of_a_rebuild() + 1, 3):
        for again in range(1, 40, 3):
            world = World(number * 100 + again)
            world.disk.cut_at = world.disk.calls + number
            with pytest.raises(PowerLost):
                world.rebuild()
            world.disk.power_cut()
            world.disk.cut_at = world.disk.calls + again
            try:
                open_directory(world.disk, "/m").close()
            except PowerLost:
                world.disk.power_cut()
            world.disk.cut_at = None
            world.check(f"power cut in call {number}, and {again} calls into the start")


def die(disk: MemoryDisk) -> None:
    disk.kill()


def lose_power(disk: MemoryDisk) -> None:
    disk.power_cut()


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("then", [die, lose_power])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_every_call_fails_once(code: int, then: Callable[[MemoryDisk], None]) -> None:
    faults = 0
    for number in range(1, calls_of_a_rebuild() + 1):
        world = World(number)
        world.disk.fail_at[world.disk.calls + number] = code
        try:
            world.rebuild()
        except DiskFault:
            faults += 1
        except (StorageError, OSError):
            pass
        then(world.disk)
        world.check(f"call {number} failed")
    assert faults
