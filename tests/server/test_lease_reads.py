# SPDX-License-Identifier: Apache-2.0
"""Reads under a leader's lease: no round while it lasts, never anything old, also behind a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.errors import TricordError
from tricord.base.levels import Level, Stamp
from tricord.base.operations import Put, Range, RangeResult
from tricord.server.engine import Outcome
from tricord.server.member import Member
from tricord.sim.wide.world import World


def play(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    world = World(seed=4)
    world.settings["lease_reads"] = True
    world.play(story)


async def read(member: Member, seconds: float) -> str:
    deadline = member.engine._clock.monotonic() + seconds
    result, stamp = await member.engine.ask(Range(b"k"), Context(deadline=deadline))
    assert isinstance(result, RangeResult)
    assert stamp.level is Level.LINEARIZABLE
    return result.kvs[0].value.decode()


def test_a_leader_answers_alone_as_long_as_its_lease_lasts() -> None:
    async def story(world: World) -> None:
        await world.start()
        name = await world.led()
        leader = world[name].member
        await leader.engine.ask(Put(b"k", b"old"), Context())
        await asyncio.sleep(0.5)
        world.isolate(name)
        assert await read(leader, 0.1) == "old"
        await asyncio.sleep(0.5)
        assert await read(leader, 0.1) == "old"
        await asyncio.sleep(0.35)
        with pytest.raises(TricordError):
            await read(leader, 0.1)
        assert all(not host.member.replica.is_leader for host in world.running() if host.name != name)

    play(story)


def test_without_the_setting_each_read_asks_a_majority() -> None:
    async def story(world: World) -> None:
        await world.start()
        name = await world.led()
        leader = world[name].member
        await leader.engine.ask(Put(b"k", b"old"), Context())
        world.isolate(name)
        with pytest.raises(TricordError):
            await read(leader, 0.3)

    World(seed=4).play(story)


def test_a_lease_does_not_outlive_a_pause_whatever_wakes_first() -> None:
    async def story(world: World) -> None:
        await world.start()
        name = await world.led()
        paused = world[name].member
        await paused.engine.ask(Put(b"k", b"old"), Context())
        await asyncio.sleep(0.5)
        world[name].pausing.begin()
        world.isolate(name)
        others = [other for other in world.names if other != name]
        async with asyncio.timeout(10), world.client(*others) as store:
            while True:
                try:
                    await store.put("k", "new", timeout=1.0)
                    break
                except TricordError:
                    continue
        led = paused.replica.is_leader
        answers: list[tuple[Outcome, Stamp]] = []
        # The request is the first to come when the process goes on, and the disk's answer begins a turn with it.
        paused.engine.call(Range(b"k"), Context(), lambda *answer: answers.append(answer))
        paused.turns._rounds.reads.flush()
        paused.turns._run()
        early = len(answers)
        world[name].pausing.end()
        world.network.heal()
        assert led
        assert not early
        await asyncio.sleep(3.0)
        outcome = answers[0][0]
        assert isinstance(outcome, RangeResult)
        assert outcome.kvs[0].value == b"new"

    play(story)
