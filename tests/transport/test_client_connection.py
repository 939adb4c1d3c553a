# SPDX-License-Identifier: Apache-2.0
"""gRPC calls over one dialled connection: what comes back, and of each broken call whether it can have begun."""

from __future__ import annotations

import asyncio
import gzip
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.client.scripted_server import HEAD, Call, ScriptedServer, tell
from tricord.base.environment import Environment
from tricord.transport.client_connection import CallBroken, ClientConnection, ConnectionOptions, dial
from tricord.wire.grpc.messages import frame_message
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.grpc.timeouts import decode_timeout
from tricord.wire.http2.header_compression import literal_block
from tricord.wire.http2.limits import Http2Limits

PATH = "/etcdserverpb.KV/Put"


async def connected(
    world: Environment, server: ScriptedServer, options: ConnectionOptions | None = None
) -> ClientConnection:
    await server.listen(world)
    return await dial(world, "127.0.0.1", 2379, metadata=(("token", "abc"),), options=options)


async def broken(connection: ClientConnection, timeout: float = 5.0) -> GrpcError:
    with pytest.raises(GrpcError) as caught:
        await connection.unary(PATH, b"request", timeout)
    return caught.value


def test_a_call_goes_there_and_an_answer_comes_back() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer(lambda call: call.reply(b"answer"))
        connection = await connected(world, server)
        assert await connection.unary(PATH, b"request", 5.0) == b"answer"
        (call,) = server.calls
        assert (call.path, call.request) == (PATH, b"request")
        assert call.headers[b"te"] == b"trailers"
        assert call.headers[b"content-type"] == b"application/grpc"
        assert call.headers[b"token"] == b"abc"
        assert call.timeout is not None and 4.9 < (decode_timeout(call.timeout) or 0) <= 5.0
        connection.close()
        await connection.wait_closed()
        assert not connection.usable

    tell(story)


def test_many_calls_share_the_connection_and_may_be_answered_in_any_order() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer()
        held: list[Call] = []

        def answer(call: Call) -> None:
            held.append(call)
            if len(held) == 50:
                for waiting in reversed(held):
                    waiting.reply(waiting.request * 2)

        server.answer = answer  # type: ignore[method-assign]
        connection = await connected(world, server)
        answers = await asyncio.gather(*(connection.unary(PATH, b"%d" % number, 5.0) for number in range(50)))
        assert answers == [b"%d%d" % (number, number) for number in range(50)]
        assert len(server.sessions) == 1
        connection.close()

    tell(story)


def test_calls_beyond_what_the_server_allows_wait_for_their_turn() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer(limits=Http2Limits(max_concurrent_streams=2))
        open_at_once: list[int] = []

        def answer(call: Call) -> None:
            open_at_once.append(len(call.session.http2.streams))
            world.tasks.call_later(0.1, call.reply, call.request)

        server.answer = answer  # type: ignore[method-assign]
        connection = await connected(world, server)
        answers = await asyncio.gather(*(connection.unary(PATH, b"%d" % number, 5.0) for number in range(9)))
        assert answers == [b"%d" % number for number in range(9)]
        assert max(open_at_once) == 2
        connection.close()

    tell(story)


def test_a_status_comes_back_as_it_was_sent() -> None:
    async def story(world: Environment) -> None:
        text = "etcdserver: schlüssel 100% fehlt\n"
        server = ScriptedServer(lambda call: call.fail(Status.NOT_FOUND, text))
        connection = await connected(world, server)
        error = await broken(connection)
        assert (error.status, error.text) == (Status.NOT_FOUND, text)
        assert not isinstance(error, CallBroken)
        assert connection.usable
        connection.close()

    tell(story)


@pytest.mark.parametrize(
    ("http_status", "meaning"), [(b"503", Status.UNAVAILABLE), (b"404", Status.UNIMPLEMENTED), (b"302", Status.UNKNOWN)]
)
def test_an_http_answer_without_grpc_status_is_translated(http_status: bytes, meaning: Status) -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer(lambda call: call.headers_only(((b":status", http_status),)))
        connection = await connected(world, server)
        assert (await broken(connection)).status == meaning
        connection.close()

    tell(story)


def test_answers_split_anyhow_and_compressed_are_put_together() -> None:
    async def story(world: Environment) -> None:
        big = bytes(range(256)) * 4000
        squeezed = gzip.compress(b"small " * 100)

        def in_frames(call: Call) -> None:
            call.reply(big)

        def compressed(call: Call) -> None:
            http2, stream = call.session.http2, call.stream
            head = ((b":status", b"200"), (b"content-type", b"application/grpc"), (b"grpc-encoding", b"gzip"))
            http2.send_headers(stream, literal_block(head))
            framed = struct.pack(">BI", 1, len(squeezed)) + squeezed
            http2.send_data(stream, framed[:3])
            http2.send_data(stream, framed[3:])
            http2.send_headers(stream, literal_block(((b"grpc-status", b"0"),)), end_stream=True)

        connection = await connected(world, ScriptedServer(in_frames, compressed))
        assert await connection.unary(PATH, b"", 5.0) == big
        assert await connection.unary(PATH, b"", 5.0) == b"small " * 100
        connection.close()

    tell(story)


def test_a_large_request_waits_for_window_and_arrives_whole() -> None:
    async def story(world: Environment) -> None:
        big = bytes(range(256)) * 8000
        server = ScriptedServer(lambda call: call.reply(b"%d" % len(call.request)))
        connection = await connected(world, server)
        assert await connection.unary(PATH, big, 5.0) == b"%d" % len(big)
        assert server.calls[0].request == big
        connection.close()

    tell(story)


def test_answers_that_break_the_protocol_break_the_call_alone() -> None:
    async def story(world: Environment) -> None:
        def parts(call: Call, pieces: tuple[bytes, ...], end: bool) -> None:
            http2 = call.session.http2
            http2.send_headers(call.stream, HEAD)
            for piece in pieces:
                http2.send_data(call.stream, piece)
            if end:
                http2.send_headers(call.stream, literal_block(((b"grpc-status", b"0"),)), end_stream=True)
            else:
                http2.send_data(call.stream, b"", end_stream=True)

        connection = await connected(
            world,
            ScriptedServer(
                lambda call: parts(call, (frame_message(b"one") + frame_message(b"two"),), True),
                lambda call: parts(call, (), True),
                lambda call: parts(call, (frame_message(b"one"),), False),
                lambda call: call.headers_only(((b":status", b"200"), (b"grpc-status", b"what"))),
                lambda call: call.reply(b"fine"),
            ),
        )
        for words in ("two messages", "no message", "without a status", "grpc-status"):
            error = await broken(connection)
            assert words in error.text
        assert await connection.unary(PATH, b"", 5.0) == b"fine"
        connection.close()

    tell(story)


def test_an_answer_above_the_limit_is_refused() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer(lambda call: call.reply(bytes(200_000)))
        connection = await connected(world, server, ConnectionOptions(max_response_bytes=100_000))
        error = await broken(connection)
        assert error.status == Status.RESOURCE_EXHAUSTED
        assert isinstance(error, CallBroken) and error.sent
        connection.close()

    tell(story)


def test_a_stream_that_the_server_refuses_was_not_begun_and_one_that_it_resets_may_have_been() -> None:
    async def story(world: Environment) -> None:
        connection = await connected(world, ScriptedServer(Call.refuse, Call.reset))
        refused, reset = await broken(connection), await broken(connection)
        assert isinstance(refused, CallBroken) and not refused.sent
        assert isinstance(reset, CallBroken) and reset.sent
        assert connection.usable
        connection.close()

    tell(story)


def test_a_connection_that_is_cut_breaks_its_calls_and_takes_no_more() -> None:
    async def story(world: Environment) -> None:
        connection = await connected(world, ScriptedServer(Call.cut))
        first = await broken(connection)
        assert isinstance(first, CallBroken) and first.sent
        assert not connection.usable
        later = await broken(connection)
        assert isinstance(later, CallBroken) and not later.sent
        await connection.wait_closed()

    tell(story)


def test_after_goaway_streams_above_the_mark_were_not_begun_and_the_others_end_well() -> None:
    async def story(world: Environment) -> None:
        held: list[Call] = []

        def keep(call: Call) -> None:
            held.append(call)

        def goodbye(call: Call) -> None:
            call.goodbye(last_stream_id=1)
            world.tasks.call_later(1.0, held[0].reply, b"late")

        connection = await connected(world, ScriptedServer(keep, goodbye))
        first = asyncio.create_task(connection.unary(PATH, b"1", 5.0))
        second = asyncio.create_task(connection.unary(PATH, b"2", 5.0))
        with pytest.raises(CallBroken) as caught:
            await second
        assert not caught.value.sent
        assert not connection.usable
        connection.retire()
        assert await first == b"late"
        await connection.wait_closed()

    tell(story)


def test_a_call_out_of_time_is_taken_back_and_the_connection_is_probed() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer(lambda call: None, lambda call: call.reply(b"again"))
        connection = await connected(world, server)
        start = world.clock.monotonic()
        error = await broken(connection, timeout=1.5)
        assert isinstance(error, CallBroken) and error.sent
        assert error.status == Status.DEADLINE_EXCEEDED
        assert world.clock.monotonic() - start == pytest.approx(1.5, abs=0.01)
        await asyncio.sleep(10)  # the server answers the PING: the connection lives on
        assert connection.usable
        assert not server.sessions[0].http2.streams
        assert await connection.unary(PATH, b"", 5.0) == b"again"
        connection.close()

    tell(story)


def test_a_peer_that_does_not_even_answer_a_ping_is_given_up() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer(lambda call: call.session.transport.pause_reading())
        connection = await connected(world, server)
        await broken(connection, timeout=1.0)
        assert connection.usable
        await asyncio.sleep(2.1)
        assert not connection.usable
        await connection.wait_closed()

    tell(story)


def test_after_long_silence_a_call_first_asks_whether_anybody_is_there() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer(*[lambda call: call.reply(b"fine")] * 5)
        connection = await connected(world, server)
        await asyncio.sleep(100)
        answers = await asyncio.gather(*(connection.unary(PATH, b"", 5.0) for _ in range(5)))
        assert answers == [b"fine"] * 5
        connection.close()

    tell(story)


def test_a_call_after_long_silence_is_not_sent_into_nowhere() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer()
        connection = await connected(world, server)
        await asyncio.sleep(100)
        server.sessions[0].transport.pause_reading()
        first, impatient = asyncio.create_task(broken(connection)), asyncio.create_task(broken(connection, 0.5))
        for error, status in ((await impatient, Status.DEADLINE_EXCEEDED), (await first, Status.UNAVAILABLE)):
            assert isinstance(error, CallBroken) and not error.sent
            assert error.status == status
        assert not connection.usable
        await connection.wait_closed()
        server.sessions[0].transport.resume_reading()
        await asyncio.sleep(1)
        assert not server.calls

    tell(story)


def test_a_caller_that_is_cancelled_takes_its_call_back() -> None:
    async def story(world: Environment) -> None:
        server = ScriptedServer(lambda call: None)
        connection = await connected(world, server)
        task = asyncio.create_task(connection.unary(PATH, b"", 5.0))
        await asyncio.sleep(0.1)
        assert len(server.sessions[0].http2.streams) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)
        assert not server.sessions[0].http2.streams
        connection.close()

    tell(story)


def test_closing_breaks_what_is_under_way() -> None:
    async def story(world: Environment) -> None:
        connection = await connected(world, ScriptedServer(lambda call: None))
        task = asyncio.create_task(connection.unary(PATH, b"", 5.0))
        await asyncio.sleep(0.1)
        connection.close()
        with pytest.raises(CallBroken, match="closed"):
            await task
        await connection.wait_closed()

    tell(story)


def test_a_peer_that_closes_before_it_speaks_http2_is_told_from_one_that_is_not_there() -> None:
    async def story(world: Environment) -> None:
        with pytest.raises(ConnectionRefusedError):
            await dial(world, "127.0.0.1", 1)
        server = ScriptedServer()
        server.speaks_http2 = False
        await server.listen(world)
        dialling = asyncio.create_task(dial(world, "127.0.0.1", 2379))
        await asyncio.sleep(1)
        assert server.bytes_received > 0
        server.stop()
        with pytest.raises(CallBroken, match="TLS") as caught:
            await dialling
        assert not caught.value.sent

    tell(story)


def test_a_connection_that_was_told_goodbye_is_closed_when_it_is_idle() -> None:
    async def story(world: Environment) -> None:
        def last_answer(call: Call) -> None:
            call.goodbye(last_stream_id=call.stream.id)
            call.reply(b"last")

        server = ScriptedServer(last_answer)
        connection = await connected(world, server)
        assert await connection.unary(PATH, b"", 5.0) == b"last"
        await connection.wait_closed()
        await asyncio.sleep(0.1)
        assert server.sessions[0].lost

    tell(story)


@given(
    cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    noise=st.binary(max_size=60),
    place=st.integers(0, 400),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_server_says_every_call_ends(cuts: list[tuple[int, int]], noise: bytes, place: int) -> None:
    """The bytes of a true answer, some changed, some inserted: an answer or a GrpcError, never a hang or a fault."""

    async def story(world: Environment) -> None:
        def garble(call: Call) -> None:
            session = call.session
            session.flush()
            call.reply(b"answer" * 20)
            said = bytearray(b"".join(iter(lambda: bytes(session.http2.take_output()), b"")))
            for position, value in cuts:
                if position < len(said):
                    said[position] = value
            said[place:place] = noise
            session.transport.write(said)

        server = ScriptedServer()
        server.answer = garble  # type: ignore[method-assign]
        connection = await connected(world, server)
        for _ in range(2):
            try:
                await connection.unary(PATH, b"", 5.0)
            except GrpcError as error:
                assert error.text
        connection.close()

    tell(story)
