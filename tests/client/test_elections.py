# SPDX-License-Identifier: Apache-2.0
"""Elections, in virtual time: one leads, all can see who, and who does not lead any more is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.client.faulty_caller import EmbeddedWorld, embedded, nth
from tests.client.test_leases import leases_of
from tricord.base.errors import GuardFailed, LeadershipLost, Unavailable
from tricord.base.operations import Txn
from tricord.client.asynchronous import AsyncClient


async def leader(store: AsyncClient) -> str | None:
    found = await store.election("e").leader()
    return None if found is None else found.text


def test_the_first_leads_the_others_wait_and_all_see_it() -> None:
    async def story(world: EmbeddedWorld) -> None:
        one, two, third = world.client(), world.client(), world.client()
        assert await leader(third) is None
        async with third.election("e").observe() as leaders:
            seeing = asyncio.ensure_future(leaders.take(5))
            await asyncio.sleep(0.1)
            async with one.election("e") as first, two.election("e") as second:
                assert await first.campaign("one")
                waiting = asyncio.ensure_future(second.campaign(b"two"))
                found = await seeing
                assert found is not None and found.text == "one"
                assert found.key == first.token.key == b"e/%x" % found.lease
                await first.proclaim("uno")
                assert await first.campaign("einer"), "of one that leads, it is a proclamation"
                assert [(await leaders.__anext__()).text for _ in range(2)] == ["uno", "einer"]
                assert await leader(third) == "einer"
                assert not await third.election("e").campaign("three", timeout=0.5)
                await one.put("k", "v", guarded_by=first)
                token = first.token
                await first.resign()
                assert await waiting
                assert (await leaders.__anext__()).text == "two"
                with pytest.raises(GuardFailed):
                    await one.put("k", "v", guarded_by=token)
                with pytest.raises(LeadershipLost):
                    await first.proclaim("again")
                with pytest.raises(LeadershipLost):
                    await first.resign()
            assert await leader(third) is None
            assert await leaders.take(0.5) is None
        assert [kv async for kv in leaders] == []
        assert await leases_of(third) == []
        assert sum(caller.open_feeds for caller in world.callers) == 0

    embedded(story)


def test_a_leader_that_cannot_be_sure_is_cancelled_while_nobody_else_leads() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        with pytest.raises(LeadershipLost):
            async with store.election("e", ttl=4) as election:
                await election.campaign("me")
                world.callers[0].before = lambda request: Unavailable()
                try:
                    await asyncio.sleep(60)
                finally:
                    assert await leader(other) == "me"
        await asyncio.sleep(5)
        assert await leader(other) is None

    embedded(story)


def test_leading_again_after_resigning_within_one_block() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        async with store.lease(4) as lease, store.election("e", lease=lease) as election:
            for value in ("one", "two"):
                await election.campaign(value)
                await election.resign()
            with pytest.raises(LeadershipLost):
                election.check()
        with pytest.raises(LeadershipLost):
            async with store.election("e", ttl=4) as election:
                await election.campaign("one")
                world.pause(20)
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0
        await asyncio.sleep(0.1)

    embedded(story)


def test_proclaiming_what_was_deleted() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        async with store.election("e") as election:
            await election.campaign("one")
            world.callers[0].after = nth(0, (Txn,))
            await election.proclaim("two")
            assert await leader(other) == "two"
            await other.delete_prefix("e/")
            with pytest.raises(LeadershipLost, match="deleted"):
                await election.proclaim("three")

    embedded(story)


def test_observers_go_on_over_breaks_and_compactions() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store, other = world.client(), world.client()
        seen: list[Any] = []

        async def observe() -> None:
            async with store.election("e").observe() as leaders:
                async for kv in leaders:
                    seen.append(kv.text)
                    if kv.text == "last":
                        break

        observing = asyncio.ensure_future(observe())
        await asyncio.sleep(0.1)
        caller = world.callers[0]
        async with other.election("e") as election:
            for number in range(6):
                caller.feed_faults = number % 3
                await election.campaign(str(number))
                await asyncio.sleep(2)
                if number % 2:
                    caller.feed_faults = 2
                    await other.compact((await election.leader()).mod_revision)  # type: ignore[union-attr]
            await election.proclaim("last")
            await observing
        assert seen == [*"012345", "last"]
        assert caller.open_feeds == 0

    embedded(story)
