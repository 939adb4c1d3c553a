# SPDX-License-Identifier: Apache-2.0
"""A member gives unused space back while it serves: when asked, by itself, and whatever comes in between."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.errors import DiskFault, DiskFull, Stopping, StorageError, TricordError, Unavailable
from tricord.base.operations import Put, Range, RangeResult
from tricord.server import drain
from tricord.server.configuration import Configuration
from tricord.server.member import Member
from tricord.server.rebuilding import AGAIN_SECONDS, JITTER_SECONDS, LOOK_SECONDS, is_worthwhile
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage import backend_rebuild
from tricord.storage.memory_disk import MemoryDisk

Story = Callable[[Member, MemoryDisk], Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_rebuild, "SLICE_RECORDS", 5)
    monkeypatch.setattr(drain, "INTERVAL_SECONDS", 0.001)


def play(story: Story, *, stop: bool = True, **settings: Any) -> None:
    loop = VirtualLoop()
    disk = MemoryDisk()

    async def whole() -> None:
        member = Member(
            simulated_environment(loop, disk, seed=1),
            Configuration(data_dir="/data", segment_bytes=8 << 20, **settings),
        )
        await member.start()
        await story(member, disk)
        if stop:
            await member.stop()
            assert names(disk) == ["LOCK", "backend", "identity", "snapshots", "wal"]

    try:
        loop.run_until_complete(whole())
    finally:
        loop.close()


def names(disk: MemoryDisk) -> list[str]:
    return disk.list("/data")


async def put(member: Member, key: bytes, value: bytes = b"value") -> None:
    await member.engine.ask(Put(key, value), Context())


async def keys(member: Member) -> list[bytes]:
    result, _ = await member.engine.ask(Range(b"\0", b"\0"), Context())
    assert isinstance(result, RangeResult)
    return [kv.key for kv in result.kvs]


async def fill(member: Member, count: int, prefix: bytes = b"") -> list[bytes]:
    written = [prefix + b"%05d" % number for number in range(count)]
    for key in written:
        await put(member, key)
    return written


def test_it_serves_on_and_all_is_there_afterwards() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        written = await fill(member, 60, b"before ")
        await asyncio.sleep(1)
        done = [asyncio.ensure_future(member.engine.defragment()) for _ in range(2)]
        number = 0
        while not all(one.done() for one in done):
            number += 1
            await put(member, b"during %05d" % number)
            await asyncio.sleep(0.0005)
            written.append(b"during %05d" % number)
        assert number > 5
        assert member.rebuilding.done == 1, "who comes while it is done waits for the same"
        assert await keys(member) == sorted(written)
        written += await fill(member, 3, b"later ")
        await asyncio.sleep(1)
        assert member.drain.durable_index == member.machine.applied_index
        disk.kill()
        member.abandon()
        other = Member(member._environment, Configuration(data_dir="/data", segment_bytes=8 << 20))
        await other.start()
        assert await keys(other) == sorted(written)
        await other.stop()

    play(story, stop=False)


def test_a_caller_who_goes_away_does_not_end_it() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await fill(member, 30)
        await asyncio.sleep(1)
        calling = asyncio.ensure_future(member.engine.defragment())
        await asyncio.sleep(0.0005)
        calling.cancel()
        await asyncio.sleep(1)
        assert member.rebuilding.done == 1

    play(story)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_call_leaves_the_old_one_serving_or_stops_the_member(code: int) -> None:
    ended = []

    async def attempt(number: int) -> None:
        async def story(member: Member, disk: MemoryDisk) -> None:
            written = await fill(member, 12)
            await asyncio.sleep(1)
            disk.fail_at[disk.calls + number] = code
            try:
                await member.engine.defragment()
                ended.append("done")
            except DiskFault:
                ended.append("stopped")
                assert isinstance(member.failure, DiskFault)
                await member.stop()
                disk.kill()
                member = Member(member._environment, Configuration(data_dir="/data", segment_bytes=8 << 20))
                await member.start()
            except StorageError as error:
                assert isinstance(error, DiskFull) == (code == errno.ENOSPC), error
                ended.append("refused")
            disk.fail_at.clear()
            written += await fill(member, 2, b"later ")
            await asyncio.sleep(1)
            assert await keys(member) == sorted(written)
            assert member.drain.durable_index == member.machine.applied_index
            await member.engine.defragment()
            assert await keys(member) == sorted(written)
            await member.stop()

        play(story, stop=False)

    number = 0
    while ended[-3:] != ["done"] * 3:
        number += 1
        run_alone(attempt(number))
    assert {"refused", "stopped"} <= set(ended)


def run_alone(work: Coroutine[Any, Any, None]) -> None:
    """The story plays a loop of its own."""
    with pytest.raises(StopIteration):
        work.send(None)


def test_a_stop_at_any_moment_ends_it_and_all_is_there() -> None:
    for moment in range(0, 80, 3):

        async def story(member: Member, disk: MemoryDisk, moment: int = moment) -> None:
            written = await fill(member, 40)
            calling = asyncio.ensure_future(member.engine.defragment())
            await asyncio.sleep(moment * 0.0001)
            await member.stop()
            (ended,) = await asyncio.gather(calling, return_exceptions=True)
            assert ended is None or isinstance(ended, Stopping)
            with pytest.raises(Stopping):
                await member.rebuilding.defragment()
            assert names(disk) == ["LOCK", "backend", "identity", "snapshots", "wal"]
            member = Member(member._environment, Configuration(data_dir="/data", segment_bytes=8 << 20))
            await member.start()
            assert await keys(member) == written
            await member.stop()

        play(story, stop=False)


def test_it_gives_way_to_a_snapshot_of_the_leader() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await fill(member, 40)
        calling = asyncio.ensure_future(member.engine.defragment())
        await asyncio.sleep(0.0005)
        giving = asyncio.ensure_future(member.snapshots.before_installing())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="takes the store's place"):
            await member.engine.defragment()
        await giving
        assert not disk.exists("/data/backend.new"), "it is gone, not going"
        with pytest.raises(Unavailable):
            await calling
        member.snapshots._installing = asyncio.ensure_future(asyncio.sleep(0))
        with pytest.raises(Unavailable):
            await member.engine.defragment()
        member.snapshots._installing = None
        await member.engine.defragment()
        await member.snapshots.before_installing()

    play(story)


def test_what_is_worth_it() -> None:
    mebibyte = 1 << 20
    assert is_worthwhile(16 * mebibyte, 7 * mebibyte)
    assert not is_worthwhile(15 * mebibyte, mebibyte)
    assert not is_worthwhile(100 * mebibyte, 50 * mebibyte)


class Bloated:
    """A store's file that says it is large until it was rebuilt."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.backend = member._storage.backend
        self.size = self.backend.size_bytes
        self.backend.size_bytes = lambda: 1 << 30  # type: ignore[method-assign]


def test_by_itself_once_and_not_at_once() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        await fill(member, 3)
        Bloated(member)
        await asyncio.sleep(LOOK_SECONDS - 1)
        assert member.rebuilding.done == 0
        await asyncio.sleep(JITTER_SECONDS + 2)
        assert member.rebuilding.done == 1
        await asyncio.sleep(1000)
        assert member.rebuilding.done == 1

    play(story)


def test_not_by_itself_where_it_is_told_not_to() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        Bloated(member)
        await asyncio.sleep(1000)
        assert member.rebuilding.done == 0
        await member.engine.defragment()
        assert member.rebuilding.done == 1

    play(story, auto_defragment=False)


def test_one_that_failed_is_tried_again_later() -> None:
    async def story(member: Member, disk: MemoryDisk) -> None:
        Bloated(member)
        true_free = disk.free_bytes
        disk.free_bytes = lambda path: 1000  # type: ignore[method-assign]
        await asyncio.sleep(LOOK_SECONDS + JITTER_SECONDS + 1)
        with pytest.raises(TricordError):
            await member.engine.defragment()
        disk.free_bytes = true_free  # type: ignore[method-assign]
        await asyncio.sleep(AGAIN_SECONDS - 100)
        assert member.rebuilding.done == 0
        await asyncio.sleep(LOOK_SECONDS + JITTER_SECONDS + 100)
        assert member.rebuilding.done == 1

    play(story)
