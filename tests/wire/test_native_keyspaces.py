# SPDX-License-Identifier: Apache-2.0
"""Messages about keyspaces: what is written is read again, and bytes that are none raise what callers expect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.errors import InvalidRequest, ServerFault
from tricord.base.keyspaces import (
    KeyspaceCreate,
    KeyspaceCreateResult,
    KeyspaceDrop,
    KeyspaceDropResult,
    KeyspaceList,
    KeyspaceListResult,
    KeyspaceRecord,
    Model,
)
from tricord.base.levels import Level
from tricord.base.values import DataType
from tricord.wire.native import keyspaces
from tricord.wire.schemas import keyspaces as schema

TYPES = st.none() | st.sampled_from(DataType)
RECORDS = st.builds(KeyspaceRecord, st.integers(0, 2**32 - 1), st.text(max_size=70), st.sampled_from(Model), TYPES)


@given(st.text(), st.sampled_from(Model), TYPES)
def test_requests_are_read_as_they_were_written(name: str, model: Model, kind: DataType | None) -> None:
    def data(request: Any, level: Level = Level.LINEARIZABLE) -> bytes:
        return keyspaces.KEYSPACE_MESSAGES[type(request)](request, level).SerializeToString(deterministic=True)

    assert keyspaces.decode_create(data(KeyspaceCreate(name, model, kind))) == KeyspaceCreate(name, model, kind)
    assert keyspaces.decode_drop(data(KeyspaceDrop(name))) == KeyspaceDrop(name)
    for level in (Level.LINEARIZABLE, Level.ANY):
        assert keyspaces.decode_list(data(KeyspaceList(), level)) == (KeyspaceList(), level)


@given(RECORDS, st.lists(RECORDS, max_size=5))
def test_answers_are_read_as_they_were_written(record: KeyspaceRecord, records: list[KeyspaceRecord]) -> None:
    encode = keyspaces.encode_result
    created, dropped, listed = KeyspaceCreateResult(record), KeyspaceDropResult(record), KeyspaceListResult(records)
    assert keyspaces.decode_create_response(encode(created)) == created
    assert keyspaces.decode_drop_response(encode(dropped)) == dropped
    assert keyspaces.decode_list_response(encode(listed)) == listed


def test_a_model_left_out_is_strong_and_one_of_a_later_version_is_refused() -> None:
    assert keyspaces.decode_create(schema.KeyspaceCreateRequest(name="a").SerializeToString()).model is Model.STRONG
    later = b"\x0a\x01a\x10\x63"
    with pytest.raises(InvalidRequest, match="model 99 is not known"):
        keyspaces.decode_create(later)
    with pytest.raises(InvalidRequest, match="number 99 is not known"):
        keyspaces.decode_create(b"\x0a\x01a\x10\x02\x18\x63")
    with pytest.raises(ServerFault, match="number 99 is not known"):
        keyspaces.decode_create_response(b"\x0a\x07\x12\x01a\x18\x02\x20\x63")
    with pytest.raises(ServerFault, match="model"):
        keyspaces.decode_create_response(b"\x0a\x05\x12\x01a\x18\x63")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    requests: list[Callable[[bytes], Any]] = [keyspaces.decode_create, keyspaces.decode_drop, keyspaces.decode_list]
    for decode in requests:
        try:
            decode(data)
        except InvalidRequest:  # MalformedMessage is one
            pass
    answers: list[Callable[[bytes], Any]] = [
        keyspaces.decode_create_response,
        keyspaces.decode_drop_response,
        keyspaces.decode_list_response,
    ]
    for decode in answers:
        try:
            decode(data)
        except ServerFault:
            pass
