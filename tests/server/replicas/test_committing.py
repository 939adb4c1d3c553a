# SPDX-License-Identifier: Apache-2.0
"""The committer: groups, marks, full and failing disks, and what a crash between commits loses."""

from __future__ import annotations

import errno
from collections.abc import Callable, Coroutine

import pytest

from tricord.base.errors import DiskFault, KeyspaceNotFound, NoSpace, Stopping, TooManyRequests, TricordError
from tricord.base.ordered import Table
from tricord.server.replicas.committing import (
    GATHERED_BYTES_MAX,
    PATIENT_SECONDS,
    RETRY_SECONDS,
    TABLES_SECONDS,
    Committer,
    Ready,
)
from tricord.sim.environment import LANE_SECONDS, simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk, PowerLost
from tricord.storage.replica_log import SEGMENT_BYTES
from tricord.storage.replica_storage import ReplicaStorage, open_replica_storage

MAP_SIZE = 256 << 20


class World:
    """A committer in simulated time, over a disk that a test can break."""

    def __init__(self, disk: MemoryDisk, *, map_size: int = MAP_SIZE, quota: int = MAP_SIZE) -> None:
        self.disk = disk
        self.told: list[int] = []
        self.broken: list[BaseException] = []
        self.answers: list[TricordError | None] = []
        self.storage: ReplicaStorage = open_replica_storage(disk, "data", 7, 1, map_size=map_size)
        self.loop = VirtualLoop()
        self.committer = Committer(
            simulated_environment(self.loop, disk, seed=1),
            self.storage,
            committed=self.told.append,
            fail=self.broken.append,
            quota_bytes=quota,
        )

    def write(self, key: bytes, value: bytes = b"") -> int:
        self.storage.overlay.write([(Table.CELLS, key, value)])
        return self.committer.wrote()

    def fail_next(self, *codes: int) -> None:
        """The next calls of the disk."""
        self.disk.fail_at |= dict(enumerate(codes, self.disk.calls + 1))

    async def pass_time(self, seconds: float) -> None:
        reached = self.loop.create_future()
        self.loop.call_later(seconds, reached.set_result, None)
        await reached


def play(story: Callable[[World], Coroutine[None, None, None]], world: World | None = None) -> World:
    world = world or World(MemoryDisk())
    try:
        world.loop.run_until_complete(story(world))
    finally:
        world.loop.close()
    return world


def kept(disk: MemoryDisk) -> set[bytes]:
    """The keys in the tables, as a start finds them."""
    storage = open_replica_storage(disk, "data", 7, 1, map_size=MAP_SIZE)
    found = {key for key, _ in storage.overlay.scan(Table.CELLS, b"", None)}
    storage.close()
    return found


def test_what_gathers_goes_in_one_commit() -> None:
    async def story(world: World) -> None:
        for key in (b"a", b"b"):
            world.write(key)
        await world.pass_time(LANE_SECONDS / 2)
        assert world.told == []
        last = [world.write(key) for key in (b"c", b"d", b"e")][-1]
        world.committer.when_durable(last, world.answers.append)
        await world.pass_time(LANE_SECONDS)
        assert (world.told, world.answers) == ([2], [])
        await world.pass_time(LANE_SECONDS)

    world = play(story)
    assert (world.told, world.answers, world.committer.durable) == ([2, 5], [None], 5)
    assert kept(world.disk) == {b"a", b"b", b"c", b"d", b"e"}


def test_who_asks_for_what_is_durable_is_told_at_once() -> None:
    async def story(world: World) -> None:
        mark = world.write(b"a")
        await world.pass_time(1)
        world.committer.when_durable(mark, world.answers.append)

    assert play(story).answers == [None]


def test_one_that_fails_when_it_is_told_holds_up_nobody() -> None:
    async def story(world: World) -> None:
        failed: list[BaseException] = []
        world.loop.set_exception_handler(lambda _, told: failed.append(told["exception"]))

        def fails(error: TricordError | None) -> None:
            raise KeyError("a bug")

        mark = world.write(b"a")
        world.committer.when_durable(mark, fails)
        world.committer.when_durable(mark, world.answers.append)
        await world.pass_time(1)
        world.committer.when_durable(world.write(b"b"), world.answers.append)
        await world.pass_time(1)
        assert (world.answers, [type(error) for error in failed]) == ([None, None], [KeyError])

    assert kept(play(story).disk) == {b"a", b"b"}


def test_a_full_disk_is_waited_out() -> None:
    async def story(world: World) -> None:
        # The log needs a segment more: neither that nor the removal of what there is of it succeeds, twice.
        world.fail_next(*[errno.ENOSPC] * 4)
        mark = world.write(b"a", bytes(SEGMENT_BYTES))
        world.committer.when_durable(mark, world.answers.append)
        await world.pass_time(RETRY_SECONDS / 2)
        with pytest.raises(NoSpace):
            world.committer.check_room()
        world.write(b"b")
        await world.pass_time(RETRY_SECONDS)
        assert world.told == []
        await world.pass_time(RETRY_SECONDS)
        assert (world.told, world.answers) == ([2], [None])
        world.committer.check_room()

    world = play(story)
    assert world.broken == []
    assert kept(world.disk) == {b"a", b"b"}


def test_tables_without_room_lose_nothing_and_what_comes_later_may_make_room() -> None:
    async def story(world: World) -> None:
        mark = world.write(b"large", bytes(2000))
        await world.pass_time(2 * TABLES_SECONDS)
        assert world.committer.durable == mark, "the log has it"
        assert world.committer.disk_full
        world.write(b"large", b"small")
        await world.pass_time(RETRY_SECONDS * 2)
        assert not world.committer.disk_full

    assert kept(play(story, World(MemoryDisk(), map_size=1000)).disk) == {b"large"}


def test_the_quota_and_a_slow_disk_refuse_growth() -> None:
    async def story(world: World) -> None:
        world.write(b"large", bytes(2000))
        assert isinstance(world.committer.refusal(), NoSpace)
        await world.pass_time(1)
        assert isinstance(world.committer.refusal(), NoSpace)

    play(story, World(MemoryDisk(), quota=1000))

    async def slow(world: World) -> None:
        world.write(b"large", bytes(GATHERED_BYTES_MAX))
        assert isinstance(world.committer.refusal(), TooManyRequests)
        await world.pass_time(1)
        assert world.committer.refusal() is None

    play(slow)


def test_a_failing_disk_ends_it() -> None:
    async def story(world: World) -> None:
        world.fail_next(errno.EIO)
        world.committer.when_durable(world.write(b"a"), world.answers.append)
        await world.pass_time(1)
        world.committer.when_durable(world.write(b"b"), world.answers.append)
        await world.pass_time(1)
        await world.committer.close()

    world = play(story)
    assert [type(error) for error in world.broken] == [DiskFault]
    assert [type(answer) for answer in world.answers] == [Stopping, Stopping]
    assert (world.told, kept(world.disk)) == ([], set())


def test_a_clean_stop_commits_what_there_is() -> None:
    async def story(world: World) -> None:
        world.write(b"a")
        await world.pass_time(LANE_SECONDS / 2)
        world.committer.when_durable(world.write(b"b"), world.answers.append)
        await world.committer.close()

    world = play(story)
    assert (world.told, world.answers) == ([2], [None])
    assert kept(world.disk) == {b"a", b"b"}


def test_what_is_dropped_is_not_committed() -> None:
    async def story(world: World) -> None:
        world.committer.when_durable(world.write(b"a"), world.answers.append)
        await world.committer.close(KeyspaceNotFound("dropped"))

    world = play(story)
    assert [type(answer) for answer in world.answers] == [KeyspaceNotFound]
    assert (world.told, kept(world.disk)) == ([], set())


def test_a_stop_on_a_full_disk_loses_only_what_was_not_acknowledged() -> None:
    async def story(world: World) -> None:
        world.write(b"a")
        await world.pass_time(1)
        world.fail_next(*[errno.ENOSPC] * 4)
        world.write(b"b", bytes(SEGMENT_BYTES))
        await world.pass_time(RETRY_SECONDS / 2)
        await world.committer.close()

    world = play(story)
    assert (world.told, kept(world.disk)) == ([1], {b"a"})


def test_a_power_cut_at_any_call_loses_only_what_was_not_acknowledged() -> None:
    cuts = 0
    for call in range(1, 100):
        disk = MemoryDisk(seed=call)
        disk.cut_at = call
        acknowledged: set[bytes] = set()
        written: list[bytes] = []

        def answer(key: bytes, acknowledged: set[bytes] = acknowledged) -> Ready:
            return lambda error: None if error else acknowledged.add(key)

        async def story(
            world: World, written: list[bytes] = written, answer: Callable[[bytes], Ready] = answer
        ) -> None:
            for number in range(8):
                written.append(b"key %d" % number)
                world.committer.when_durable(world.write(written[-1]), answer(written[-1]))
                await world.pass_time(LANE_SECONDS * 0.7)
            await world.committer.close()

        try:
            play(story, World(disk))
        except PowerLost:
            cuts += 1
        if disk.calls < call:
            break  # it was over before
        disk.power_cut()
        found = kept(disk)
        assert acknowledged <= found
        assert found == set(written[: len(found)]), "a commit holds one moment"
    assert cuts > 5


def test_the_log_keeps_what_a_start_found_in_it_until_the_tables_have_it() -> None:
    disk = MemoryDisk()
    for key in (b"a", b"b", b"c"):

        async def story(world: World, key: bytes = key) -> None:
            world.committer.when_durable(world.write(key, bytes(SEGMENT_BYTES)), world.answers.append)
            await world.pass_time(TABLES_SECONDS / 2)
            world.committer.abandon()

        assert play(story, World(disk)).answers == [None]
        disk.power_cut()
    assert kept(disk) == {b"a", b"b", b"c"}


def test_what_nobody_waits_for_waits_a_little_and_goes_with_what_is_urgent() -> None:
    async def story(world: World) -> None:
        world.storage.overlay.write([(Table.CELLS, b"a", b"")])
        mark = world.committer.wrote(urgent=False)
        await world.pass_time(PATIENT_SECONDS / 2)
        assert world.told == []
        await world.pass_time(PATIENT_SECONDS)
        assert world.told == [mark]
        world.storage.overlay.write([(Table.CELLS, b"b", b"")])
        world.committer.wrote(urgent=False)
        last = world.write(b"c")
        await world.pass_time(LANE_SECONDS * 2)
        assert world.told == [mark, last]
        world.storage.overlay.write([(Table.CELLS, b"d", b"")])
        world.committer.when_durable(world.committer.wrote(urgent=False), world.answers.append)
        await world.pass_time(LANE_SECONDS * 2)
        assert world.answers == [None]

    assert kept(play(story).disk) == {b"a", b"b", b"c", b"d"}
