# SPDX-License-Identifier: Apache-2.0
"""A full disk: writes are refused or wait, reads go on, nothing is lost, and writes resume when there is room."""

from __future__ import annotations

import asyncio

import pytest

from tricord.base.context import Context
from tricord.base.errors import NoSpace, OutcomeUnknown
from tricord.base.operations import Compact, DeleteRange, Put, Range, RangeResult
from tricord.server.configuration import Configuration
from tricord.server.member import Member
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

CONFIGURATION = Configuration(data_dir="/data", segment_bytes=256 << 10, max_request_bytes=64 << 10)


async def put(member: Member, key: bytes, seconds: float = 2.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds  # the simulated clock is the loop's
    await member.engine.ask(Put(key, bytes(10_000)), Context(deadline=deadline))


async def read_all(member: Member) -> list[bytes]:
    result, _ = await member.engine.ask(Range(b"\0", b"\0", keys_only=True), Context())
    assert isinstance(result, RangeResult)
    return [kv.key for kv in result.kvs]


async def fill(member: Member, written: list[bytes]) -> bytes:
    """Write until the log finds no room; the key whose write was caught by it."""
    for number in range(1000):
        key = b"key/%03d" % number
        try:
            await put(member, key)
        except OutcomeUnknown:
            return key
        written.append(key)
    raise AssertionError("the disk never filled")


def test_a_full_log_keeps_what_it_decided_and_goes_on_when_there_is_room() -> None:
    loop = VirtualLoop()
    disk = MemoryDisk()

    async def story() -> None:
        member = Member(simulated_environment(loop, disk, seed=1), CONFIGURATION)
        await member.start()
        taken = disk.free_bytes("/data")
        disk.reserve(taken)
        written: list[bytes] = []
        caught = await fill(member, written)
        assert len(written) > 5

        # Nothing can be logged, deletes neither; reads go on, and the member lives.
        with pytest.raises(NoSpace, match="the disk is full"):
            await put(member, b"refused")
        with pytest.raises(NoSpace):
            await member.engine.ask(DeleteRange(b"key/000"), Context())
        assert await read_all(member) == written
        assert [name for _, name in member.status().alarms] == ["NOSPACE"]
        assert member.failure is None

        disk.reserve(-taken)
        await asyncio.sleep(2)
        assert member.status().alarms == []
        await put(member, b"resumed")
        # The write that was caught was decided: its outcome was unknown, and now it is there.
        assert await read_all(member) == [*written, caught, b"resumed"]
        await member.stop()

        again = Member(simulated_environment(loop, disk, seed=2), CONFIGURATION)
        await again.start()
        assert await read_all(again) == [*written, caught, b"resumed"]
        await again.stop()

    try:
        loop.run_until_complete(story())
    finally:
        loop.close()


def test_a_full_disk_takes_from_the_log_what_the_backend_holds() -> None:
    """Nobody frees anything: the entries that were kept for members that lag make room, and writes go on."""
    loop = VirtualLoop()
    disk = MemoryDisk()

    async def story() -> None:
        member = Member(simulated_environment(loop, disk, seed=1), CONFIGURATION)
        await member.start()
        disk.reserve(disk.free_bytes("/data") - 5 * CONFIGURATION.segment_bytes)
        written: list[bytes] = []
        caught = await fill(member, written)
        await asyncio.sleep(6)
        await put(member, b"resumed")
        assert await read_all(member) == [*written, caught, b"resumed"]
        await member.stop()
        again = Member(simulated_environment(loop, disk, seed=2), CONFIGURATION)
        await again.start()
        assert await read_all(again) == [*written, caught, b"resumed"]
        await again.stop()

    try:
        loop.run_until_complete(story())
    finally:
        loop.close()


def test_a_member_with_a_full_disk_stops_cleanly_and_loses_nothing() -> None:
    loop = VirtualLoop()
    disk = MemoryDisk()

    async def story() -> None:
        member = Member(simulated_environment(loop, disk, seed=1), CONFIGURATION)
        await member.start()
        taken = disk.free_bytes("/data")
        disk.reserve(taken)
        written: list[bytes] = []
        caught = await fill(member, written)
        await member.stop()
        disk.reserve(-taken)
        again = Member(simulated_environment(loop, disk, seed=2), CONFIGURATION)
        await again.start()
        assert await read_all(again) in (written, [*written, caught])
        await again.stop()

    try:
        loop.run_until_complete(story())
    finally:
        loop.close()


def test_before_the_disk_is_full_growth_ends_and_room_can_be_made() -> None:
    """What is kept back is for deletes and compactions; the alarm is raised, and cleared when there is room."""
    loop = VirtualLoop()
    disk = MemoryDisk()

    async def story() -> None:
        member = Member(simulated_environment(loop, disk, seed=1), CONFIGURATION)
        await member.start()
        await put(member, b"first")
        taken = disk.free_bytes("/data") - CONFIGURATION.segment_bytes
        disk.reserve(taken)
        await asyncio.sleep(1)
        with pytest.raises(NoSpace, match=r"nearly full|database space exceeded"):
            await put(member, b"refused")
        assert [name for _, name in member.status().alarms] == ["NOSPACE"]
        assert len(member.machine.alarms) == 1
        for _ in range(1000):
            _, stamp = await member.engine.ask(DeleteRange(b"first"), Context())
        await member.engine.ask(Compact(stamp.revision, physical=True), Context())
        disk.reserve(-taken)
        await asyncio.sleep(2)
        assert member.machine.alarms == {}
        await put(member, b"resumed")
        await member.stop()

    try:
        loop.run_until_complete(story())
    finally:
        loop.close()
