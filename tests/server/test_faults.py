# SPDX-License-Identifier: Apache-2.0
"""`--unsafe-faults`: a member's disk is slow or fails as the file says, from its first call on and while it runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.environment import Environment
from tricord.base.errors import DiskFault, NoSpace, OutcomeUnknown
from tricord.base.operations import Put, Range, RangeResult
from tricord.server.configuration import Configuration
from tricord.server.faults import READ_SECONDS, with_faulty_disk
from tricord.server.member import Member
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk

PATH = "/faults.json"
CONFIGURATION = Configuration(data_dir="/data", segment_bytes=256 << 10, max_request_bytes=64 << 10, unsafe_faults=PATH)


class Heard:
    """Keeps what a member says."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        pass

    def warning(self, event: str, **fields: Any) -> None:
        self.warnings.append((event, fields))


class World:
    """A disk in memory with a file of faults on it."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.disk = MemoryDisk()
        self.slept: list[float] = []
        self.heard = Heard()

    def say(self, *rules: dict[str, object]) -> None:
        self.write(json.dumps({"disk": rules}).encode())

    def write(self, text: bytes) -> None:
        file = self.disk.open(PATH, create=True)
        file.truncate(0)
        file.pwrite(text, 0)
        file.close()

    def environment(self) -> Environment:
        return with_faulty_disk(simulated_environment(self.loop, self.disk, seed=1), PATH, self.slept.append)

    async def started(self) -> Member:
        member = Member(self.environment(), CONFIGURATION, tells=self.heard)
        await member.start()
        return member

    def run(self, story: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            await story()

        self.loop.run_until_complete(whole())
        self.loop.close()


async def put(member: Member, key: bytes, size: int = 1) -> None:
    deadline = asyncio.get_running_loop().time() + 5  # the simulated clock is the loop's
    await member.engine.ask(Put(key, bytes(size)), Context(deadline=deadline))


async def fill(member: Member) -> bytes:
    """Write until the log finds no room: the key whose write was caught by it."""
    for number in range(100):
        try:
            await put(member, b"fill/%d" % number, 60_000)
        except OutcomeUnknown:
            return b"fill/%d" % number
    raise AssertionError("the log never filled")


async def keys(member: Member) -> list[bytes]:
    result, _ = await member.engine.ask(Range(b"\0", b"\0", keys_only=True), Context())
    assert isinstance(result, RangeResult)
    return [kv.key for kv in result.kvs]


async def obeyed() -> None:
    """Until the file has been read again."""
    await asyncio.sleep(2 * READ_SECONDS)  # simulated


def test_rules_hold_from_the_first_call_on_and_end_with_the_file() -> None:
    world = World()
    world.say({"operations": ["datasync"], "path": "/data/wal/*", "delay": 0.25})

    async def story() -> None:
        member = await world.started()
        assert world.slept and set(world.slept) == {0.25}
        world.disk.remove(PATH)
        await obeyed()
        world.slept.clear()
        await put(member, b"k")
        assert world.slept == []
        await member.stop()

    world.run(story)
    told = [event for event, _ in world.heard.warnings]
    assert told == ["UNSAFE: messages are dropped and the disk fails as a file says"] + 2 * [
        "the disk is slow or fails"
    ]


@pytest.mark.parametrize("operation", ["datasync", "pwrite"])
def test_a_log_that_fails_stops_the_member_and_nothing_acknowledged_is_lost(operation: str) -> None:
    world = World()
    world.say()

    async def story() -> None:
        member = await world.started()
        await put(member, b"before")
        await obeyed()  # and vouched for what was written
        world.say({"operations": [operation], "path": "/data/wal/*", "error": "EIO"})
        await obeyed()
        with pytest.raises(OutcomeUnknown):
            await put(member, b"never acknowledged")
        await member.until_failed()
        assert isinstance(member.failure, DiskFault)
        await member.stop()
        world.say()
        member = await world.started()
        assert b"before" in await keys(member)
        await put(member, b"after")
        await member.stop()

    world.run(story)


def test_a_log_without_room_takes_up_again_when_there_is_some() -> None:
    world = World()

    async def story() -> None:
        member = await world.started()
        await put(member, b"before")
        world.say({"operations": ["allocate"], "path": "/data/wal/*", "error": "ENOSPC"})
        await obeyed()
        caught = await fill(member)
        with pytest.raises(NoSpace):
            await put(member, b"refused")
        assert b"before" in await keys(member) and caught not in await keys(member)
        world.say()
        await obeyed()
        await asyncio.sleep(2)  # simulated: until the log tries again
        await put(member, b"after")
        found = await keys(member)
        assert {b"before", caught, b"after"} <= set(found) and b"refused" not in found
        await member.stop()

    world.run(story)


def test_a_file_that_cannot_be_read_changes_nothing_and_is_named() -> None:
    world = World()
    world.write(b"{")

    async def story() -> None:
        member = await world.started()
        world.say({"operations": ["list"], "delay": 1})
        await obeyed()
        world.say({"operations": ["fsync"]})
        await obeyed()
        member._environment.disk.list("/data")
        assert set(world.slept) == {1}
        await member.stop()

    world.run(story)
    reasons = [fields["reason"] for event, fields in world.heard.warnings if "cannot be read" in event]
    assert len(reasons) == 2 and "a disk has no operation 'fsync'" in reasons[1]
