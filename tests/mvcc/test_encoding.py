# SPDX-License-Identifier: Apache-2.0
"""Keys and records as bytes: order is kept, nothing is lost, and the format does not change by accident."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.operations import EventKind, KeyValue
from tricord.mvcc.keys import (
    decode_change,
    encode_change,
    escape,
    history_end,
    history_key,
    keyspace_prefix,
    keyspace_stop,
    lease_key,
    revision_key,
    split_revision_key,
    unescape,
)
from tricord.mvcc.records import decode_record, encode_record, mod_revision_of, turn_of

some_bytes = st.one_of(st.binary(max_size=6), st.lists(st.sampled_from((b"\x00", b"\x01", b"\xff"))).map(b"".join))
revisions = st.integers(1, (1 << 61) - 1)
PREFIX = keyspace_prefix(7)


@given(some_bytes)
def test_escaping_can_be_undone(key: bytes) -> None:
    assert unescape(escape(key)) == key


@given(some_bytes, some_bytes)
def test_escaping_keeps_the_order_and_no_key_begins_another(first: bytes, second: bytes) -> None:
    assert (escape(first) < escape(second)) == (first < second)
    assert first == second or not escape(second).startswith(escape(first))


@given(some_bytes, some_bytes, revisions, revisions, st.integers(0, 3), st.integers(0, 3))
def test_history_is_ordered_by_key_then_from_new_to_old(
    first: bytes, second: bytes, one: int, two: int, turn: int, other_turn: int
) -> None:
    ascending = history_key(PREFIX, first, one, turn) < history_key(PREFIX, second, two, other_turn)
    assert ascending == ((first, -one, -turn) < (second, -two, -other_turn))
    assert history_key(PREFIX, first, one, turn) < history_end(PREFIX, first)
    assert (history_end(PREFIX, first) <= history_key(PREFIX, second, two)) == (first < second)


@given(revisions, st.integers(0, 1 << 31), revisions, st.integers(0, 1 << 31))
def test_changes_are_ordered_as_they_were_made(one: int, sub: int, two: int, other_sub: int) -> None:
    first, second = revision_key(PREFIX, one, sub), revision_key(PREFIX, two, other_sub)
    assert (first < second) == ((one, sub) < (two, other_sub))
    assert split_revision_key(first) == (one, sub)


@given(some_bytes, st.sampled_from(EventKind), st.integers(0, 3))
def test_a_change_can_be_read_back(key: bytes, kind: EventKind, turn: int) -> None:
    assert decode_change(encode_change(kind, turn, key)) == (kind, turn, key)


@given(
    some_bytes, some_bytes, revisions, revisions, revisions, st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 2)
)
def test_a_record_can_be_read_back(
    key: bytes, value: bytes, create: int, mod: int, version: int, lease: int, turn: int
) -> None:
    record = encode_record(create, mod, version, lease, value, turn)
    assert decode_record(key, record) == KeyValue(key, value, create, mod, version, lease)
    assert mod_revision_of(record) == mod
    assert turn_of(record) == turn


def test_the_format_on_disk() -> None:
    assert encode_record(2, 3, 4, 0, b"v") == bytes.fromhex("01 0000000000000002 0000000000000003 0000000000000004 76")
    assert encode_record(2, 3, 4, 5, b"", 1) == bytes.fromhex(
        "06 0000000000000002 0000000000000003 0000000000000004 0000000000000005"
    )
    assert history_key(PREFIX, b"k\x00", 1, 2) == bytes.fromhex("00000007 6b 00ff 0001 fffffffffffffff9")
    assert revision_key(PREFIX, 9, 1) == bytes.fromhex("00000007 0000000000000009 00000001")
    assert encode_change(EventKind.DELETE, 2, b"k") == b"\x05k"
    assert lease_key(-1) == b"\xff" * 8


def test_an_unknown_record_is_not_guessed_at() -> None:
    with pytest.raises(AssertionError):
        decode_record(b"k", b"\x03" + bytes(40))


def test_the_last_keyspace_has_no_end() -> None:
    assert keyspace_stop(0) == keyspace_prefix(1)
    assert keyspace_stop(0xFFFF_FFFF) is None
