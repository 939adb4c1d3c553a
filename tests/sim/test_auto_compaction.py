# SPDX-License-Identifier: Apache-2.0
"""Automatic compaction in a cluster, in virtual time: it goes on when another member leads."""

from __future__ import annotations

import asyncio

from tricord.sim.wide.world import World


def test_a_cluster_keeps_a_period_whoever_leads() -> None:
    async def story(world: World) -> None:
        for host in world.hosts.values():
            await host.start(auto_compaction_mode="periodic", auto_compaction_retention=5.0)
        leader = await world.led()

        async def write(seconds: int) -> None:
            async with world.client() as store:
                for number in range(seconds):
                    await store.put("key", str(number))
                    await asyncio.sleep(1)

        def compacted() -> set[int]:
            return {host.member.machine.compacted() for host in world.running()}

        await write(4)
        assert compacted() == {-1}
        await write(8)
        (before,) = compacted()
        assert 1 < before <= 9
        world[leader].kill()
        await world.led()
        await write(12)
        await asyncio.sleep(1)
        (after,) = compacted()
        assert before + 5 <= after <= 21
        assert all(host.member.machine.swept(after) for host in world.running())

    World(seed=21).play(story)
