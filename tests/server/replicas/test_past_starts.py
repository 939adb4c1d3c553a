# SPDX-License-Identifier: Apache-2.0
"""Starts of an eventual replica that others hold for past: their clocks were wrong, or their disks are older copies."""

from __future__ import annotations

import pytest

from tests.server.replicas.eventual_world import World, play, result
from tricord.base.changes import Add
from tricord.base.errors import ReplicaRetired


def test_a_start_that_others_know_as_past_asks_for_a_new_number() -> None:
    async def story(world: World) -> None:
        one, two = world.nodes.values()
        one.clock.ahead_seconds = 1_000_000
        await world.open()
        one.put(b"before", b"1")
        await world.sleep(3)
        one.kill()
        one.wipe()
        one.clock.ahead_seconds = 0
        one.start()
        await world.sleep(0.002)
        while not one.is_open and not one.wanted:
            await world.sleep(0.01)
        await world.sleep(5)
        assert (one.wanted, one.alarms) == (1, ["replica superseded"])
        one.kill()
        host = one.start()
        assert one.wanted == 2
        with pytest.raises(ReplicaRetired):
            host.check_open()
        one.kill()
        world.retire(one)
        world.attach(one)
        one.start()
        await world.sleep(5)
        assert (one.value(b"before"), two.value(b"before"), len(world.digests())) == (b"1", b"1", 1)

    play(story, World("a", "b"))


def test_what_was_written_in_a_start_that_others_hold_for_past_comes_back() -> None:
    async def story(world: World) -> None:
        one, two = world.nodes.values()
        await world.open()
        one.put(b"k", b"1")
        await world.sleep(3)
        older = one.picture()
        one.kill()
        one.clock.ahead_seconds = 100
        one.start()
        await world.sleep(3)  # the other one knows of a start that this disk will not know of
        one.kill()
        one.restore(older)
        one.clock.ahead_seconds = 0
        world.part()
        one.start()
        await world.sleep(1)
        written = one.put(b"k", b"2"), one.update(b"n", Add(3))
        await world.sleep(0.5)
        assert all(map(result, written))
        world.heal()
        while not one.wanted:
            await world.sleep(0.01)
        one.kill()
        world.retire(one)
        world.attach(one)
        one.start()
        await world.sleep(5)
        for node in (one, two):
            assert (node.siblings(b"k"), node.value(b"n")) == ([b"2"], 3)
        assert len(world.digests()) == 1

    play(story, World("a", "b"))
