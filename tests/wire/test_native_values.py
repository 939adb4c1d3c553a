# SPDX-License-Identifier: Apache-2.0
"""Messages about typed values: what is written is read again, and bytes that are none raise what callers expect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.base import changes
from tricord.base.dots import INCARNATION_MAX, Dot, Origin, VersionVector
from tricord.base.errors import (
    InvalidRequest,
    MalformedMessage,
    NestedTooDeep,
    ServerFault,
    TricordError,
    UnknownType,
)
from tricord.base.hybrid_clock import HybridTime
from tricord.base.levels import Level, Stamp
from tricord.base.typed import (
    Fetch,
    FetchResult,
    KeyChange,
    TypedEvents,
    TypedKey,
    TypedWatch,
    Update,
    UpdateResult,
)
from tricord.base.values import DataType, Shown, Sibling
from tricord.wire.native import value_watches, values
from tricord.wire.native.value_watches import WatchAnswer, WatchCancel, WatchCreate, WatchCreated, WatchEnded
from tricord.wire.schemas import values as schema

U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
BYTES = st.binary(max_size=12)
PLAIN_CHANGES = st.one_of(
    st.builds(changes.Put, BYTES),
    st.builds(changes.PutLast, BYTES),
    st.builds(changes.Add, st.integers(-(2**63), 2**63 - 1)),
    st.builds(changes.AddElement, BYTES),
    st.builds(changes.RemoveElement, BYTES),
    st.builds(changes.RemoveField, BYTES),
    st.builds(changes.Remove),
    st.builds(changes.KeepOnly, st.integers(1, 2**31 - 1)),
)
CHANGES = st.recursive(PLAIN_CHANGES, lambda inner: st.builds(changes.ChangeField, BYTES, inner), max_leaves=6)
UPDATES = st.builds(
    Update, st.lists(st.builds(KeyChange, BYTES, CHANGES, BYTES, U64), max_size=4), st.integers(1, 2**32 - 1)
)
FETCHES = st.builds(Fetch, BYTES, BYTES, U32, st.integers(1, 2**32 - 1))

STAMPS = st.builds(HybridTime, U64)
DOTS = st.builds(Dot, U32, st.integers(0, INCARNATION_MAX), U64)
UNKNOWN = st.lists(st.integers(100, 2**31 - 1), max_size=2).map(tuple)


@st.composite
def registers(draw: st.DrawFn) -> Shown:
    siblings = tuple(draw(st.lists(st.builds(Sibling, BYTES, DOTS, STAMPS, U64), max_size=3)))
    value = siblings[0].value if siblings else draw(BYTES)
    return Shown(draw(st.sampled_from([DataType.REGISTER, DataType.LAST_WRITER])), value, draw(STAMPS), siblings)


FLAT = st.one_of(
    registers(),
    st.builds(Shown, st.just(DataType.COUNTER), st.integers(-(2**80), 2**80), STAMPS),
    st.builds(Shown, st.just(DataType.SET), st.lists(BYTES, max_size=3), STAMPS),
)
SHOWN = st.recursive(
    FLAT,
    lambda inner: st.builds(
        Shown,
        st.just(DataType.MAP),
        st.dictionaries(BYTES, inner, max_size=3),
        STAMPS,
        others=st.lists(inner, max_size=2).map(tuple),
        unknown=UNKNOWN,
    ),
    max_leaves=6,
)
KEYS = st.lists(st.builds(TypedKey, BYTES, st.none() | SHOWN, BYTES), max_size=3)
VECTORS = st.dictionaries(
    st.builds(Origin, U32, st.integers(0, INCARNATION_MAX)), st.integers(1, 2**64 - 1), max_size=3
).map(VersionVector)
STAMP = Stamp(11, 22, 3, 44, Level.ANY, None)


def data(request: Any) -> bytes:
    return values.VALUE_MESSAGES[type(request)](request, Level.ANY).SerializeToString(deterministic=True)


@settings(max_examples=40)
@given(UPDATES, FETCHES)
def test_requests_are_read_as_they_were_written(update: Update, fetch: Fetch) -> None:
    assert values.decode_update(data(update)) == update
    assert values.decode_fetch(data(fetch)) == fetch


@settings(max_examples=40)
@given(U64, st.integers(1, 2**32 - 1), KEYS, st.booleans())
def test_answers_are_read_as_they_were_written(sequence: int, acks: int, keys: list[TypedKey], more: bool) -> None:
    updated, fetched = UpdateResult(sequence, acks), FetchResult(sequence, keys, more)
    assert values.decode_update_response(values.encode_result(updated, STAMP), Level.ANY) == (updated, STAMP)
    assert values.decode_fetch_response(values.encode_result(fetched, STAMP), Level.ANY) == (fetched, STAMP)


@settings(max_examples=40)
@given(BYTES, BYTES, st.none() | VECTORS, BYTES, U64)
def test_requests_of_a_watch_are_read_as_they_were_written(
    key: bytes, end: bytes, resume: VersionVector | None, position: bytes, number: int
) -> None:
    for request in (WatchCreate(TypedWatch(key, end, resume, position)), WatchCancel(number)):
        assert value_watches.decode_watch_request(value_watches.encode_watch_request(request)) == request


@settings(max_examples=40)
@given(U64, KEYS, st.none() | VECTORS, st.booleans(), BYTES)
def test_what_a_watch_tells_is_read_as_it_was_written(
    number: int, keys: list[TypedKey], vector: VersionVector | None, resynced: bool, position: bytes
) -> None:
    told: list[WatchAnswer] = [
        TypedEvents(number, number, keys, vector, resynced, position),
        WatchCreated(number),
        WatchEnded(number),
        WatchEnded(number, "stopping", "server stopped"),
    ]
    for each in told:
        assert value_watches.decode_watch_answer(value_watches.encode_watch_answer(each, STAMP)) == (each, STAMP)


def test_a_change_that_says_nothing_or_names_no_type_is_refused() -> None:
    for change in (schema.ValueChange(), schema.ValueChange(keep_only=-1), schema.ValueChange(keep_only=0)):
        message = schema.UpdateRequest(changes=[schema.KeyChange(key=b"a", change=change)])
        with pytest.raises(InvalidRequest):
            values.decode_update(message.SerializeToString())
    with pytest.raises(InvalidRequest, match="says nothing"):
        value_watches.decode_watch_request(b"")


def test_what_does_not_fit_is_not_written() -> None:
    deep: changes.Change = changes.Add(1)
    for _ in range(values.DEPTH_MAX):
        deep = changes.ChangeField(b"a", deep)
    with pytest.raises(NestedTooDeep):
        data(Update([KeyChange(b"a", deep)]))
    for request in (Update([KeyChange(b"a", changes.Add(2**63))]), Fetch(b"a", limit=-1)):
        with pytest.raises(ValueError, match=r"[Oo]ut of range"):
            data(request)


def test_nesting_beyond_all_measure_is_no_message() -> None:
    change = b"\x18\x01"
    for _ in range(200):
        inner = b"\x12" + _length(len(change)) + change
        change = b"\x32" + _length(len(inner)) + inner
    key_change = b"\x12" + _length(len(change)) + change
    with pytest.raises(MalformedMessage):
        values.decode_update(b"\x0a" + _length(len(key_change)) + key_change)


def _length(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def test_values_of_a_later_version() -> None:
    later = schema.TypedValue(type=99)
    with pytest.raises(UnknownType):
        values.decode_fetch_response(_fetched(later), Level.ANY)
    beside = schema.TypedValue(type=schema.COUNTER, counter=3, others=[later], unknown=[98])
    result, _ = values.decode_fetch_response(_fetched(beside), Level.ANY)
    assert result.keys[0].value == Shown(DataType.COUNTER, 3, HybridTime(0), unknown=(98, 99))
    sibling = schema.ValueSibling(incarnation=2**63)
    with pytest.raises(ServerFault):
        values.decode_fetch_response(_fetched(schema.TypedValue(type=schema.REGISTER, siblings=[sibling])), Level.ANY)


def _fetched(value: schema.TypedValue) -> bytes:
    return schema.FetchResponse(keys=[schema.TypedKeyValue(key=b"a", value=value)]).SerializeToString()


DECODERS: list[tuple[Callable[[bytes], Any], type[TricordError]]] = [
    (values.decode_update, InvalidRequest),
    (values.decode_fetch, InvalidRequest),
    (value_watches.decode_watch_request, InvalidRequest),
    (lambda raw: values.decode_update_response(raw, Level.ANY), ServerFault),
    (lambda raw: values.decode_fetch_response(raw, Level.ANY), ServerFault),
    (value_watches.decode_watch_answer, ServerFault),
]


@given(st.binary(max_size=80))
def test_bytes_that_are_no_message_raise_what_callers_expect(raw: bytes) -> None:
    for decode, expected in DECODERS:
        try:
            decode(raw)
        except (expected, UnknownType):
            pass


@settings(max_examples=40)
@given(UPDATES, KEYS, st.data())
def test_damaged_messages_raise_what_callers_expect(update: Update, keys: list[TypedKey], drawn: st.DataObject) -> None:
    whole = [data(update), values.encode_result(FetchResult(1, keys), STAMP)]
    for place, raw in enumerate(whole):
        damaged = bytearray(raw)
        for _ in range(drawn.draw(st.integers(1, 3))):
            if damaged:
                damaged[drawn.draw(st.integers(0, len(damaged) - 1))] = drawn.draw(st.integers(0, 255))
        decode, expected = DECODERS[0] if place == 0 else DECODERS[4]
        try:
            decode(bytes(damaged))
        except (expected, UnknownType):
            pass
