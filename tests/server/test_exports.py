# SPDX-License-Identifier: Apache-2.0
"""Copies of the state: what they hold, who may make them, and what is left behind when they end."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.errors import CorruptData, DiskFull, Stopping, StorageError, TooManyRequests
from tricord.base.export import StateExport
from tricord.base.operations import Compact, Put
from tricord.server.configuration import Configuration
from tricord.server.exports import OPEN_MAX
from tricord.server.member import Member
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

Story = Callable[[Member, MemoryDisk], Coroutine[Any, Any, None]]


def play(story: Story) -> None:
    loop = VirtualLoop()
    disk = MemoryDisk()

    async def whole() -> None:
        member = Member(
            simulated_environment(loop, disk, seed=1), Configuration(data_dir="/data", segment_bytes=8 << 20)
        )
        await member.start()
        await story(member, disk)
        await member.stop()
        assert left(disk) == []

    try:
        loop.run_until_complete(whole())
    finally:
        loop.close()


def left(disk: MemoryDisk) -> list[str]:
    return disk.list("/data/snapshots")


def lines(state: StateExport) -> Iterator[tuple[int, bytes]]:
    """A form that a test can read: its first line says where it ends, and is written last."""
    at = 8
    for change in state.changes():
        line = b"%d.%d %s=%s\n" % (change.revision, change.sub, change.record.key, change.record.value)
        yield at, line
        at += len(line)
    yield 0, b"%07d\n" % at


async def put(member: Member, key: bytes, value: bytes) -> None:
    await member.engine.ask(Put(key, value), Context())


async def fill(member: Member, count: int) -> None:
    for number in range(count):
        await put(member, b"%d" % number, b"value")


def test_a_copy_holds_what_was_applied_when_it_was_asked_for() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await put(member, b"a", b"1")
        await put(member, b"a", b"2")
        making = asyncio.ensure_future(member.engine.open_snapshot(lines))
        await asyncio.sleep(0.0001)
        await put(member, b"b", b"later")
        export = await making
        assert left(disk) == ["export-1.snap"]
        data = await export.read(0, 1000)
        assert (len(data), int(data[:7])) == (export.size, export.size)
        assert data[8:].splitlines()[:2] == [b"2.0 a=1", b"3.0 a=2"]
        assert await export.read(8, 3) == b"2.0"
        export.close()
        export.close()
        await asyncio.sleep(0.01)
        assert left(disk) == []
        with pytest.raises(Stopping):
            await export.read(0, 1)

    play(story)


def test_a_view_is_not_moved_by_what_is_written_while_it_is_read() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await fill(member, 20)
        writing = asyncio.ensure_future(fill(member, 2000))
        data = await (await member.engine.open_snapshot(lines)).read(8, 100_000)
        writing.cancel()
        revisions = [int(line.split(b".")[0]) for line in data.splitlines()]
        assert revisions == list(range(2, revisions[-1] + 1))
        assert revisions[-1] >= 21
        await member.engine.ask(Compact(revisions[-1]), Context())
        data = await (await member.engine.open_snapshot(lines)).read(8, 100_000)
        assert len(data.splitlines()) >= 20

    play(story)


def test_a_caller_who_goes_away_at_any_moment_leaves_nothing() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await fill(member, 30)
        for moment in range(60):
            making = asyncio.ensure_future(member.engine.open_snapshot(lines))
            await asyncio.sleep(moment * 0.0001)
            if making.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await making
            else:
                making.result().close()
            await asyncio.sleep(0.01)
            assert left(disk) == [], f"after {moment}"
        assert len((await (await member.engine.open_snapshot(lines)).read(8, 10_000)).splitlines()) == 30

    play(story)


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, StorageError)]
)
def test_a_disk_that_fails_at_any_call_is_said_and_nothing_is_left(code: int, kind: type[StorageError]) -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await fill(member, 3)
        await asyncio.sleep(1)
        before = disk.calls
        (await member.engine.open_snapshot(lines)).close()
        calls = disk.calls - before
        await asyncio.sleep(0.01)
        assert calls >= 6
        for number in range(1, calls + 1):
            disk.fail_at[disk.calls + number] = code
            with pytest.raises(kind):
                await member.engine.open_snapshot(lines)
            disk.fail_at.clear()
            await asyncio.sleep(0.01)
            assert left(disk) == [], f"call {number}"
        await put(member, b"it goes on", b"")

    play(story)


def test_a_full_disk_that_keeps_the_drain_from_going_on_is_said() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await put(member, b"a", b"1")
        member.drain.disk_full = True
        with pytest.raises(DiskFull):
            await member.engine.open_snapshot(lines)
        member.drain.disk_full = False

    play(story)


def test_no_room_is_said_before_anything_is_written() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await put(member, b"a", b"1")
        disk.free_bytes = lambda path: 16 << 20  # type: ignore[method-assign]
        with pytest.raises(DiskFull, match="no room for a copy of"):
            await member.engine.open_snapshot(lines)
        assert left(disk) == []

    play(story)


def test_damage_is_said() -> None:
    def broken(state: StateExport) -> Iterator[tuple[int, bytes]]:
        yield 0, b"x"
        raise CorruptData("backend", 7, "damaged")

    async def story(member: Member, disk: MemoryDisk) -> None:
        with pytest.raises(CorruptData):
            await member.engine.open_snapshot(broken)

    play(story)


def test_so_many_at_once_and_no_more() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await fill(member, 3)
        exports = await asyncio.gather(*(member.engine.open_snapshot(lines) for _ in range(OPEN_MAX)))
        with pytest.raises(TooManyRequests):
            await member.engine.open_snapshot(lines)
        exports[0].close()
        await member.engine.open_snapshot(lines)
        assert len({(await export.read(0, 1000)) for export in exports[1:]}) == 1

    play(story)


def test_a_stop_ends_what_is_made_what_waits_and_what_is_read() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await fill(member, 50)
        whole = await member.engine.open_snapshot(lines)
        making = [asyncio.ensure_future(member.engine.open_snapshot(lines)) for _ in range(3)]
        await asyncio.sleep(0.003)
        await member.stop()
        for one in making:
            with pytest.raises(Stopping):
                await one
        with pytest.raises(Stopping):
            await whole.read(0, 1)

    play(story)


def test_what_a_process_left_that_died_goes_at_the_next_start() -> None:
    loop = VirtualLoop()
    disk = MemoryDisk()

    async def whole() -> None:
        for _ in range(2):
            member = Member(
                simulated_environment(loop, disk, seed=1), Configuration(data_dir="/data", segment_bytes=8 << 20)
            )
            assert left(disk) == []
            await member.start()
            await fill(member, 50)
            await member.engine.open_snapshot(lines)
            making = asyncio.ensure_future(member.engine.open_snapshot(lines))
            await asyncio.sleep(0.003)
            assert len(left(disk)) == 2
            member.abandon()
            disk.kill()
            making.cancel()

    try:
        loop.run_until_complete(whole())
    finally:
        loop.close()
