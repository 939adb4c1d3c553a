# SPDX-License-Identifier: Apache-2.0
"""Whole members whose replicas speak to each other, in virtual time."""

from __future__ import annotations

import asyncio
import json

from tricord.sim.wide.world import World

FAULTS = "/faults.json"


def write_faults(world: World, cut: list[list[str]]) -> None:
    for name in world.names:
        file = world[name].disk.open(FAULTS, create=True)
        text = json.dumps({"cut": cut}).encode()
        file.truncate(len(text))
        file.pwrite(text, 0)
        file.close()


def test_replicas_reach_each_other_with_no_majority_and_a_cut_on_purpose_parts_them() -> None:
    async def story(world: World) -> None:
        world.settings["unsafe_faults"] = FAULTS
        write_faults(world, [])
        await world.start()
        await world.led()
        heard: list[tuple[str, tuple[int, int, int, bytes]]] = []
        members = {name: world[name].member for name in world.names}
        holders = {number: member.identity.member for number, member in enumerate(members.values(), 1)}
        for name, member in members.items():
            member.exchange.received = lambda *said, name=name: heard.append((name, said))
            member.exchange.belong(5, dict(holders))
        await asyncio.sleep(1.0)
        first = members["n1"].exchange
        world.network.cut("n1", "n3")
        await asyncio.sleep(3.0)
        assert not first.can_reach(5, 3) and first.send(5, 1, 2, b"as far as it goes")
        await asyncio.sleep(0.1)
        assert heard == [("n2", (5, 2, 1, b"as far as it goes"))]
        world.network.heal()
        write_faults(world, [["n1", "n2"], ["n2", "n1"]])
        reached: list[tuple[int, int]] = []
        await asyncio.sleep(2.0)
        first.reached = lambda *whom: reached.append(whom)
        assert first.can_reach(5, 3) and not first.can_reach(5, 2)
        write_faults(world, [])
        await asyncio.sleep(1.0)
        assert first.can_reach(5, 2) and reached == [(5, 2)]

    World(seed=6).play(story)
