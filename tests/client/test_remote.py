# SPDX-License-Identifier: Apache-2.0
"""The caller over a network, on a clock that jumps: endpoints, pauses, deadlines; what is tried again and what not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.client.scripted_server import Call, ScriptedServer, tell
from tricord import aio
from tricord.base import errors
from tricord.base.environment import Environment
from tricord.base.levels import Level, Stamp
from tricord.base.operations import CompactResult, KeyValue, PutResult, RangeResult
from tricord.base.trace import Completed, Invoked, TraceEvent
from tricord.client.asynchronous import AsyncClient
from tricord.txn import absent, get, put
from tricord.wire.etcd.requests import decode_put, decode_range
from tricord.wire.etcd.responses import encode_response
from tricord.wire.grpc.status import Status
from tricord.wire.http2.limits import Http2Limits

STAMP = Stamp(1, 2, 3, 40)
KV = KeyValue(b"k", b"v", 4, 5, 2)
PUT = encode_response(PutResult(), STAMP)
RANGE = encode_response(RangeResult([KV], False, 1), STAMP)


def done(call: Call) -> None:
    """Answer a put or a range."""
    call.reply(RANGE if call.path.endswith("Range") else PUT)


def leaderless(call: Call) -> None:
    call.fail(Status.UNAVAILABLE, "etcdserver: no leader")


def stopped(call: Call) -> None:
    call.fail(Status.UNAVAILABLE, "etcdserver: server stopped")


def silent(call: Call) -> None:
    return


def client(world: Environment, endpoints: str = "127.0.0.1:2379", **options: Any) -> AsyncClient:
    return aio.connect(endpoints, environment=world, **options)


async def serve(world: Environment, *script: Any, port: int = 2379) -> ScriptedServer:
    server = ScriptedServer(*script)
    await server.listen(world, port)
    return server


def test_requests_and_answers_travel_in_etcds_own_bytes() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, done, done)
        async with client(world) as store:
            reply = await store.put("k", "v", lease=7)
            assert (reply.revision, reply.previous, reply.stamp) == (40, None, STAMP)
            assert await store.get("k", at_least=Level.ANY) == KV
        sent = decode_put(server.calls[0].request)[0]
        assert (sent.key, sent.value, sent.lease) == (b"k", b"v", 7)
        assert decode_range(server.calls[1].request)[1] is Level.ANY
        assert [call.path for call in server.calls] == ["/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range"]
        await asyncio.sleep(0.1)
        assert server.sessions[0].lost

    tell(story)


def test_nothing_is_dialled_before_the_first_call() -> None:
    async def story(world: Environment) -> None:
        store = client(world)
        server = await serve(world, done)
        assert not server.sessions
        await store.put("k", "v")
        await store.close()

    tell(story)


def test_calls_that_begin_together_share_one_connection() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, *[done] * 20)
        async with client(world) as store:
            await asyncio.gather(*(store.put("k", "v") for _ in range(20)))
        assert len(server.sessions) == 1

    tell(story)


@pytest.mark.parametrize("fault", [Call.cut, Call.reset, leaderless, stopped])
def test_a_read_is_tried_again(fault: Any) -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, fault, fault, done)
        async with client(world) as store:
            assert await store.get("k") == KV
        assert len(server.calls) == 3

    tell(story)


@pytest.mark.parametrize("fault", [Call.cut, Call.reset, stopped])
def test_a_write_that_may_have_been_begun_is_sent_once_and_unknown(fault: Any) -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, fault)
        async with client(world) as store:
            with pytest.raises(errors.OutcomeUnknown):
                await store.put("k", "v")
        assert len(server.calls) == 1

    tell(story)


@pytest.mark.parametrize("fault", [Call.refuse, leaderless])
def test_a_write_that_was_surely_not_begun_is_tried_again(fault: Any) -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, fault, fault, done)
        async with client(world) as store:
            assert (await store.put("k", "v")).revision == 40
        assert len(server.calls) == 3

    tell(story)


def test_a_write_above_the_mark_of_a_goaway_moves_to_a_new_connection() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, lambda call: call.goodbye(last_stream_id=0), done)
        async with client(world) as store:
            assert (await store.put("k", "v")).revision == 40
        assert len(server.sessions) == 2

    tell(story)


def test_a_write_below_the_mark_of_a_goaway_is_answered_on_the_old_connection() -> None:
    async def story(world: Environment) -> None:
        def goodbye(call: Call) -> None:
            call.goodbye(last_stream_id=call.stream.id)
            world.tasks.call_later(1.0, call.reply, PUT)

        server = await serve(world, goodbye, done)
        async with client(world) as store:
            first = asyncio.create_task(store.put("k", "v"))
            await asyncio.sleep(0.5)
            await store.put("k", "v")
            assert len(server.sessions) == 2
            assert (await first).revision == 40
            await asyncio.sleep(0.1)
            assert server.sessions[0].lost, "the retired connection is closed when its last call is done"

    tell(story)


def test_a_transaction_is_a_read_only_if_no_branch_writes() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, Call.cut, Call.cut)
        async with client(world, attempts=1) as store:
            with pytest.raises(errors.Unavailable):
                await store.txn(when=[absent("k")], then=[get("k")], otherwise=[get("j")])
            with pytest.raises(errors.OutcomeUnknown):
                await store.txn(when=[absent("k")], then=[get("k")], otherwise=[put("j", "")])
        assert len(server.calls) == 2

    tell(story)


def test_a_silent_server_runs_a_write_into_outcome_unknown_and_a_read_into_its_deadline() -> None:
    async def story(world: Environment) -> None:
        await serve(world, silent, silent, silent)
        async with client(world, timeout=3.0) as store:
            for call, kind, seconds in (
                (store.put("k", "v"), errors.OutcomeUnknown, 3.0),
                (store.get("k"), errors.DeadlineExceeded, 3.0),
                (store.get("k", timeout=0.5), errors.DeadlineExceeded, 0.5),
            ):
                start = world.clock.monotonic()
                with pytest.raises(kind):
                    await call
                assert world.clock.monotonic() - start == pytest.approx(seconds, abs=0.01)

    tell(story)


def test_a_listener_that_never_speaks_is_a_dial_that_timed_out_and_nothing_was_sent() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world)
        server.speaks_http2 = False
        async with client(world, dial_timeout=1.0, attempts=2, timeout=10.0) as store:
            with pytest.raises(errors.ConnectionFailed, match=r"127\.0\.0\.1:2379: no answer in 1 s"):
                await store.put("k", "v")
        async with client(world, dial_timeout=9.0, timeout=2.0) as store:
            start = world.clock.monotonic()
            with pytest.raises(errors.DeadlineExceeded, match="nothing was sent"):
                await store.put("k", "v")
            assert world.clock.monotonic() - start == pytest.approx(2.0, abs=0.01)
        await asyncio.sleep(0.1)
        assert all(session.lost for session in server.sessions)

    tell(story)


def test_refused_everywhere_names_every_endpoint_after_pauses_that_grow() -> None:
    async def story(world: Environment) -> None:
        start = world.clock.monotonic()
        async with client(world, "a:1,b:2") as store:
            with pytest.raises(errors.ConnectionFailed, match="a:1: connection refused; b:2: connection refused"):
                await store.put("k", "v")
        # Five rounds, four pauses of 0.1, 0.2, 0.4 and 0.5 seconds, each cut by up to a half.
        assert 0.6 <= world.clock.monotonic() - start <= 1.3

    tell(story)


def test_the_next_endpoint_serves_when_the_first_is_down_and_stays_in_use() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, done, done, port=2)
        async with client(world, "127.0.0.1:1,127.0.0.1:2") as store:
            await store.put("k", "v")
            await store.put("k", "v")
        assert len(server.sessions) == 1

    tell(story)


def test_a_read_moves_on_from_a_member_without_a_leader() -> None:
    async def story(world: Environment) -> None:
        first = await serve(world, leaderless, port=1)
        second = await serve(world, done, done, port=2)
        async with client(world, "127.0.0.1:1,127.0.0.1:2") as store:
            assert await store.get("k") == KV
            await store.get("k")
            await asyncio.sleep(0.1)
            assert first.sessions[0].lost
        assert len(second.calls) == 2

    tell(story)


def test_a_member_that_restarts_between_two_calls_is_dialled_again() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, done)
        async with client(world) as store:
            await store.put("k", "v")
            server.stop()
            await asyncio.sleep(0.1)
            world.tasks.call_later(0.5, lambda: world.tasks.spawn(serve(world, done), "restart"))
            assert (await store.put("k", "v")).revision == 40

    tell(story)


def test_attempts_end_and_the_last_failure_is_told() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, *[leaderless] * 5)
        async with client(world) as store:
            with pytest.raises(errors.NoLeader):
                await store.get("k")
        assert len(server.calls) == 5

    tell(story)


def test_refusals_are_told_at_once() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, lambda call: call.fail(Status.INVALID_ARGUMENT, "etcdserver: key is not provided"))
        async with client(world) as store:
            with pytest.raises(errors.KeyNotProvided):
                await store.put("", "v")
        assert len(server.calls) == 1

    tell(story)


@pytest.mark.parametrize(("write", "kind"), [(True, errors.OutcomeUnknown), (False, errors.ServerFault)])
def test_an_answer_that_does_not_parse(write: bool, kind: type[errors.TricordError]) -> None:
    async def story(world: Environment) -> None:
        await serve(world, lambda call: call.reply(b"\xff\xff\xff"))
        async with client(world) as store:
            with pytest.raises(kind, match="not a valid"):
                await (store.put("k", "v") if write else store.get("k"))

    tell(story)


def test_a_request_that_cannot_be_encoded_is_not_sent() -> None:
    async def story(world: Environment) -> None:
        await serve(world)
        async with client(world) as store:
            with pytest.raises(errors.InvalidRequest):
                await store.get("k", revision=1 << 70)
            with pytest.raises(errors.InvalidRequest):
                await store.put("k", "v", lease="x")  # type: ignore[arg-type]

    tell(story)


def test_closing_ends_calls_under_way_and_later_ones() -> None:
    async def story(world: Environment) -> None:
        await serve(world, silent, silent)
        store = client(world)
        read, write = asyncio.create_task(store.get("k")), asyncio.create_task(store.put("k", "v"))
        await asyncio.sleep(0.1)
        await store.close()
        await store.close()
        with pytest.raises(errors.Cancelled):
            await read
        with pytest.raises(errors.OutcomeUnknown):
            await write
        with pytest.raises(errors.Cancelled, match="closed"):
            await store.get("k")

    tell(story)


def test_closing_while_dialling_leaves_no_connection_behind() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, *[silent] * 4)
        for moment in (0.0, 0.0002, 0.0007, 0.0012):
            store = client(world)
            call = asyncio.create_task(store.get("k"))
            await asyncio.sleep(moment)
            await store.close()
            with pytest.raises(errors.Cancelled):
                await call
        await asyncio.sleep(1)
        assert all(session.lost for session in server.sessions)

    tell(story)


def test_one_caller_that_gives_up_does_not_end_the_dialling_of_others() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, done)
        async with client(world) as store:
            impatient, patient = asyncio.create_task(store.get("k")), asyncio.create_task(store.get("k"))
            await asyncio.sleep(0.0003)
            impatient.cancel()
            assert await patient == KV
        assert len(server.sessions) == 1

    tell(story)


def test_the_observer_hears_of_each_call_and_how_it_ended() -> None:
    async def story(world: Environment) -> list[TraceEvent]:
        heard: list[TraceEvent] = []
        refuse = lambda call: call.fail(Status.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted")  # noqa: E731
        await serve(world, done, refuse, Call.cut, silent, silent)
        async with client(world, observer=heard.append) as store:
            await store.put("k", "v")
            with pytest.raises(errors.RevisionCompacted):
                await store.get("k", revision=1)
            with pytest.raises(errors.OutcomeUnknown):
                await store.put("k", "v")
            for call in (store.put("k", "v"), store.get("k")):
                task = asyncio.create_task(call)
                await asyncio.sleep(0.1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
        return heard

    heard = tell(story)
    assert [event.call for event in heard if isinstance(event, Invoked)] == [1, 2, 3, 4, 5]
    ends = [(event.operation, event.status, event.error) for event in heard if isinstance(event, Completed)]
    assert ends == [
        ("Put", "ok", ""),
        ("Range", "fail", "revision_compacted"),
        ("Put", "unknown", "outcome_unknown"),
        ("Put", "unknown", "CancelledError"),
        ("Range", "fail", "CancelledError"),
    ]
    assert isinstance(heard[1], Completed) and heard[1].result == PutResult() and heard[1].stamp == STAMP


def test_the_same_seed_tells_the_same_story() -> None:
    async def story(world: Environment) -> list[tuple[float, str]]:
        times: list[tuple[float, str]] = []

        def note(event: TraceEvent) -> None:
            times.append((world.clock.monotonic(), repr(event)))

        server = await serve(world, done, Call.cut, leaderless, done, Call.refuse, done, done)
        async with client(world, "127.0.0.1:9,127.0.0.1:2379", observer=note) as store:
            for _ in range(2):
                await store.put("k", "v")
                await store.get("k")
            server.stop()
            with pytest.raises(errors.TricordError):
                await store.get("k")
        return times

    assert tell(story, seed=7) == tell(story, seed=7)
    assert tell(story, seed=7) != tell(story, seed=8)


def test_streams_that_the_server_does_not_allow_wait_until_the_deadline_and_were_not_sent() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer(silent, limits=Http2Limits(max_concurrent_streams=1))
        await server.listen(world)
        async with client(world) as store:
            first = asyncio.create_task(store.put("k", "v", timeout=5))
            await asyncio.sleep(0.1)
            with pytest.raises(errors.DeadlineExceeded):
                await store.put("k", "v", timeout=1)
            with pytest.raises(errors.OutcomeUnknown):
                await first

    tell(story)


def test_a_compaction_says_at_which_revision_it_was_taken() -> None:
    async def story(world: Environment) -> None:
        await serve(world, lambda call: call.reply(encode_response(CompactResult(), STAMP)))
        async with client(world) as store:
            assert (await store.compact(3)).revision == 40

    tell(story)


def test_the_only_endpoint_keeps_its_connection_while_it_has_no_leader() -> None:
    async def story(world: Environment) -> None:
        server = await serve(world, leaderless, leaderless, done)
        async with client(world) as store:
            assert await store.get("k") == KV
        assert len(server.sessions) == 1

    tell(story)


def test_no_pause_lasts_beyond_the_deadline() -> None:
    async def story(world: Environment) -> None:
        async with client(world, timeout=0.25) as store:
            start = world.clock.monotonic()
            with pytest.raises(errors.ConnectionFailed):
                await store.get("k")
            assert world.clock.monotonic() - start < 0.25

    tell(story)
