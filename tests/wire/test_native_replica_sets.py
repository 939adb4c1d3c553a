# SPDX-License-Identifier: Apache-2.0
"""Messages about replica sets: what is written is read again, and bytes that are none raise what callers expect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.errors import InvalidRequest, ServerFault
from tricord.base.keyspaces import KeyspaceRecord, Model
from tricord.base.levels import Level
from tricord.base.replica_sets import (
    EdgeReplica,
    Holder,
    KeyspaceDescribe,
    KeyspaceDescribeResult,
    MemberReplica,
    ReplicaAttach,
    ReplicaHere,
    ReplicaRetire,
    ReplicaRetireResult,
    ReplicaSet,
)
from tricord.wire.native import replica_sets

IDS = st.integers(0, 2**32 - 1)
HOLDERS: st.SearchStrategy[Holder] = st.one_of(
    st.builds(MemberReplica, st.integers(1, 2**64 - 1)), st.builds(EdgeReplica, st.binary(min_size=16, max_size=16))
)
SETS = st.builds(ReplicaSet, st.integers(0, 2**63), st.dictionaries(IDS, HOLDERS, max_size=4), IDS)
HERE = st.builds(
    ReplicaHere,
    IDS,
    st.booleans(),
    *[st.integers(0, 2**60)] * 4,
    st.dictionaries(IDS, st.integers(0, 2**40).map(lambda milliseconds: milliseconds / 1000), max_size=3),
)
RECORDS = st.builds(KeyspaceRecord, IDS, st.text(max_size=70), st.sampled_from(Model))


def data(request: Any, level: Level = Level.LINEARIZABLE) -> bytes:
    return replica_sets.REPLICA_MESSAGES[type(request)](request, level).SerializeToString(deterministic=True)


@given(IDS, HOLDERS, IDS)
def test_changes_are_read_as_they_were_written(keyspace: int, holder: Holder, number: int) -> None:
    attach, retire = ReplicaAttach(keyspace, holder, number), ReplicaRetire(keyspace, number)
    assert replica_sets.decode_attach(data(attach)) == attach
    assert replica_sets.decode_retire(data(retire)) == retire


@given(RECORDS, SETS, st.none() | HERE)
def test_descriptions_are_read_as_they_were_written(
    record: KeyspaceRecord, replicas: ReplicaSet, here: ReplicaHere | None
) -> None:
    for level in (Level.LINEARIZABLE, Level.ANY):
        asked = KeyspaceDescribe(record.name)
        assert replica_sets.decode_describe(data(asked, level)) == (asked, level)
    described = KeyspaceDescribeResult(record, replicas, here)
    assert replica_sets.decode_describe_response(replica_sets.encode_described(described)) == described
    retired = ReplicaRetireResult(replicas.epoch)
    assert replica_sets.decode_retire_response(replica_sets.encode_retired(retired)) == retired


def test_a_holder_that_is_none_is_refused() -> None:
    for message in (b"", b"\x1a\x01a", b"\x10\x01\x1a\x10" + b"e" * 16):
        with pytest.raises(InvalidRequest, match="16 bytes"):
            replica_sets.decode_attach(message)
    with pytest.raises(ServerFault, match="replica 5 is held by"):
        replica_sets.decode_describe_response(b"\x0a\x02\x18\x02\x22\x02\x08\x05")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    requests: list[Callable[[bytes], Any]] = [
        replica_sets.decode_attach,
        replica_sets.decode_retire,
        replica_sets.decode_describe,
    ]
    for decode in requests:
        try:
            decode(data)
        except InvalidRequest:  # MalformedMessage is one
            pass
    answers: list[Callable[[bytes], Any]] = [
        replica_sets.decode_describe_response,
        replica_sets.decode_retire_response,
    ]
    for decode in answers:
        try:
            decode(data)
        except ServerFault:
            pass
