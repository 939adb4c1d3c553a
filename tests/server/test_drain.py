# SPDX-License-Identifier: Apache-2.0
"""The drain: effects reach the backend behind the replies, in order, and wait out a full disk."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Coroutine, Iterator

import pytest

from tricord.base.ordered import BackendView, Table, Write
from tricord.server.drain import BATCH_BYTES, Drain
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk


class Overlay:
    """As much of an overlay as the drain needs."""

    def __init__(self) -> None:
        self.active: list[Write] = []
        self.taken: list[Write] = []
        self.active_bytes = 0

    def write(self, key: bytes, value: bytes) -> None:
        self.active.append((Table.HEAD, key, value))
        self.active_bytes += len(key) + len(value)

    def take(self) -> list[Write]:
        self.taken, self.active, self.active_bytes = self.taken + self.active, [], 0
        return self.taken

    def drained(self) -> None:
        self.taken = []


class Backend:
    """Keeps what is committed; fails as often as it is told."""

    def __init__(self) -> None:
        self.committed: list[Write] = []
        self.log: list[str] = []
        self.failures: list[OSError] = []

    def commit(self, writes: Collection[Write]) -> None:
        if self.failures:
            self.log.append("failed")
            raise self.failures.pop(0)
        self.committed += writes
        self.log.append(f"commit {len(writes)}")

    def seal(self) -> None:
        self.log.append("seal")

    def sums(self) -> Iterator[tuple[str, int, int]]:
        raise AssertionError("the drain compares nothing")

    def view(self) -> BackendView:
        raise AssertionError("the drain reads nothing")

    def size_bytes(self) -> int:
        return 0

    def used_bytes(self) -> int:
        return 0

    def retire(self) -> None:
        return

    def close(self) -> None:
        return


class World:
    """A drain in simulated time."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.overlay = Overlay()
        self.backend = Backend()
        self.broken: list[BaseException] = []
        environment = simulated_environment(self.loop, MemoryDisk(), seed=1)
        self.drain = Drain(environment, self.overlay, self.backend, lambda: 7, lambda seconds: None, self.broken.append)

    async def pass_time(self, seconds: float) -> None:
        reached = self.loop.create_future()
        self.loop.call_later(seconds, reached.set_result, None)
        await reached


def play(story: Callable[[World], Coroutine[None, None, None]]) -> World:
    world = World()
    try:
        world.loop.run_until_complete(story(world))
    finally:
        world.loop.close()
    return world


def test_a_small_write_is_committed_after_a_pause_and_sealed_when_idle() -> None:
    async def story(world: World) -> None:
        world.overlay.write(b"a", b"1")
        world.drain.wrote()
        await world.pass_time(0.24)
        assert world.backend.log == []
        await world.pass_time(0.02)
        assert world.backend.log == ["commit 1"]
        await world.pass_time(0.15)

    assert play(story).backend.log == ["commit 1", "seal"]


def test_a_large_batch_does_not_wait_for_the_pause() -> None:
    async def story(world: World) -> None:
        world.overlay.write(b"a", bytes(BATCH_BYTES))
        world.drain.wrote()
        await world.pass_time(0.01)

    assert play(story).backend.log == ["commit 1"]


def test_what_comes_during_a_commit_goes_with_the_next_one() -> None:
    async def story(world: World) -> None:
        world.overlay.write(b"a", bytes(BATCH_BYTES))
        world.drain.wrote()
        world.overlay.write(b"b", b"2")
        world.overlay.write(b"c", b"3")
        world.drain.wrote()
        await world.pass_time(0.3)

    world = play(story)
    assert world.backend.log == ["commit 1", "commit 2"]
    assert [key for _, key, _ in world.backend.committed] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_the_batch_and_tries_again(number: int) -> None:
    async def story(world: World) -> None:
        world.backend.failures = [OSError(number, "full"), OSError(number, "full")]
        world.overlay.write(b"a", b"1")
        world.drain.wrote()
        await world.pass_time(0.5)
        assert world.drain.disk_full
        await world.pass_time(2)
        assert not world.drain.disk_full

    world = play(story)
    assert world.backend.log == ["failed", "failed", "commit 1", "seal"]
    assert world.broken == []


def test_a_failing_disk_stops_the_member() -> None:
    async def story(world: World) -> None:
        world.backend.failures = [OSError(errno.EIO, "input/output error")]
        world.overlay.write(b"a", b"1")
        world.drain.wrote()
        await world.pass_time(1)

    world = play(story)
    assert [type(error) for error in world.broken] == [OSError]
    assert world.backend.log == ["failed"]


def test_a_clean_stop_commits_what_is_left_and_seals() -> None:
    async def story(world: World) -> None:
        world.overlay.write(b"a", bytes(BATCH_BYTES))
        world.drain.wrote()
        world.overlay.write(b"b", b"2")
        await world.drain.close()
        await world.drain.flush()

    assert play(story).backend.log == ["commit 1", "commit 1", "seal"]


def test_a_batch_is_tried_again_with_what_was_written_since() -> None:
    """In order: else old values would come over new ones. What is newer may be what makes room."""

    async def story(world: World) -> None:
        world.backend.failures = [OSError(errno.ENOSPC, "full")]
        world.overlay.write(b"a", b"old")
        world.drain.wrote()
        await world.pass_time(0.3)
        world.overlay.write(b"a", b"new")
        world.drain.wrote()
        await world.pass_time(2)

    world = play(story)
    assert world.backend.log == ["failed", "commit 2", "seal"]
    assert [value for _, _, value in world.backend.committed] == [b"old", b"new"]


@pytest.mark.parametrize("size", [1, BATCH_BYTES])
def test_a_paused_drain_touches_the_old_backend_no_more_and_goes_on_with_the_new_one(size: int) -> None:
    async def story(world: World) -> None:
        world.overlay.write(b"a", bytes(size))
        world.drain.wrote()
        await world.drain.pause()
        assert not world.drain._committing
        before = list(world.backend.log)
        world.overlay.write(b"b", bytes(BATCH_BYTES))
        world.drain.wrote()
        await world.pass_time(2)
        assert world.backend.log == before, "no commit, no seal"
        # the overlay forgets what it held when it gets the new backend
        world.overlay = world.drain._overlay = Overlay()
        new = Backend()
        world.drain.resume(new)
        world.overlay.write(b"c", b"3")
        world.drain.wrote()
        await world.pass_time(1)
        assert new.log == ["commit 1", "seal"]
        assert world.backend.log == before

    play(story)


def test_a_pause_ends_the_waiting_for_room() -> None:
    async def story(world: World) -> None:
        world.backend.failures = [OSError(errno.ENOSPC, "full")] * 5
        world.overlay.write(b"a", b"1")
        world.drain.wrote()
        await world.pass_time(0.3)
        await world.drain.pause()
        await world.pass_time(3)
        new = Backend()
        world.drain.resume(new)
        assert not world.drain.disk_full

    assert play(story).backend.log == ["failed"]


def test_who_waits_for_an_index_is_told_when_the_backend_holds_it() -> None:
    async def story(world: World) -> None:
        applied = 7
        world.drain._applied_index = lambda: applied
        await world.drain.until_durable(7)
        applied = 9
        world.overlay.write(b"a", b"1")
        started = world.loop.time()
        await world.drain.until_durable(9)
        assert world.drain.durable_index == 9
        assert 0 < world.loop.time() - started < 0.5
        closing = world.loop.create_task(world.drain.until_durable(10))
        await world.pass_time(1)
        assert not closing.done()
        await world.drain.close()
        await closing

    play(story)


def test_who_asks_for_it_has_all_that_was_written_committed_without_a_pause() -> None:
    async def story(world: World) -> None:
        told: list[str] = []
        world.drain.commit_now(lambda: told.append("nothing to do"))
        assert told == ["nothing to do"]
        world.overlay.write(b"a", b"1")
        world.drain.commit_now(lambda: told.append("a"))
        world.overlay.write(b"b", b"2")
        world.drain.commit_now(lambda: told.append("a and b"))
        world.overlay.write(b"c", b"3")
        started = world.loop.time()
        reached = world.loop.create_future()
        world.drain.commit_now(lambda: reached.set_result(None))
        assert told == ["nothing to do"]
        await reached
        assert told == ["nothing to do", "a", "a and b"]
        assert world.backend.log == ["commit 1", "commit 2"], "one for who came first, one for all who came meanwhile"
        assert world.loop.time() - started < 0.1

    play(story)


def test_who_asks_is_told_also_where_it_will_not_be_committed_soon() -> None:
    async def story(world: World) -> None:
        told: list[str] = []
        world.backend.failures = [OSError(errno.ENOSPC, "full")] * 2
        world.overlay.write(b"a", b"1")
        world.drain.commit_now(lambda: told.append("under way when the disk was full"))
        world.drain.commit_now(lambda: told.append("behind it"))
        await world.pass_time(0.1)
        assert told == ["under way when the disk was full", "behind it"]
        world.drain.commit_now(lambda: told.append("full"))
        await world.pass_time(2)
        world.overlay.write(b"b", b"2")
        world.drain.commit_now(lambda: told.append("before a pause"))
        pausing = world.loop.create_task(world.drain.pause())
        await world.pass_time(0)
        world.drain.commit_now(lambda: told.append("while it is paused"))
        await pausing
        world.drain.abandon()
        world.drain.commit_now(lambda: told.append("closed"))
        assert told[2:] == ["full", "before a pause", "while it is paused", "closed"]

    play(story)
