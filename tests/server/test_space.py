# SPDX-License-Identifier: Apache-2.0
"""A member that was full has room again after deletes and a compaction, and gives it back: on a real file, in virtual
time, with no restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from tricord.base.alarms import AlarmChange, AlarmKind
from tricord.base.context import Context
from tricord.base.errors import NoSpace
from tricord.base.operations import Compact, DeleteRange, Put, Range, RangeResult
from tricord.runtime.disk import RealDisk
from tricord.server.configuration import Configuration
from tricord.server.member import Member
from tricord.server.rebuilding import JITTER_SECONDS, LOOK_SECONDS
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop

QUOTA_BYTES = 24 << 20
VALUE = bytes(200_000)


async def fill(member: Member) -> int:
    """Write until the member says that it is full: how many writes it took."""
    for number in range(1000):
        try:
            await member.engine.ask(Put(b"%04d" % number, VALUE), Context())
        except NoSpace:
            return number
        await asyncio.sleep(0.01)
    raise AssertionError("it never was full")


async def story(member: Member) -> None:
    await member.start()
    written = await fill(member)
    assert (written - 1) * len(VALUE) < QUOTA_BYTES
    await asyncio.sleep(1)
    assert member.machine.alarms == {(member.identity.member, AlarmKind.NOSPACE): True}
    largest = member.status().size_bytes
    assert largest > 16 << 20
    with pytest.raises(NoSpace):
        await member.engine.ask(Put(b"refused", b""), Context())
    await member.engine.ask(DeleteRange(b"0005", b"\0"), Context())
    _, stamp = await member.engine.ask(Range(b"0"), Context())
    await member.engine.ask(Compact(stamp.revision, physical=True), Context())
    await asyncio.sleep(1)
    status = member.status()
    assert not member.machine.alarms
    assert status.used_bytes < largest // 4
    assert status.size_bytes >= largest, "it has room inside its file"
    await member.engine.ask(Put(b"again", b"1"), Context())
    await asyncio.sleep(LOOK_SECONDS + JITTER_SECONDS + 1)
    assert member.rebuilding.done == 1
    status = member.status()
    assert status.size_bytes < largest // 4
    read, _ = await member.engine.ask(Range(b"\0", b"\0", keys_only=True), Context())
    assert isinstance(read, RangeResult)
    assert [kv.key for kv in read.kvs] == [b"0000", b"0001", b"0002", b"0003", b"0004", b"again"]
    # Five keys are written anew, and their former versions take room.
    assert abs(await fill(member) - (written - 5)) <= 1, "as much fits as before"
    await member.stop()


async def in_a_hurry(member: Member) -> None:
    """As etcd's guide to maintenance has it: compact, defragment, disarm, write; nothing in between."""
    await member.start()
    page = bytes(4096)
    with pytest.raises(NoSpace):
        for _ in range(40):
            await member.engine.ask(Put(b"filling", page), Context())
            await asyncio.sleep(0.5)
    await asyncio.sleep(1)
    assert member.machine.alarms
    _, stamp = await member.engine.ask(Range(b"0"), Context())
    used = member.status().used_bytes
    await member.engine.ask(Compact(stamp.revision, physical=True), Context())
    assert member.status().used_bytes < used
    size = member.status().size_bytes
    await member.defragment()
    assert member.status().size_bytes < size
    disarm = AlarmChange(member.identity.member, AlarmKind.NOSPACE, False, automatic=False)
    await member.engine.ask(disarm, Context())
    await member.engine.ask(Put(b"again", bytes(64)), Context())
    await member.stop()


@pytest.mark.parametrize(
    ("play", "quota"),
    [(story, QUOTA_BYTES), (in_a_hurry, 13 * 4096)],
    ids=["by itself", "as etcd's own suite asks with thirteen pages"],
)
def test_a_full_member_serves_again_and_its_file_shrinks(
    tmp_path: Path, play: Callable[[Member], Coroutine[None, None, None]], quota: int
) -> None:
    loop = VirtualLoop()
    configuration = Configuration(data_dir=f"{tmp_path}/data", quota_bytes=quota, segment_bytes=8 << 20)
    try:
        member = Member(simulated_environment(loop, RealDisk(), seed=1), configuration)
        loop.run_until_complete(play(member))
        assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
            "LOCK",
            "backend",
            "identity",
            "snapshots",
            "wal",
        ]
    finally:
        loop.close()
