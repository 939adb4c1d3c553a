# SPDX-License-Identifier: Apache-2.0
"""As many edges as a keyspace can have, and one more."""

from __future__ import annotations

import asyncio

import pytest

from tests.sim.test_edges import Machine, everywhere, sees, settled, status, told, until, value
from tricord.base.context import Context
from tricord.base.errors import TooManyEdges
from tricord.base.replica_sets import EDGES_MAX, EdgeReplica, ReplicaAttach, ReplicaRetire
from tricord.sim.wide.world import World


def test_one_edge_too_many_is_told_what_to_do_and_comes_when_another_has_left() -> None:
    async def story(world: World) -> None:
        await world.start()
        leader = await world.led()
        member = world[leader].member
        first, last, late = (Machine(world, name) for name in ("edge1", "edge2", "edge3"))
        async with first.open() as one, one.keyspace("carts", model="causal") as ones:
            await ones.put("a", "of the first")
            await settled(one)
            record = member.machine.catalogue.find("carts")
            attaches = [
                member.engine.ask(ReplicaAttach(record.id, EdgeReplica(number.to_bytes(16, "big"))), Context())
                for number in range(EDGES_MAX - 2)
            ]
            results = await asyncio.gather(*attaches)
            async with last.open() as two, two.keyspace("carts", model="causal") as twos, late.open() as three:
                await twos.put("b", "of the last")
                await settled(two)
                assert len(member.machine.catalogue.replicas(record.id).edges) == EDGES_MAX
                with pytest.raises(TooManyEdges, match="tricord keyspace retire"):
                    await member.engine.ask(ReplicaAttach(record.id, EdgeReplica(b"x" * 16)), Context())
                index = member.machine.applied_index
                async with three.keyspace("carts", model="causal") as threes:
                    await threes.put("c", "of one too many")
                    await until(lambda: told(three, "tricord keyspace retire"))
                    await asyncio.sleep(40.0)
                    assert member.machine.applied_index - index < 10, "the log is not filled with refusals"
                    await threes.put("c", "goes on by itself")
                    assert await value(threes, "c") == b"goes on by itself" and await value(threes, "a") is None
                    await ones.put("a", "go on")
                    await until(everywhere(world, "a", b"go on"))
                    await sees(twos, "a", b"go on")
                    await member.engine.ask(ReplicaRetire(record.id, results[0][0].number), Context())
                    await settled(three)
                    await until(everywhere(world, "c", b"goes on by itself"))
                    assert (await status(three)).problem == ""

    World(seed=18).play(story)
