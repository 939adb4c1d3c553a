# SPDX-License-Identifier: Apache-2.0
"""Anything that a client may write into the fields of a WatchRequest: each is answered as it should be, none harms."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.etcd.test_watch import Door, play
from tests.server.test_watching import write
from tricord.base.operations import Put
from tricord.server.member import Member
from tricord.wire.schemas.watch import WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest

EDGES = [0, 1, -1, 2, 7, (1 << 31) - 1, 1 << 31, (1 << 63) - 1, -(1 << 63)]
NUMBERS = st.sampled_from(EDGES) | st.integers(-(1 << 63), (1 << 63) - 1)
KEYS = st.sampled_from([b"", b"\0", b"k", b"\xff", b"k" * 5_000]) | st.binary(max_size=4)
CREATES = st.builds(
    lambda **fields: WatchRequest(create_request=WatchCreateRequest(**fields)),
    key=KEYS,
    range_end=KEYS,
    start_revision=NUMBERS,
    progress_notify=st.booleans(),
    filters=st.lists(st.sampled_from([0, 1, 2, 99]), max_size=3),
    prev_kv=st.booleans(),
    watch_id=NUMBERS,
    fragment=st.booleans(),
)
CANCELS = st.builds(lambda watch_id: WatchRequest(cancel_request=WatchCancelRequest(watch_id=watch_id)), NUMBERS)
OTHERS = st.sampled_from([WatchRequest(), WatchRequest(progress_request=WatchProgressRequest())])


@settings(deadline=None, max_examples=20)
@given(st.lists(CREATES | CREATES | CREATES | CANCELS | OTHERS, max_size=25))
def test_each_request_is_answered_and_the_stream_lives(requests: list[WatchRequest]) -> None:
    async def story(member: Member, door: Door) -> None:
        for key in (b"k", b"\0", b"\xff"):
            await write(member, Put(key, b"1"))
        caller = door.open()
        for request in requests:
            caller.ask(request)
        await write(member, Put(b"k", b"2"))
        told = await caller.told(1.0)
        creates = [request.create_request for request in requests if request.HasField("create_request")]
        answers = [one for one in told if one.created]
        assert len(answers) == len(creates)
        alive: set[int] = set()
        for one in told:
            if one.created and not one.canceled:
                assert one.watch_id not in alive, "an id is one watch's"
                alive.add(one.watch_id)
            elif one.canceled and not one.created and not one.compact_revision:
                alive.remove(one.watch_id)
        for create, answer in zip(creates, answers, strict=True):
            key = create.key or b"\0"
            if create.range_end not in (b"", b"\0") and create.range_end <= key:
                assert answer.cancel_reason == "mvcc: watcher range is empty"
            elif not answer.canceled:
                assert create.start_revision >= 0
                assert create.watch_id in (0, answer.watch_id)
            else:
                assert answer.watch_id == -1
                assert "duplicate" in answer.cancel_reason or "compacted" in answer.cancel_reason
        for one in told:
            for event in one.events:
                assert event.kv.key in (b"k", b"\0", b"\xff")
        assert caller.failure is None
        assert member.failure is None
        caller.create(b"k", watch_id=123_456)
        assert [one.created for one in await caller.told()][-1:] == [True]

    play(story)
