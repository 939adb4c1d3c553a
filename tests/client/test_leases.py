# SPDX-License-Identifier: Apache-2.0
"""Leases that are kept, in virtual time: renewals, losses that are told before the end, answers that were lost."""

from __future__ import annotations

import asyncio

import pytest

from tests.client.faulty_caller import EmbeddedWorld, embedded, nth
from tricord.base import errors
from tricord.base.errors import LeaseLost, TricordError, Unavailable
from tricord.base.leases import LeaseGrant, LeaseKeepAlive, LeaseList, LeaseListResult, LeaseRevoke
from tricord.base.operations import Request
from tricord.client.asynchronous import AsyncClient
from tricord.client.leases import margin_of


async def leases_of(store: AsyncClient) -> list[int]:
    result, _ = await store.call(LeaseList())
    assert isinstance(result, LeaseListResult)
    return result.ids


def test_a_lease_lives_while_it_is_held_and_its_keys_with_it() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        async with store.lease(6) as lease:
            assert lease.ttl == 6
            await store.put("k", "v", lease=lease)
            await asyncio.sleep(30)
            found = await other.get("k")
            assert found is not None and found.lease == lease.id
            assert 3 < lease.remaining <= 6
            assert await leases_of(other) == [lease.id]
        assert await other.get("k") is None
        assert await leases_of(other) == []
        assert (lease.remaining, lease.lost) == (0.0, False)
        with pytest.raises(LeaseLost, match="was ended"):
            await store.put("k", "v", lease=lease)
        renewals = sum(isinstance(request, LeaseKeepAlive) for request in world.callers[0].asked)
        assert 14 <= renewals <= 19, "three in a time to live, with jitter"

    embedded(story)


def test_loss_is_told_before_the_lease_ends() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        told: list[tuple[float, LeaseLost]] = []
        lease = await store.lease(10, on_lost=lambda error: told.append((world.now(), error)))
        await store.put("k", "v", lease=lease)
        world.callers[0].before = lambda request: Unavailable("cut off")
        last_known = world.now() + lease.remaining
        assert isinstance(await lease.wait_lost(), LeaseLost)
        assert world.now() == pytest.approx(last_known - margin_of(10), abs=0.01)
        await asyncio.sleep(0)
        assert [at for at, _ in told] == [pytest.approx(world.now(), abs=0.01)]
        assert lease.lost and lease.remaining == 0
        assert await other.get("k") is not None, "it still lives"
        with pytest.raises(LeaseLost, match="could not be renewed in time"):
            lease.check()
        await asyncio.sleep(12)
        assert await other.get("k") is None
        await lease.revoke()

    embedded(story)


def test_a_paused_process_knows_at_once() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        told: list[LeaseLost] = []
        lease = await store.lease(5, on_lost=told.append)
        world.pause(15)
        assert lease.lost and lease.remaining == 0
        with pytest.raises(LeaseLost):
            await store.put("k", "v", lease=lease)
        await asyncio.sleep(0.1)
        assert len(told) == 1
        await lease.revoke()

    embedded(story)


def test_a_lease_that_somebody_else_ended_is_lost_at_the_next_renewal() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        with pytest.raises(LeaseLost, match="knows it no more"):
            async with store.lease(9) as lease:
                await other.call(LeaseRevoke(lease.id))
                await lease.wait_lost()
        with pytest.raises(KeyError):
            async with store.lease(9) as lease:
                await other.call(LeaseRevoke(lease.id))
                await lease.wait_lost()
                raise KeyError("the block's own error passes")

    embedded(story)


def test_renewals_that_fail_are_tried_again() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        failing = [True] * 8

        def often(request: Request) -> TricordError | None:
            return Unavailable() if isinstance(request, LeaseKeepAlive) and failing and failing.pop() else None

        world.callers[0].before = often
        async with store.lease(12) as lease:
            await asyncio.sleep(30)
            assert not lease.lost and not failing

    embedded(story)


@pytest.mark.parametrize("made", [True, False])
def test_a_grant_whose_answer_was_lost_is_one_lease(made: bool) -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        fault = nth(0, (LeaseGrant,))
        if made:
            world.callers[0].after = fault
        else:
            world.callers[0].before = fault
        async with store.lease(7) as lease:
            assert lease.ttl == 7
            assert await leases_of(store) == [lease.id]
        assert await leases_of(store) == []

    embedded(story)


def test_a_grant_that_fails_or_is_cancelled_leaves_nothing() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        await store.get("k")

        def always(request: Request) -> TricordError | None:
            return errors.OutcomeUnknown() if isinstance(request, LeaseGrant) else None

        world.callers[0].before = always
        with pytest.raises(errors.OutcomeUnknown):
            async with store.lease(1000):
                pass
        await store.close()
        for steps in range(5):
            again = world.client()
            granting = asyncio.ensure_future(again.lease(1000).__aenter__())
            for _ in range(steps):
                await asyncio.sleep(0.00005)
            granting.cancel()
            try:
                await (await granting).revoke()
            except asyncio.CancelledError:
                pass
            await again.close()
        assert await leases_of(world.client()) == []

    embedded(story)


def test_a_revocation_whose_answer_was_lost_is_tried_again() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        world.callers[0].before = nth(0, (LeaseRevoke,))
        async with store.lease(1000):
            pass
        assert await leases_of(store) == []

    embedded(story)


def test_closing_the_client_ends_renewals_and_tells() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        told: list[LeaseLost] = []
        lease = await store.lease(5, on_lost=told.append)
        await store.close()
        await asyncio.sleep(0)
        assert "closed" in str(told[0])
        await lease.revoke()
        assert store._recipes.under_way == 0
        await asyncio.sleep(8)
        assert await leases_of(world.client()) == []

    embedded(story)


def test_what_is_no_lease_is_said() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        with pytest.raises(ValueError, match="1 at least"):
            store.lease(0)
        with pytest.raises(errors.LeaseTimeToLiveTooLarge):
            await store.lease(1 << 40)
        assert store._recipes.under_way == 0, "what was refused needs no revocation"
        lease = store.lease(5)
        assert (lease.remaining, lease.lost) == (0.0, False)
        with pytest.raises(LeaseLost, match="not granted yet"):
            await store.put("k", "v", lease=lease)
        async with lease:
            with pytest.raises(RuntimeError, match="granted already"):
                await lease

    embedded(story)
