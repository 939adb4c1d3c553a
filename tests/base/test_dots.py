# SPDX-License-Identifier: Apache-2.0
"""Vectors and contexts are sets of dots, whatever the order in which dots arrive: equal sets, equal bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.dots import CausalContext, Dot, Origin, VersionVector, read_dots, write_dots
from tricord.base.encoding import Reader
from tricord.base.errors import MalformedEncoding

A, B = Origin(1, 7), Origin(2, 0)

origins = st.sampled_from([A, B, Origin(1, 2**48 - 1), Origin(0, 99)])
vectors = st.dictionaries(origins, st.integers(1, 6)).map(VersionVector)
dots = st.builds(lambda origin, counter: Dot(origin.replica, origin.incarnation, counter), origins, st.integers(1, 6))
dot_sets = st.frozensets(dots)


def all_of(vector: VersionVector) -> set[Dot]:
    return {Dot(*origin, n) for origin, top in vector.entries.items() for n in range(1, top + 1)}


def members(context: CausalContext) -> set[Dot]:
    return all_of(context.vector) | set(context.cloud_dots())


def test_a_dot_knows_its_origin_and_is_a_tuple() -> None:
    dot = Dot(1, 7, 3)
    assert dot.origin == A
    assert dot == (1, 7, 3)
    assert hash(dot) == hash((1, 7, 3))


@given(vectors, vectors)
def test_vectors_are_sets_without_holes(one: VersionVector, other: VersionVector) -> None:
    assert all_of(one.joined(other)) == all_of(one) | all_of(other)
    assert one.includes(other) == (all_of(one) >= all_of(other))
    assert all(dot in one for dot in all_of(one))
    assert not any(dot in one for dot in all_of(other) - all_of(one))
    for origin in (A, B):
        assert one.counter(origin) == len({dot for dot in all_of(one) if dot.origin == origin})


@given(vectors, vectors)
def test_what_changed_since_is_enough_to_go_on(previous: VersionVector, more: VersionVector) -> None:
    now = previous.joined(more)
    changes = now.since(previous)
    assert previous.joined(changes) == now
    assert len(changes) <= len(more)
    assert now.since(now) == VersionVector()


def test_dependencies_cost_what_changed_however_many_replicas_there_were() -> None:
    before = VersionVector({Origin(replica, 1): 1000 for replica in range(1, 1001)})
    now = before.copy()
    now.raise_to(Origin(500, 1), 1001)
    now.raise_to(Origin(500, 1), 3)
    assert len(before.encode()) > 4000
    assert len(now.since(before).encode()) == 7
    assert before.counter(Origin(500, 1)) == 1000, "a copy is a copy"


@given(st.lists(dots))
def test_a_context_is_the_set_of_its_dots_in_any_order(arrived: list[Dot]) -> None:
    context = CausalContext(arrived)
    assert members(context) == set(arrived)
    assert context == CausalContext(sorted(arrived))
    assert context.encode() == CausalContext(reversed(arrived)).encode()
    assert all(dot in context for dot in arrived)
    for origin in (A, B):
        assert context.newest(origin) == max([dot.counter for dot in arrived if dot.origin == origin], default=0)
        assert Dot(*origin, context.vector.counter(origin) + 1) not in context


@given(dot_sets, dot_sets, vectors)
def test_contexts_join_as_sets(one: frozenset[Dot], other: frozenset[Dot], vector: VersionVector) -> None:
    context = CausalContext(one)
    context.merge(CausalContext(other))
    assert context == CausalContext(one | other)
    assert context.includes(CausalContext(one))
    assert CausalContext(one).includes(CausalContext(other)) == (one >= other)
    before = context.copy()
    context.merge_vector(vector)
    assert context == CausalContext(one | other | all_of(vector))
    assert before == CausalContext(one | other), "a copy is a copy"
    assert before.includes(CausalContext(vector=vector)) == (before == context)


def test_a_context_without_holes_is_a_vector() -> None:
    context = CausalContext(Dot(*A, counter) for counter in (3, 2, 5))
    assert context.cloud
    context.add(Dot(*A, 1))
    assert context.vector == VersionVector({A: 3})
    assert list(context.cloud_dots()) == [Dot(*A, 5)]
    context.add(Dot(*A, 4))
    assert not context.cloud
    assert context != {Dot(*A, 5)}
    assert repr(CausalContext([Dot(*B, 2)])).count("2") >= 2


@given(dot_sets, vectors)
def test_bytes_come_back(some: frozenset[Dot], vector: VersionVector) -> None:
    assert VersionVector.decode(vector.encode()) == vector
    assert CausalContext.decode(CausalContext(some).encode()) == CausalContext(some)
    out = bytearray()
    write_dots(out, some)
    assert read_dots(Reader(bytes(out))) == tuple(sorted(some))


@given(st.binary(max_size=40), dot_sets, st.data())
def test_hostile_bytes_are_refused_or_are_the_only_form(
    noise: bytes, some: frozenset[Dot], data: st.DataObject
) -> None:
    good = CausalContext(some).encode()
    cut = data.draw(st.integers(0, len(good)))
    for attempt in (noise, b"\x01" + noise, good[:cut] + noise, good[:cut]):
        for kind in (VersionVector, CausalContext):
            try:
                assert kind.decode(attempt).encode() == attempt
            except MalformedEncoding:
                continue


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\x02\x01\x07\x01\x01\x07\x02",  # one origin twice
        b"\x01\x01\x01\x07\x00",  # an empty entry
        b"\x01\x01\x01\x80\x80\x80\x80\x80\x80\x80\x01\x01",  # an incarnation of 50 bits
    ],
)
def test_a_vector_in_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedEncoding):
        VersionVector.decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\x00\x01\x01\x07\x00\x00",  # an origin without counters
        b"\x01\x00\x01\x01\x07\x01" + b"\xff" * 9 + b"\x01",  # a counter beyond 64 bits
        b"\x01\x00\x02\x01\x07\x01\x00\x01\x07\x01\x05",  # one origin twice
    ],
)
def test_a_cloud_in_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedEncoding):
        CausalContext.decode(data)


@pytest.mark.parametrize(
    "dots_written",
    [
        [(1, 7, 1), (1, 7, 1)],  # one twice
        [(1, 7, 2), (1, 7, 1)],  # out of order
        [(1, 7, 0)],  # no write is the 0th
        [(1, 2**48, 1)],  # an incarnation of 49 bits
    ],
)
def test_dots_in_another_form_are_refused(dots_written: list[tuple[int, int, int]]) -> None:
    data = bytes([len(dots_written)]) + b"".join(struct.pack(">IQQ", *dot) for dot in dots_written)
    with pytest.raises(MalformedEncoding):
        read_dots(Reader(data))
