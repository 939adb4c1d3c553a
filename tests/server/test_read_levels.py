# SPDX-License-Identifier: Apache-2.0
"""Reads below linearizable: what each waits for, what its stamp says, and what is refused, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tricord.base.context import Context
from tricord.base.errors import (
    BoundNotMet,
    InvalidRequest,
    TokenAhead,
    TokenDamaged,
    TokenOfAnotherCluster,
    TokenOfAnotherHistory,
    TricordError,
)
from tricord.base.levels import Bounded, Level, ReadLevel, Stamp, level_of
from tricord.base.operations import Put, Range, RangeResult
from tricord.base.token import Token
from tricord.server.engine import Outcome
from tricord.server.member import Member
from tricord.sim.wide.world import World

Story = Callable[[World], Coroutine[Any, Any, None]]


def play(story: Story, names: tuple[str, ...] = ("n1", "n2", "n3")) -> None:
    World(seed=3, names=names).play(story)


def at_once(member: Member, level: ReadLevel, token: bytes = b"") -> Stamp | None:
    """The stamp of a read that needs no round; None when it waits."""
    answers: list[tuple[Outcome, Stamp]] = []
    context = Context(level=level, token=token, deadline=member.engine._clock.monotonic() + 5)
    member.engine.call(Range(b"k"), context, lambda *answer: answers.append(answer))
    if not answers:
        context.cancel()
        return None
    assert isinstance(answers[0][0], RangeResult), answers
    return answers[0][1]


async def ask(member: Member, level: ReadLevel, token: bytes = b"", seconds: float = 2.0) -> tuple[bytes, Stamp]:
    deadline = member.engine._clock.monotonic() + seconds
    result, stamp = await member.engine.ask(Range(b"k"), Context(level=level, token=token, deadline=deadline))
    assert isinstance(result, RangeResult)
    return result.kvs[0].value if result.kvs else b"", stamp


async def refusal(member: Member, level: ReadLevel, token: bytes = b"", seconds: float = 2.0) -> TricordError:
    with pytest.raises(TricordError) as caught:
        await ask(member, level, token, seconds)
    return caught.value


def token_of(stamp: Stamp, **changes: Any) -> bytes:
    assert stamp.token is not None
    return replace(stamp.token, **changes).encode()


async def started(world: World) -> tuple[Member, Member, str]:
    """The leader, and a follower with its name."""
    await world.start()
    leader, follower = await world.leader_and_follower()
    return world[leader].member, world[follower].member, follower


def test_a_sequential_read_waits_for_what_its_token_has_seen() -> None:
    async def story(world: World) -> None:
        leader, follower, name = await started(world)
        world.isolate(name)
        _, wrote = await leader.engine.ask(Put(b"k", b"1"), Context())
        token = token_of(wrote)
        old = at_once(follower, Level.SEQUENTIAL)
        assert old is not None
        assert (old.level, old.age) == (Level.SEQUENTIAL, None)
        assert old.index < wrote.index
        assert at_once(follower, Level.SEQUENTIAL, token) is None
        begun = world.loop.time()
        assert isinstance(await refusal(follower, Level.SEQUENTIAL, token, 1.0), TokenAhead)
        assert 0.8 <= world.loop.time() - begun <= 1.0
        reading = asyncio.ensure_future(ask(follower, Level.SEQUENTIAL, token, 5.0))
        await asyncio.sleep(0.1)
        assert not reading.done()
        world.network.heal()
        value, stamp = await reading
        assert value == b"1"
        assert stamp.index >= wrote.index
        assert at_once(follower, Level.SEQUENTIAL, token) is not None

    play(story)


def test_tokens_that_cannot_be_right_are_refused() -> None:
    async def story(world: World) -> None:
        await world.start()
        member = world["n1"].member
        _, stamp = await member.engine.ask(Put(b"k", b"1"), Context())
        assert stamp.token == Token(member.identity.cluster, member.identity.history, {0: member.machine.applied_index})
        for level in (Level.LINEARIZABLE, Level.SEQUENTIAL, Level.ANY, Bounded(seconds=1.0)):
            assert isinstance(await refusal(member, level, b"\1damaged"), TokenDamaged)
            assert isinstance(await refusal(member, level, token_of(stamp, cluster=1)), TokenOfAnotherCluster)
            assert isinstance(await refusal(member, level, token_of(stamp, history=1)), TokenOfAnotherHistory)
        future = token_of(stamp, groups={0: stamp.index + 1000})
        assert isinstance(await refusal(member, Level.SEQUENTIAL, future), TokenAhead)
        assert isinstance(await refusal(member, Bounded(seconds=1.0), future), TokenAhead)
        assert (await ask(member, Level.ANY, future))[0] == b"1"

    play(story, ("n1",))


def test_a_bounded_read_is_answered_at_once_while_the_last_round_is_young_enough() -> None:
    async def story(world: World) -> None:
        leader, follower, _ = await started(world)
        await leader.engine.ask(Put(b"k", b"1"), Context())
        assert at_once(follower, Bounded(seconds=1.0)) is None
        value, stamp = await ask(follower, Bounded(seconds=1.0))
        assert (value, stamp.level, stamp.age) == (b"1", Bounded(seconds=1.0), 0.0)
        await asyncio.sleep(0.3)
        found = at_once(follower, Bounded(seconds=1.0))
        assert found is not None and found.age is not None
        assert 0.1 < found.age < 0.4
        assert at_once(follower, Bounded(seconds=found.age * 0.99)) is None
        assert at_once(follower, Bounded(seconds=0.0)) is None

    play(story)


def test_a_bounded_read_asks_for_news_before_its_bound_is_over() -> None:
    async def story(world: World) -> None:
        _, follower, _ = await started(world)
        await ask(follower, Bounded(seconds=1.0))
        for _ in range(20):
            await asyncio.sleep(0.3)
            assert at_once(follower, Bounded(seconds=1.0)) is not None

    play(story)


def test_a_bound_that_cannot_be_met_fails_typed_before_the_caller_gives_up() -> None:
    async def story(world: World) -> None:
        _, follower, name = await started(world)
        await ask(follower, Bounded(seconds=1.0))
        world.isolate(name)
        await asyncio.sleep(0.5)
        assert at_once(follower, Bounded(seconds=1.0)) is not None
        await asyncio.sleep(0.51)
        begun = world.loop.time()
        assert isinstance(await refusal(follower, Bounded(seconds=1.0), seconds=1.0), BoundNotMet)
        assert world.loop.time() - begun < 1.0
        assert at_once(follower, Level.ANY) is not None

    play(story)


def test_a_clock_that_runs_too_slow_does_not_stretch_a_bound() -> None:
    async def story(world: World) -> None:
        _, follower, name = await started(world)
        world[name].clock.run_at(0.999)
        begun = world.loop.time()
        await ask(follower, Bounded(seconds=10.0))
        world.isolate(name)
        await asyncio.sleep(9.999 - (world.loop.time() - begun))
        found = at_once(follower, Bounded(seconds=10.0))
        assert found is not None and found.age is not None
        assert 9.9 < found.age <= 10.0
        await asyncio.sleep(0.005)
        assert 10.0 * 0.999 < world[name].clock.monotonic() - follower.replica.fresh_as_of < 10.0
        assert at_once(follower, Bounded(seconds=10.0)) is None

    play(story)


def test_a_read_bounded_by_revisions_waits_for_all_but_so_many() -> None:
    async def story(world: World) -> None:
        leader, follower, _ = await started(world)
        await leader.engine.ask(Put(b"k", b"0"), Context())
        value, stamp = await ask(follower, Bounded(revisions=0))
        assert (value, stamp.level) == (b"0", Bounded(revisions=0))
        applied = follower.machine.applied_index
        reads = follower.replica._reads
        # As if the leader said that five more were committed, of which none has come.
        reads.allow([(1001, 5), (1002, 4)])
        context = reads.ask([1001, 1002, 1003], 0, 123.0)
        reads.released([(context, applied + 5)])
        assert reads.take_ready(applied) == [1001]
        assert reads.take_ready(applied + 1) == [1002]
        assert reads.fresh_as_of < 123.0
        assert reads.take_ready(applied + 5) == [1003]
        assert reads.fresh_as_of == 123.0

    play(story)


def test_a_lone_member_answers_at_every_level() -> None:
    async def story(world: World) -> None:
        await world.start()
        member = world["n1"].member
        await member.engine.ask(Put(b"k", b"1"), Context())
        for level in (Level.LINEARIZABLE, Level.SEQUENTIAL, Level.ANY, Bounded(seconds=0.0), Bounded(revisions=3)):
            value, stamp = await ask(member, level)
            assert (value, stamp.level) == (b"1", level)

    play(story, ("n1",))


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("linearizable", Level.LINEARIZABLE),
        ("Sequential", Level.SEQUENTIAL),
        ("any", Level.ANY),
        ("bounded:2s", Bounded(seconds=2.0)),
        ("bounded:250ms", Bounded(seconds=0.25)),
        ("bounded:1.5m", Bounded(seconds=90.0)),
        ("bounded:10r", Bounded(revisions=10)),
        ("bounded:0r", Bounded(revisions=0)),
    ],
)
def test_levels_have_words(text: str, level: ReadLevel) -> None:
    assert level_of(text) == level
    assert level_of(level.value) == level


@pytest.mark.parametrize(
    "text",
    [
        *("", "weak", "any:1s", "bounded", "bounded:", "bounded:2", "bounded:-1s", "bounded:nans", "bounded:infs"),
        *("bounded:1_0s", "bounded:1.5r", "bounded:-2r", "bounded:1h", "bounded:1e400s", "bounded:²r"),
    ],
)
def test_what_is_no_level_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        level_of(text)


def test_a_bound_is_one_of_seconds_and_revisions() -> None:
    for seconds, revisions in ((None, None), (1.0, 1), (-1.0, None), (float("nan"), None), (None, -1)):
        with pytest.raises(InvalidRequest):
            Bounded(seconds, revisions)
