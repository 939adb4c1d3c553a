# SPDX-License-Identifier: Apache-2.0
"""A data directory as a whole: opened, refused, and crashed at every step."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from functools import partial

import pytest

from tests.storage.member_script import CONFIGURATION, SCRIPT_SEGMENT_BYTES, Script, new_identity, open_directory
from tricord.base.environment import Disk
from tricord.base.errors import CorruptData, DataDirectoryInUse, DiskFault, DiskFull, NewerFormat
from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, Table
from tricord.statemachine.machine import StateMachine
from tricord.storage.identity import Identity, read_identity, write_identity
from tricord.storage.memory_disk import MemoryDisk, PowerLost


def test_a_new_directory_is_empty_and_keeps_its_identity(disk: Disk, root: str) -> None:
    storage = open_directory(disk, f"{root}/deep/data")
    assert storage.hard_state == HardState()
    assert (storage.entries, storage.applied_index, storage.applied_term) == ([], 0, 0)
    storage.close()
    again = open_directory(disk, f"{root}/deep/data", lambda: Identity(9, 9, 9, 9, "other"))
    assert again.identity == new_identity()
    again.close()


def test_a_directory_begins_with_the_configuration_it_is_given_and_keeps_the_newest(disk: Disk, root: str) -> None:
    storage = open_directory(disk, root)
    assert (storage.applied_index, storage.configuration) == (0, CONFIGURATION)
    storage.log.append(None, [Entry(1, 1, EntryKind.CONFIGURATION, b"others")])
    machine = StateMachine(storage.overlay)
    assert machine.configuration == CONFIGURATION
    machine.apply([Entry(1, 1, EntryKind.CONFIGURATION, b"others")])
    storage.backend.commit(storage.overlay.take())
    storage.close()
    storage = open_directory(disk, root)
    assert (storage.applied_index, storage.configuration) == (1, b"others")
    assert StateMachine(storage.overlay).configuration == b"others"
    storage.close()


def test_a_creation_that_is_cut_off_anywhere_starts_over() -> None:
    counted = MemoryDisk()
    open_directory(counted, "/data/m").close()
    for number in range(1, counted.calls + 1):
        for seed in range(3):
            disk = MemoryDisk(seed, traced=True)
            disk.cut_at = number
            with pytest.raises(PowerLost):
                open_directory(disk, "/data/m")
            disk.power_cut()
            storage = open_directory(disk, "/data/m", lambda: Identity(5, 6, 7, 8, "second"))
            what = f"call {number} ({name_of(disk, number)})"
            assert storage.configuration == CONFIGURATION, what
            assert storage.identity.name in ("first", "second"), what
            storage.log.append(HardState(1, 1, 0), [Entry(1, 1, 0, b"")])
            storage.close()
            open_directory(disk, "/data/m").close()


def test_what_was_applied_is_given_too_for_peers_that_lag(disk: Disk, root: str) -> None:
    storage = open_directory(disk, root)
    assert (storage.earlier, storage.earlier_base) == ([], (0, 0))
    storage.log.append(HardState(2, 7, 3), [Entry(i, 2, 0, b"%d" % i) for i in range(1, 6)])
    storage.backend.commit(
        [
            (Table.META, META_APPLIED_INDEX, (3).to_bytes(8, "big")),
            (Table.META, META_APPLIED_TERM, (2).to_bytes(8, "big")),
        ]
    )
    storage.close()
    storage = open_directory(disk, root)
    assert [entry.index for entry in storage.earlier] == [1, 2, 3]
    assert storage.earlier_base == (0, 0)
    storage.close()


def test_a_cut_log_gives_what_follows_an_entry_whose_term_is_known(disk: Disk, root: str) -> None:
    storage = open_directory(disk, root)
    for index in range(1, 100):
        storage.log.append(None, [Entry(index, 4, 0, bytes(300))])
    storage.backend.commit(
        [
            (Table.META, META_APPLIED_INDEX, (90).to_bytes(8, "big")),
            (Table.META, META_APPLIED_TERM, (4).to_bytes(8, "big")),
        ]
    )
    storage.log.cut_before(80)
    first = storage.log.first_index
    assert 1 < first <= 80
    storage.close()
    storage = open_directory(disk, root)
    assert storage.earlier_base == (first, 4)
    assert [entry.index for entry in storage.earlier] == list(range(first + 1, 91))
    storage.close()


def test_one_process_at_a_time(disk: Disk, root: str) -> None:
    storage = open_directory(disk, root)
    with pytest.raises(DataDirectoryInUse):
        open_directory(disk, root)
    storage.close()
    open_directory(disk, root).close()


def test_unknown_files_are_ignored(disk: Disk, root: str) -> None:
    open_directory(disk, root).close()
    for name in ("notes", "wal/notes", "backend/notes"):
        disk.open(f"{root}/{name}", create=True).close()
    open_directory(disk, root).close()
    assert disk.exists(f"{root}/wal/notes")


def test_what_was_drained_is_not_given_again(disk: Disk, root: str) -> None:
    storage = open_directory(disk, root)
    storage.log.append(HardState(2, 7, 3), [Entry(i, 2, 0, b"%d" % i) for i in range(1, 6)])
    storage.overlay.write([(Table.META, META_APPLIED_INDEX, (3).to_bytes(8, "big"))])
    storage.overlay.write([(Table.META, META_APPLIED_TERM, (2).to_bytes(8, "big"))])
    storage.backend.commit(storage.overlay.take())
    storage.overlay.drained()
    storage.log.seal()
    storage.backend.seal()
    storage.close()
    storage = open_directory(disk, root)
    assert (storage.applied_index, storage.applied_term) == (3, 2)
    assert [entry.index for entry in storage.entries] == [4, 5]
    assert storage.hard_state == HardState(2, 7, 3)
    storage.close()


def test_parts_that_do_not_fit_are_refused(disk: Disk, root: str) -> None:
    storage = open_directory(disk, root)
    storage.log.append(None, [Entry(1, 2, 0, b"")])
    storage.backend.commit(
        [
            (Table.META, META_APPLIED_INDEX, (1).to_bytes(8, "big")),
            (Table.META, META_APPLIED_TERM, (3).to_bytes(8, "big")),
        ]
    )
    storage.close()
    with pytest.raises(CorruptData, match="term 2, applied was 3"):
        open_directory(disk, root)
    for name in disk.list(f"{root}/wal"):
        disk.remove(f"{root}/wal/{name}")
    with pytest.raises(CorruptData, match="the log is gone"):
        open_directory(disk, root)
    open_again = disk.lock(f"{root}/LOCK")  # a refusal lets go of the directory
    open_again.close()


def test_data_without_its_identity_is_not_thrown_away(disk: Disk, root: str) -> None:
    storage = open_directory(disk, root)
    storage.log.append(None, [Entry(1, 1, 0, b"kept")])
    storage.close()
    disk.rename(f"{root}/identity", f"{root}/elsewhere")
    with pytest.raises(CorruptData, match="the identity is gone"):
        open_directory(disk, root)
    disk.rename(f"{root}/elsewhere", f"{root}/identity")
    storage = open_directory(disk, root)
    assert [entry.data for entry in storage.entries] == [b"kept"]
    storage.close()


def test_a_damaged_identity_is_refused(disk: Disk, root: str) -> None:
    open_directory(disk, root).close()
    file = disk.open(f"{root}/identity")
    original = file.pread(file.size(), 0)
    for bit in range(len(original) * 8):
        damaged = bytearray(original)
        damaged[bit // 8] ^= 1 << bit % 8
        file.pwrite(damaged, 0)
        with pytest.raises(CorruptData, match="identity"):
            read_identity(disk, root)
    file.close()
    write_identity(disk, root, new_identity())
    assert read_identity(disk, root) == new_identity()


def test_a_newer_identity_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = MemoryDisk()
    disk.make_directory("/d")
    monkeypatch.setattr("tricord.storage.identity.FORMAT_VERSION", 2)
    write_identity(disk, "/d", new_identity())
    monkeypatch.undo()
    with pytest.raises(NewerFormat, match="format 2"):
        open_directory(disk, "/d")


def name_of(disk: MemoryDisk, call: int) -> str:
    assert disk.trace is not None
    return disk.trace[call - 1]


def calls_of_a_run() -> int:
    disk = MemoryDisk()
    Script(disk).run()
    calls = disk.calls
    assert len(disk.list("/data/m/wal")) > 2, "the script is to roll and cut segments"
    return calls


@pytest.mark.parametrize("seed", range(6))
def test_power_cut_at_every_call(seed: int) -> None:
    """Whatever the power takes, what was acknowledged is there, nothing else is, and the directory goes on working."""
    for number in range(1, calls_of_a_run() + 1):
        disk = MemoryDisk(seed, traced=True)
        disk.cut_at = number
        script = Script(disk)
        with pytest.raises(PowerLost):
            script.run()
        disk.power_cut()
        script.check(f"power cut in call {number} ({name_of(disk, number)})")


@pytest.mark.parametrize("seed", range(3))
def test_power_cut_again_during_recovery(seed: int) -> None:
    total = calls_of_a_run()
    for number in range(1 + seed, total + 1, 7):
        for again in range(1, 40, 3):
            disk = MemoryDisk(seed * 1000 + again)
            disk.cut_at = number
            script = Script(disk)
            with pytest.raises(PowerLost):
                script.run()
            disk.power_cut()
            disk.cut_at = disk.calls + again
            try:
                open_directory(disk, script.directory).close()
            except PowerLost:
                disk.power_cut()
            disk.cut_at = None
            script.check(f"power cut in call {number}, and {again} calls into the recovery")


def test_power_cuts_in_random_runs() -> None:
    for seed in range(250):
        choices = random.Random(seed)
        disk = MemoryDisk(seed, traced=True)
        script = Script(disk)
        steps = choices.randrange(5, 80)
        disk.cut_at = choices.randrange(1, 12 * steps + 60)
        try:
            script.run_randomly(choices, steps)
        except PowerLost:
            pass
        disk.power_cut()
        script.check(f"seed {seed}")


def die(disk: MemoryDisk) -> None:
    disk.kill()


def lose_power(disk: MemoryDisk) -> None:
    disk.power_cut()


@pytest.mark.parametrize("then", [die, lose_power])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_every_call_fails_once(code: int, then: Callable[[MemoryDisk], None]) -> None:
    """A member stops at an error, or goes on where it was told that nothing happened: nothing acknowledged is lost."""
    for number in range(1, calls_of_a_run() + 1):
        disk = MemoryDisk(number, traced=True)
        disk.fail_at[number] = code
        script = Script(disk)
        try:
            script.run()
        except (DiskFault, DiskFull, OSError):
            pass
        assert not disk.fail_at
        then(disk)
        script.check(f"call {number} ({name_of(disk, number)}) failed")
        disk.power_cut()
        script.check(f"call {number} ({name_of(disk, number)}) failed, and the power went after the restart")


def test_a_disk_that_fills_up_keeps_what_was_acknowledged() -> None:
    """Space ends somewhere in the run and comes back later; the member waits without restarting."""
    for capacity in range(SCRIPT_SEGMENT_BYTES + 1, 5 * SCRIPT_SEGMENT_BYTES, SCRIPT_SEGMENT_BYTES):
        disk = MemoryDisk(capacity=capacity)
        script = Script(disk, when_full=partial(disk.reserve, -SCRIPT_SEGMENT_BYTES))
        script.run()
        assert script.was_full
        disk.power_cut()
        script.check(f"capacity {capacity}")
