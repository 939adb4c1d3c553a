# SPDX-License-Identifier: Apache-2.0
"""Several endpoints, on a clock that jumps: where a call goes when one of them is dead, deaf, leaderless or paused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.client.scripted_server import Call, ScriptedServer, tell
from tests.client.test_remote import client, done, leaderless, serve, silent
from tricord.base import errors
from tricord.base.environment import Environment
from tricord.client.connector import REMEMBER_SECONDS, STAGGER_SECONDS
from tricord.wire.grpc.status import Status

ONE_TWO = "127.0.0.1:1,127.0.0.1:2"
THREE = ONE_TWO + ",127.0.0.1:3"


def of_a_learner(call: Call) -> None:
    call.fail(Status.FAILED_PRECONDITION, "etcdserver: rpc not supported for learner")


async def deaf(world: Environment, port: int) -> ScriptedServer:
    """A machine that takes connections, and no more is heard of it."""
    server = await serve(world, port=port)
    server.speaks_http2 = False
    return server


@pytest.mark.parametrize("fault", [leaderless, of_a_learner, Call.refuse])
@pytest.mark.parametrize("write", [True, False])
def test_a_call_that_was_surely_not_begun_goes_to_the_next_endpoint_at_once(fault: Any, write: bool) -> None:
    async def story(world: Environment) -> None:
        await serve(world, fault, port=1)
        await serve(world, fault, port=2)
        last = await serve(world, done, port=3)
        async with client(world, THREE) as store:
            await (store.put("k", "v") if write else store.get("k"))
        assert len(last.calls) == 1
        assert world.clock.monotonic() < 0.05

    tell(story)


def test_nobody_is_asked_more_often_than_there_are_rounds() -> None:
    async def story(world: Environment) -> None:
        servers = [await serve(world, *[leaderless] * 9, port=port) for port in (1, 2, 3)]
        async with client(world, THREE, attempts=3) as store:
            with pytest.raises(errors.NoLeader):
                await store.put("k", "v")
        assert [len(server.calls) for server in servers] == [3, 3, 3]

    tell(story)


def test_a_write_whose_outcome_is_unknown_goes_nowhere_else() -> None:
    async def story(world: Environment) -> None:
        await serve(world, Call.cut, port=1)
        second = await serve(world, done, port=2)
        async with client(world, ONE_TWO) as store:
            with pytest.raises(errors.OutcomeUnknown):
                await store.put("k", "v")
            assert not second.calls
            await store.put("k", "v")
        assert len(second.calls) == 1

    tell(story)


def test_an_endpoint_that_does_not_answer_gets_company() -> None:
    async def story(world: Environment) -> None:
        first = await deaf(world, 1)
        second = await serve(world, done, port=2)
        async with client(world, ONE_TWO) as store:
            await store.put("k", "v")
            assert world.clock.monotonic() == pytest.approx(STAGGER_SECONDS, abs=0.05)
            await asyncio.sleep(0.1)
            assert first.sessions[0].lost, "the dial that lost the race is given up"
        assert len(second.calls) == 1

    tell(story)


def test_an_endpoint_that_could_not_be_dialled_comes_last_for_a_while() -> None:
    async def story(world: Environment) -> None:
        first = await deaf(world, 1)
        second = await serve(world, done, Call.cut, done, Call.cut, done, port=2)
        async with client(world, ONE_TWO, dial_timeout=0.2) as store:
            await store.put("k", "v")
            begun = world.clock.monotonic()
            await store.get("k")
            assert (len(first.sessions), len(second.sessions)) == (1, 2)
            assert world.clock.monotonic() - begun < 0.05
            await asyncio.sleep(REMEMBER_SECONDS)
            await store.get("k")
            assert (len(first.sessions), len(second.sessions)) == (2, 3)

    tell(story)


def test_a_process_that_was_paused_is_given_up_and_a_read_moves_on() -> None:
    async def story(world: Environment) -> None:
        first = await serve(world, done, port=1)
        second = await serve(world, done, done, port=2)
        async with client(world, ONE_TWO, timeout=5.0) as store:
            await store.get("k")
            first.paused = True
            begun = world.clock.monotonic()
            await store.get("k")
            assert world.clock.monotonic() - begun == pytest.approx(3.0, abs=0.5)
            await store.get("k")
        assert len(second.calls) == 2

    tell(story)


def test_a_member_that_let_a_call_time_out_is_not_asked_next() -> None:
    async def story(world: Environment) -> None:
        first = await serve(world, silent, port=1)
        second = await serve(world, done, port=2)
        async with client(world, ONE_TWO, timeout=0.8) as store:
            with pytest.raises(errors.OutcomeUnknown):
                await store.put("k", "v")
            await store.put("k", "v")
        assert (len(first.calls), len(second.calls)) == (1, 1)

    tell(story)


def test_a_caller_with_little_patience_does_not_drive_the_client_around() -> None:
    async def story(world: Environment) -> None:
        first = await serve(world, silent, done, port=1)
        await serve(world, port=2)
        async with client(world, ONE_TWO) as store:
            with pytest.raises(errors.DeadlineExceeded):
                await store.get("k", timeout=0.01)
            await store.get("k")
        assert len(first.sessions) == 1

    tell(story)
