# SPDX-License-Identifier: Apache-2.0
"""The Watch service on a member in virtual time: what clients may ask, what they are told, and that nothing is left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tests.server import test_member_engine
from tests.server.test_watching import write
from tricord.api.etcd.watch import methods
from tricord.base.context import Context
from tricord.base.operations import Compact, DeleteRange, Put
from tricord.server.member import Member
from tricord.wire.grpc.metadata import EMPTY, Metadata
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas.watch import (
    WatchCancelRequest,
    WatchCreateRequest,
    WatchProgressRequest,
    WatchRequest,
    WatchResponse,
)


class Caller:
    """A streaming call whose caller takes messages as ``room`` says."""

    deadline: float | None = None
    peer = ""
    cancelled = False

    def __init__(self, handler: Any, room: int, metadata: Metadata) -> None:
        self.metadata = metadata
        self.room = room
        self.sent: deque[bytes] = deque()
        self.failure: tuple[int, str] | None = None
        self._asked: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._on_room: Callable[[], None] | None = None
        self.task = asyncio.ensure_future(self._run(handler))

    async def _run(self, handler: Any) -> None:
        try:
            await handler(self)
        except GrpcError as error:
            self.failure = (error.status, error.text)

    # --- the handler's side

    def set_leading(self, name: str, value: str | bytes) -> None:
        raise AssertionError("the door sends no metadata")

    def set_trailing(self, name: str, value: str | bytes) -> None:
        raise AssertionError("the door sends no metadata")

    def on_cancel(self, function: Callable[[], None]) -> None:
        raise AssertionError("the handler is cancelled, that is enough")

    def messages(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        message = await self._asked.get()
        if message is None:
            raise StopAsyncIteration
        return message

    async def send(self, message: bytes) -> None:
        self.sent.append(message)

    def post(self, messages: list[bytes]) -> bool:
        self.sent.extend(messages)
        return len(self.sent) < self.room

    def on_room(self, function: Callable[[], None]) -> None:
        self._on_room = function

    def fail(self, status: Status, text: str) -> None:
        self.failure = (status, text)
        self.task.cancel()

    # --- the test's side

    def create(self, key: bytes, range_end: bytes = b"", **fields: Any) -> None:
        self.ask(WatchRequest(create_request=WatchCreateRequest(key=key, range_end=range_end, **fields)))

    def cancel(self, watch_id: int) -> None:
        self.ask(WatchRequest(cancel_request=WatchCancelRequest(watch_id=watch_id)))

    def progress(self) -> None:
        self.ask(WatchRequest(progress_request=WatchProgressRequest()))

    def ask(self, request: WatchRequest) -> None:
        self._asked.put_nowait(request.SerializeToString())

    def ask_nonsense(self, data: bytes) -> None:
        self._asked.put_nowait(data)

    def half_close(self) -> None:
        self._asked.put_nowait(None)

    async def told(self, seconds: float = 0.05) -> list[WatchResponse]:
        """What came, and what comes in so much time."""
        await asyncio.sleep(seconds)
        found = [WatchResponse.FromString(message) for message in self.sent]
        self.sent.clear()
        function, self._on_room = self._on_room, None
        if function is not None:
            function()
        return found

    async def short(self) -> str:
        return " ".join(map(shortly, await self.told()))

    async def gone(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


class Door:
    """Streams that a test opens; they are closed when it ends."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._callers: list[Caller] = []
        self._methods = methods(member.engine)

    def open(self, *, room: int = 1 << 30, metadata: Metadata = EMPTY, **bounds: int) -> Caller:
        (method,) = methods(self._member.engine, **bounds) if bounds else self._methods
        self._callers.append(Caller(method.handler, room, metadata))
        return self._callers[-1]

    async def close(self) -> None:
        for caller in self._callers:
            await caller.gone()


def play(story: Callable[[Member, Door], Coroutine[Any, Any, None]]) -> None:
    async def whole(member: Member) -> None:
        door = Door(member)
        try:
            await story(member, door)
        finally:
            await door.close()
        assert member.watching.hub.count == 0
        assert not member.watching.hub.queues

    test_member_engine.play(whole)


def shortly(response: WatchResponse) -> str:
    """``0:created``, ``0:+k@2-k@3``, ``0:canceled``, ``0:compacted@3``, ``-1:@9``: a mark, ``0:~+k@2``: a fragment."""
    words = "created" * response.created + "canceled" * response.canceled
    if response.compact_revision:
        words = f"compacted@{response.compact_revision}"
    words += "~" * response.fragment
    words += "".join(f"{'+-'[event.type]}{event.kv.key.decode()}@{event.kv.mod_revision}" for event in response.events)
    return f"{response.watch_id}:{words or f'@{response.header.revision}'}"


def test_one_stream_from_its_first_watch_to_its_last() -> None:
    async def story(member: Member, door: Door) -> None:
        caller = door.open()
        await write(member, Put(b"a", b"1"))
        caller.create(b"a")
        caller.create(b"a", b"c", start_revision=2, prev_kv=True)
        (first, second, events) = await caller.told()
        assert (first.watch_id, first.created, first.header.revision) == (0, True, 2)
        assert first.header.cluster_id == member.identity.cluster
        assert first.header.member_id == member.identity.member
        assert first.header.raft_term == member.replica.term
        assert (second.watch_id, second.created) == (1, True)
        assert shortly(events) == "1:+a@2"
        await write(member, Put(b"a", b"2"))
        put = await caller.told()
        assert [shortly(one) for one in put] == ["0:+a@3", "1:+a@3"]
        assert [event.HasField("prev_kv") for one in put for event in one.events] == [False, True]
        await write(member, DeleteRange(b"a"))
        gone = await caller.told()
        assert [shortly(one) for one in gone] == ["0:-a@4", "1:-a@4"]
        assert gone[1].events[0].prev_kv.value == b"2"
        caller.cancel(0)
        caller.cancel(0)
        caller.cancel(77)
        await write(member, Put(b"a", b"2"))
        assert await caller.short() == "0:canceled 1:+a@5"
        caller.progress()
        assert await caller.short() == "-1:@5"
        caller.half_close()
        await write(member, Put(b"b", b""))
        assert await caller.short() == "1:+b@6"
        await caller.gone()

    play(story)


def test_ids_are_chosen_by_either_side_once() -> None:
    async def story(member: Member, door: Door) -> None:
        caller = door.open()
        for watch_id in (1, 0, 0, 2, 1, -7, 0):
            caller.create(b"k", watch_id=watch_id)
        created = await caller.told()
        assert [one.watch_id for one in created] == [1, 0, 2, -1, -1, -7, 3]
        refused = created[3]
        assert (refused.created, refused.canceled) == (True, True)
        assert refused.cancel_reason == "mvcc: duplicate watch ID provided on the WatchStream"
        caller.cancel(2)
        caller.create(b"k")
        caller.create(b"k", watch_id=2)
        assert await caller.short() == "2:canceled 4:created 2:created"
        await write(member, Put(b"k", b""))
        assert {one.watch_id for one in await caller.told()} == {1, 0, 2, -7, 3, 4}

    play(story)


COMPACTED = "etcdserver: mvcc: required revision has been compacted"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"key": b"b", "range_end": b"a"}, "mvcc: watcher range is empty"),
        ({"key": b"b", "range_end": b"b"}, "mvcc: watcher range is empty"),
        ({"key": b"b", "range_end": b"\0\0"}, "mvcc: watcher range is empty"),
        (
            {"key": b"", "range_end": b"\0\0", "start_revision": -1},
            "etcdserver: mvcc: required revision has been compacted",
        ),
        ({"key": b"b", "start_revision": -1}, COMPACTED),
        (
            {"key": b"b", "start_revision": -(1 << 63), "watch_id": 5},
            "etcdserver: mvcc: required revision has been compacted",
        ),
    ],
)
def test_what_cannot_be_watched_is_created_and_canceled_in_one(fields: dict[str, Any], reason: str) -> None:
    async def story(member: Member, door: Door) -> None:
        caller = door.open()
        caller.create(**fields)
        caller.create(b"k")
        refused, created = await caller.told()
        assert (refused.watch_id, refused.created, refused.canceled, refused.cancel_reason) == (-1, True, True, reason)
        assert shortly(created) == "0:created"
        assert member.watching.hub.count == 1

    play(story)


def test_bytes_that_are_no_request_end_the_stream_and_an_empty_one_does_nothing() -> None:
    async def story(member: Member, door: Door) -> None:
        caller = door.open()
        caller.ask(WatchRequest())
        caller.create(b"k")
        assert await caller.short() == "0:created"
        caller.ask_nonsense(b"\xff\xff")
        await caller.told()
        assert caller.failure is not None
        assert caller.failure[0] == Status.INTERNAL
        assert member.watching.hub.count == 0
        assert not member.watching.hub.queues

    play(story)


def test_a_compacted_start_ends_the_watch_and_not_the_stream() -> None:
    async def story(member: Member, door: Door) -> None:
        for _ in range(5):
            await write(member, Put(b"k", b""))
        await member.engine.ask(Compact(4), Context())
        caller = door.open()
        caller.create(b"k", start_revision=2, watch_id=9)
        caller.create(b"k", start_revision=4)
        created, following, compacted, events = await caller.told()
        assert (shortly(created), shortly(following), shortly(events)) == ("9:created", "0:created", "0:+k@4+k@5+k@6")
        assert (shortly(compacted), compacted.canceled, compacted.cancel_reason) == ("9:compacted@4", True, "")
        assert (compacted.header.revision, compacted.header.raft_term) == (0, member.replica.term)
        caller.create(b"k", watch_id=9)
        caller.cancel(9)
        caller.create(b"k", watch_id=9)
        assert await caller.short() == "-1:createdcanceled 9:canceled 9:created"

    play(story)


def test_a_watch_that_is_canceled_while_its_end_is_on_the_way_is_canceled() -> None:
    async def story(member: Member, door: Door) -> None:
        await write(member, Put(b"k", b""))
        await write(member, Put(b"k", b""))
        await member.engine.ask(Compact(3), Context())
        caller = door.open()
        caller.create(b"k", start_revision=2)
        caller.cancel(0)
        caller.create(b"k")
        assert await caller.short() == "0:created 0:canceled 1:created"
        assert caller.failure is None

    play(story)


def test_large_answers_come_in_fragments_where_that_was_asked_for() -> None:
    async def story(member: Member, door: Door) -> None:
        caller = door.open(max_request_bytes=10_000 - (512 << 10))
        caller.create(b"a", b"z", fragment=True)
        caller.create(b"a", b"z")
        await caller.told()
        await write(member, *(Put(b"%c" % letter, bytes(4_000)) for letter in b"abcde"))
        told = [shortly(one) for one in await caller.told()]
        assert told == ["0:~+a@2+b@2", "0:~+c@2+d@2", "0:+e@2", "1:+a@2+b@2+c@2+d@2+e@2"]

    play(story)


def test_what_is_not_taken_waits_in_the_member_and_comes_later() -> None:
    async def story(member: Member, door: Door) -> None:
        caller = door.open(room=1)
        caller.create(b"k")
        await caller.told()
        for number in range(400):
            await write(member, Put(b"k", bytes(20_000) + b"%d" % number))
        assert len(caller.sent) < 40
        assert member.watching.hub.behind == 1
        (queue,) = member.watching.hub.queues
        assert queue.bytes < 5 << 20
        seen: list[int] = []
        while told := await caller.told():
            seen += [event.kv.mod_revision for one in told for event in one.events]
        assert seen == list(range(2, 402))
        assert member.watching.hub.behind == 0

    play(story)


def test_to_look_after_many_streams_that_require_a_leader_costs_what_one_does() -> None:
    async def story(member: Member, door: Door) -> None:
        callers = [door.open(metadata=Metadata([("hasleader", "true")])) for _ in range(50)]
        await asyncio.sleep(0.5)
        looks, status = 0, member.engine.status

        def counted() -> Any:
            nonlocal looks
            looks += 1
            return status()

        member.engine.status = counted
        await asyncio.sleep(10)
        assert 5 <= looks <= 20
        for caller in callers:
            caller.task.cancel()
        await asyncio.sleep(2)
        looks = 0
        await asyncio.sleep(10)
        assert not looks, "nobody is left"
        member.engine.status = status

    play(story)


def test_a_client_that_requires_a_leader_is_told_when_there_is_none() -> None:
    async def story(member: Member, door: Door) -> None:
        metadata = Metadata([("hasleader", "true")])
        caller, other = door.open(metadata=metadata), door.open()
        caller.create(b"k")
        assert await caller.short() == "0:created"
        await asyncio.sleep(10)
        assert caller.failure is None
        status = member.engine.status

        def leaderless() -> Any:
            return replace(status(), leader=0)

        member.engine.status = leaderless
        late = door.open(metadata=metadata)
        await asyncio.sleep(4)
        for one in (caller, late):
            assert one.failure == (Status.UNAVAILABLE, "etcdserver: no leader")
            assert one.task.done()
        assert other.failure is None
        member.engine.status = status

    play(story)


def test_a_member_that_stops_says_so_to_all_streams() -> None:
    async def story(member: Member, door: Door) -> None:
        callers = [door.open(room=room) for room in (1, 1000)]
        for caller in callers:
            caller.create(b"k")
            await caller.told()
        await write(member, Put(b"k", b""))
        await asyncio.sleep(0.01)
        member.engine.stop()
        await asyncio.sleep(0.01)
        late = door.open()
        for caller in callers:
            caller.create(b"k")
        await asyncio.sleep(0.01)
        for caller in (*callers, late):
            assert caller.failure == (Status.UNAVAILABLE, "etcdserver: server stopped")

    play(story)
