# SPDX-License-Identifier: Apache-2.0
"""Locks, in virtual time: one holder, in order of coming, told in time; answers lost, and pauses, at every point."""

from __future__ import annotations

import asyncio

import pytest

from tests.client.faulty_caller import EmbeddedWorld, embedded, nth
from tests.client.test_leases import leases_of
from tricord.base import errors
from tricord.base.errors import GuardFailed, LockLost, Unavailable
from tricord.base.leases import LeaseGrant, LeaseKeepAlive, LeaseRevoke
from tricord.base.operations import Put, Range, Txn
from tricord.client.asynchronous import AsyncClient


async def queue(store: AsyncClient, name: str = "n") -> int:
    """How many hold the lock or wait for it."""
    return await store.count(f"{name}/")


def test_a_lock_is_a_key_of_its_lease() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        lock = store.lock("n", ttl=5)
        assert not lock.held and not lock.lost and lock.remaining == 0
        with pytest.raises(LockLost, match="not held"):
            lock.check()
        async with lock:
            (found,) = await store.prefix("n/")
            assert found.key == b"n/%x" % found.lease
            assert (lock.token.key, lock.token.revision) == (found.key, found.create_revision)
            assert lock.held and 0 < lock.remaining <= 5
            with pytest.raises(RuntimeError, match="not reentrant"):
                await lock.acquire()
            await store.put("data", "v", guarded_by=lock)
        assert await queue(store) == 0 and await leases_of(store) == []
        with pytest.raises(LockLost):
            await store.put("data", "w", guarded_by=lock)
        with pytest.raises(LockLost):
            await lock.release()
        assert await lock.acquire()
        await lock.release()

    embedded(story)


def test_one_at_a_time_in_order_of_coming() -> None:
    async def story(world: EmbeddedWorld) -> None:
        order: list[int] = []
        inside: list[int] = []
        tokens: list[int] = []

        async def worker(number: int) -> None:
            async with world.client().lock("n") as lock:
                assert not inside
                inside.append(number)
                order.append(number)
                tokens.append(lock.token.revision)
                await asyncio.sleep(1)
                inside.remove(number)

        workers = []
        for number in range(10):
            workers.append(asyncio.ensure_future(worker(number)))
            await asyncio.sleep(0.01)
        await asyncio.gather(*workers)
        assert order == list(range(10))
        assert tokens == sorted(tokens)
        assert sum(len(caller.feeds) for caller in world.callers) == 9, "each watched the one before it"
        assert sum(caller.open_feeds for caller in world.callers) == 0

    embedded(story)


def test_one_that_gives_up_leaves_the_queue_and_those_behind_it_wait_on() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        first, second, third = (world.client().lock("n") for _ in range(3))
        await first.acquire()
        giving_up = asyncio.ensure_future(second.acquire(timeout=1))
        await asyncio.sleep(0.1)
        waiting = asyncio.ensure_future(third.acquire())
        assert await giving_up is False
        assert await queue(store) == 2
        assert not waiting.done()
        assert not await store.lock("n").try_acquire()
        with pytest.raises(errors.DeadlineExceeded, match=r"not acquired in 0.5 s"):
            async with store.lock("n", timeout=0.5):
                pass
        await first.release()
        assert await waiting
        await third.release()
        free = store.lock("n")
        assert await free.try_acquire()
        assert not await store.lock("n").acquire(timeout=0)
        await free.release()
        assert await free.acquire(timeout=0)
        await free.release()
        assert await leases_of(store) == []

    embedded(story)


def test_the_block_is_cancelled_before_the_lease_ends() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        with pytest.raises(LockLost, match="could not be renewed") as lost:
            async with store.lock("n", ttl=5) as lock:
                await other.put("k", "v", guarded_by=lock)
                token = lock.token
                world.callers[0].before = lambda request: Unavailable()
                try:
                    await asyncio.sleep(60)
                finally:
                    assert lock.lost
                    await other.put("k", "still", guarded_by=token)
        assert isinstance(lost.value.__cause__, asyncio.CancelledError)
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0
        await asyncio.sleep(7)
        assert await queue(other) == 0
        with pytest.raises(GuardFailed):
            await other.put("k", "late", guarded_by=token)

    embedded(story)


@pytest.mark.parametrize("waits", [True, False])
def test_a_holder_that_was_paused_is_refused_and_told(waits: bool) -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        with pytest.raises(LockLost):
            async with store.lock("n", ttl=3) as lock:
                token = lock.token
                world.pause(9)
                with pytest.raises(LockLost):
                    await store.put("k", "v", guarded_by=lock)
                if waits:
                    await asyncio.sleep(60)
        async with other.lock("n"):
            with pytest.raises(GuardFailed):
                await store.put("k", "v", guarded_by=token)
        assert "k" not in [kv.key.decode() async for kv in other.scan()]

    embedded(story)


def test_an_error_and_a_cancellation_of_the_block_pass_as_they_are() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        with pytest.raises(KeyError):
            async with store.lock("n", ttl=3):
                world.pause(9)
                raise KeyError("the block's own")
        with pytest.raises(KeyError):
            async with store.lock("n", ttl=3):
                world.pause(9)
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    raise KeyError("the block's own, instead of the cancellation") from None
        entered = asyncio.Event()

        async def block(pause: float) -> None:
            async with store.lock("n", ttl=3):
                entered.set()
                world.pause(pause)
                await asyncio.sleep(60)

        for pause in (0, 9):
            entered.clear()
            task = asyncio.ensure_future(block(pause))
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await queue(store) == 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), store.lock("n"):
                await asyncio.sleep(60)
        assert await leases_of(store) == []

    embedded(story)


def test_a_block_that_gave_the_lock_back_is_not_cancelled() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        async with store.lease(3) as lease:
            async with store.lock("n", lease=lease) as lock:
                await lock.release()
                world.pause(9)
                await asyncio.sleep(0.1)
            assert lease.lost
            await lease.revoke()

    with pytest.raises(errors.LeaseLost):
        embedded(story)


def test_who_waits_is_told_when_its_lease_is_lost() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        async with other.lock("n"):
            waiting = asyncio.ensure_future(store.lock("n", ttl=3).acquire())
            await asyncio.sleep(0.1)
            world.callers[0].before = lambda request: Unavailable() if isinstance(request, LeaseKeepAlive) else None
            with pytest.raises(LockLost):
                await waiting
            assert await queue(other) == 1

    embedded(story)


def test_a_lock_whose_key_was_deleted_by_others() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        async with other.lock("n") as holder:
            waiting = asyncio.ensure_future(store.lock("n").acquire())
            await asyncio.sleep(0.1)
            await other.delete(next(kv.key for kv in await other.prefix("n/") if kv.key != holder.token.key))
        with pytest.raises(LockLost, match="deleted by somebody else"):
            await waiting
        async with store.lock("n") as broken:
            await other.delete_prefix("n/")
            with pytest.raises(GuardFailed):
                await store.put("k", "v", guarded_by=broken)

    embedded(story)


def test_locks_may_share_a_lease() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        async with store.lease(5) as lease:
            async with store.lock("one", lease=lease) as one, store.lock("two", lease=lease) as two:
                assert one.token.key.partition(b"/")[2] == two.token.key.partition(b"/")[2]
                with pytest.raises(errors.InvalidRequest, match="this lease"):
                    await store.lock("one", lease=lease).acquire()
                assert await queue(store, "one") == 1
            assert await queue(store, "one") + await queue(store, "two") == 0
            async with store.lock("one", lease=lease):
                pass
            assert await leases_of(store) == [lease.id]

    embedded(story)


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("held_by_other", [True, False])
def test_answers_lost_at_any_point_leave_one_holder_and_no_ghost(done: bool, held_by_other: bool) -> None:
    writes = (LeaseGrant, Txn, LeaseRevoke, Put)

    async def one(world: EmbeddedWorld, number: int) -> None:
        other, store = world.client(), world.client()
        caller = world.callers[-1]
        first = other.lock("n")
        if held_by_other:
            await first.acquire()
        if done:
            caller.after = nth(number, writes)
        else:
            caller.before = nth(number, writes)
        lock = store.lock("n")
        acquiring = asyncio.ensure_future(lock.acquire())
        if held_by_other:
            await asyncio.sleep(2)
            assert not acquiring.done()
            await first.release()
        try:
            assert await acquiring
        except errors.OutcomeUnknown:
            pass
        else:
            assert await queue(other) == 1
            assert not await other.lock("n").try_acquire()
            await other.put("k", "v", guarded_by=lock.token)
            await lock.release()
        await store.close()
        assert await queue(other) == 0
        assert await leases_of(other) == []

    async def story(world: EmbeddedWorld) -> None:
        for number in range(6):
            await one(world, number)

    embedded(story)


@pytest.mark.parametrize("done", [True, False])
def test_trying_with_lost_answers(done: bool) -> None:
    async def story(world: EmbeddedWorld) -> None:
        for number in range(4):
            store = world.client()
            fault = nth(number, (LeaseGrant, Txn, LeaseRevoke))
            if done:
                world.callers[-1].after = fault
            else:
                world.callers[-1].before = fault
            lock = store.lock("n")
            assert await lock.try_acquire()
            await lock.release()
            await store.close()
            assert await leases_of(world.client()) == []

    embedded(story)


def test_cancelled_at_any_point_nothing_is_left() -> None:
    async def cancelled_after(world: EmbeddedWorld, steps: int, held: bool) -> None:
        other, store = world.client(), world.client()
        first = other.lock("n")
        if held:
            await first.acquire()

        async def hold() -> None:
            async with store.lock("n"):
                await asyncio.sleep(0.002)

        task = asyncio.ensure_future(hold())
        for _ in range(steps):
            await asyncio.sleep(0.0001)
        task.cancel()
        await asyncio.wait((task,))
        await store.close()
        assert store._recipes.under_way == 0
        assert await queue(other) == held
        if held:
            await first.release()
        assert await leases_of(other) == []

    async def story(world: EmbeddedWorld) -> None:
        for held in (True, False):
            for steps in range(0, 40, 2):
                await cancelled_after(world, steps, held)
        assert sum(caller.open_feeds for caller in world.callers) == 0

    embedded(story)


def test_a_store_that_cannot_be_reached_for_a_while_ends_no_wait() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        first = other.lock("n")
        await first.acquire()
        waiting = asyncio.ensure_future(store.lock("n", ttl=10).acquire())
        await asyncio.sleep(0.1)
        caller = world.callers[0]
        caller.feed_faults = 3
        caller.before = lambda request: None if isinstance(request, LeaseKeepAlive | Range) else Unavailable()
        await first.release()
        await asyncio.sleep(4)
        assert not waiting.done()
        caller.before = lambda request: None
        assert await waiting
        await store.close()

    embedded(story)


def test_data_in_the_queue_is_said_and_not_waited_for() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        async with store.lock("n"):
            await store.put("n/data", "v")
            assert await queue(store) == 2
        for attempt in (store.lock("n").acquire, store.lock("n").try_acquire, store.election("n").leader):
            with pytest.raises(errors.InvalidRequest, match="keep data out of 'n/'"):
                await attempt()
        async with store.election("n").observe() as leaders:
            with pytest.raises(errors.InvalidRequest):
                await leaders.take(1)
        assert await queue(store) == 1 and await leases_of(store) == []

    embedded(story)
