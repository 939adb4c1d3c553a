# SPDX-License-Identifier: Apache-2.0
"""Messages of Watch: bytes as protobuf writes them, fragments as etcd cuts them, requests as etcd reads them."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.etcd.strategies import INT64, KEYS, VALUES
from tricord.base.errors import MalformedMessage
from tricord.base.levels import Stamp
from tricord.base.operations import Event, EventKind, KeyValue
from tricord.base.watching import SharedEvent, WatchSpec
from tricord.wire.etcd import watches
from tricord.wire.etcd.responses import encode_header
from tricord.wire.etcd.watches import WITH_PREVIOUS, WITHOUT_PREVIOUS, WatchAskProgress, WatchCancel, WatchCreate
from tricord.wire.schemas import mvcc, watch
from tricord.wire.schemas.header import ResponseHeader

PAIRS = st.builds(KeyValue, KEYS.filter(bool), VALUES, INT64, INT64, INT64, INT64)
DELETED = st.builds(lambda key, revision: KeyValue(key, b"", 0, revision, 0), KEYS.filter(bool), INT64.filter(bool))
EVENTS = st.builds(Event, st.just(EventKind.PUT), PAIRS, st.none() | PAIRS) | st.builds(
    Event, st.just(EventKind.DELETE), DELETED, st.none() | PAIRS
)
FILTERS = [([0], False, True), ([1], True, False), ([1, 0, 9], False, False), ([9], True, True)]
STAMP = Stamp(11, 22, 3, 44)
HEADER = ResponseHeader(cluster_id=11, member_id=22, raft_term=3, revision=44)


def pair(kv: KeyValue) -> mvcc.KeyValue:
    return mvcc.KeyValue(
        key=kv.key,
        value=kv.value,
        create_revision=kv.create_revision,
        mod_revision=kv.mod_revision,
        version=kv.version,
        lease=kv.lease,
    )


def as_protobuf(event: Event, *, previous: bool) -> mvcc.Event:
    before = pair(event.previous) if previous and event.previous is not None else None
    return mvcc.Event(type=int(event.kind), kv=pair(event.kv), prev_kv=before)


@settings(deadline=None, max_examples=200)
@given(INT64, st.lists(EVENTS, min_size=1, max_size=4), st.booleans())
def test_events_have_the_bytes_that_protobuf_gives_them(watch_id: int, events: list[Event], previous: bool) -> None:
    name = WITH_PREVIOUS if previous else WITHOUT_PREVIOUS
    shared = [SharedEvent(event) for event in events]
    right = watch.WatchResponse(
        header=HEADER, watch_id=watch_id, events=[as_protobuf(event, previous=previous) for event in events]
    ).SerializeToString()
    for _ in range(2):
        encoded = watches.encode_events(encode_header(STAMP), watches.encode_watch_id(watch_id), shared, name)
        assert encoded == right


@given(INT64)
def test_the_other_answers_have_the_bytes_that_protobuf_gives_them(watch_id: int) -> None:
    assert watches.encode_created(STAMP, watch_id) == bytes_of(watch_id=watch_id, created=True)
    assert watches.encode_canceled(STAMP, watch_id) == bytes_of(watch_id=watch_id, canceled=True)
    assert watches.encode_progress(encode_header(STAMP), watch_id) == bytes_of(watch_id=watch_id)
    compacted = watches.encode_compacted(STAMP, watch_id, 300)
    assert compacted == bytes_of(watch_id=watch_id, canceled=True, compact_revision=300)


def bytes_of(**fields: int | bool) -> bytes:
    return watch.WatchResponse(header=HEADER, **fields).SerializeToString()  # type: ignore[arg-type]


def test_a_refusal_is_created_and_canceled() -> None:
    response = watch.WatchResponse(
        header=HEADER, watch_id=-1, created=True, canceled=True, cancel_reason="no \N{SNOWMAN}"
    )
    assert watches.encode_refused(STAMP, "no \N{SNOWMAN}") == response.SerializeToString()


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 400))
def test_fragments_are_whole_events_below_the_bound(sizes: list[int], most: int) -> None:
    events = [
        SharedEvent(Event(EventKind.PUT, KeyValue(b"k", bytes(size), 1, number + 1, 1)))
        for number, size in enumerate(sizes)
    ]
    pieces = [
        watch.WatchResponse.FromString(piece)
        for piece in watches.encode_fragments(encode_header(STAMP), b"\x10\x05", events, WITHOUT_PREVIOUS, most)
    ]
    assert [piece.fragment for piece in pieces] == [True] * (len(pieces) - 1) + [False]
    assert {(piece.watch_id, piece.header.revision) for piece in pieces} == {(5, 44)}
    assert [event.kv.mod_revision for piece in pieces for event in piece.events] == list(range(1, len(sizes) + 1))
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        assert len(piece.events) == 1 or len(piece.SerializeToString()) < most
        if following is not None:
            more = watch.WatchResponse.FromString(piece.SerializeToString())
            more.MergeFrom(watch.WatchResponse(events=[following.events[0]]))
            assert len(more.SerializeToString()) >= most, "as much as there is room for goes into one"


def test_what_clients_ask_is_understood() -> None:
    def read(**fields: object) -> object:
        return watches.decode_watch_request(watch.WatchRequest(**fields).SerializeToString())  # type: ignore[arg-type]

    create = watch.WatchCreateRequest(
        key=b"k", range_end=b"z", start_revision=-3, progress_notify=True, prev_kv=True, watch_id=7, fragment=True
    )
    spec = WatchSpec(b"k", b"z", -3, previous=True, progress=True)
    assert read(create_request=create) == WatchCreate(spec, 7, True)
    assert read(create_request=watch.WatchCreateRequest()) == WatchCreate(WatchSpec(b"\0"), 0, False)
    for filters, puts, deletes in (
        ([0], False, True),
        ([1], True, False),
        ([1, 0, 9], False, False),
        ([9], True, True),
    ):
        spec = WatchSpec(b"\0", puts=puts, deletes=deletes)
        assert read(create_request=watch.WatchCreateRequest(filters=filters)) == WatchCreate(spec, 0, False)
    assert read(cancel_request=watch.WatchCancelRequest(watch_id=3)) == WatchCancel(3)
    assert read(progress_request=watch.WatchProgressRequest()) == WatchAskProgress()
    assert read() is None


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_bytes_are_read_as_protobuf_reads_them_or_refused(data: bytes) -> None:
    try:
        watch.WatchRequest.FromString(data)
    except DecodeError:
        with pytest.raises(MalformedMessage):
            watches.decode_watch_request(data)
    else:
        watches.decode_watch_request(data)
