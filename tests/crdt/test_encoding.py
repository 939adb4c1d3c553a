# SPDX-License-Identifier: Apache-2.0
"""Bytes of cells and deltas: one form for each, and nothing hostile gets in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crdt.executions import executions
from tests.crdt.history import MAP
from tricord.base.dots import Dot
from tricord.base.errors import MalformedEncoding, NestedTooDeep
from tricord.base.hybrid_clock import hybrid_time
from tricord.crdt import add_wins_set, counter, map, register
from tricord.crdt.cell import DEPTH_MAX, Cell, Delta, Entry
from tricord.crdt.digest import added, key_digest
from tricord.crdt.encoding import decode_cell, decode_delta, encode_cell, encode_delta
from tricord.crdt.keyspace_state import KeyspaceState

A, B = Dot(1, 5, 1), Dot(2, 5, 1)
PLAIN = Entry(hybrid_time(1), 0, b"v")
BRIEF = Entry(hybrid_time(1), 9, b"v")


@settings(max_examples=50, deadline=None)
@given(executions(MAP))
def test_deltas_and_states_come_back(replicas: list[object]) -> None:
    for replica in replicas:
        for _, delta, _ in replica.written:  # type: ignore[attr-defined]
            assert decode_delta(encode_delta(delta)) == delta
        state: KeyspaceState = replica.state  # type: ignore[attr-defined]
        again = KeyspaceState.decode(state.encode())
        assert (again.cells, again.context) == (state.cells, state.context)


@settings(max_examples=100, deadline=None)
@given(executions(MAP, steps=8), st.data())
def test_damaged_bytes_are_refused_or_are_the_only_form_of_something_else(
    replicas: list[object], data: st.DataObject
) -> None:
    state: KeyspaceState = replicas[0].state  # type: ignore[attr-defined]
    for good in [state.encode(), *[b"\x01\x00" + encode_cell(cell) for cell in state.cells.values()]]:
        changed = bytearray(good)
        for _ in range(data.draw(st.integers(0, 3))):
            changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
        attempt = bytes(changed[: data.draw(st.integers(0, len(good)))]) + data.draw(st.binary(max_size=9))
        only_form(attempt)


@given(st.binary(max_size=80))
def test_noise_is_refused_or_the_only_form(noise: bytes) -> None:
    only_form(b"\x01" + noise)
    only_form(noise)


def only_form(attempt: bytes) -> None:
    """Each way to read the bytes gives them back, or refuses them by a typed error."""
    try:
        assert KeyspaceState.decode(attempt).encode() == attempt
    except (MalformedEncoding, NestedTooDeep):
        pass
    try:
        assert encode_delta(decode_delta(attempt)) == attempt
    except (MalformedEncoding, NestedTooDeep):
        pass


def entry(dot: tuple[int, int, int], payload: bytes = b"v", *, ends: int | None = None) -> bytes:
    """An entry by hand."""
    replica, incarnation, number = dot
    head = replica.to_bytes(4, "big") + incarnation.to_bytes(8, "big") + number.to_bytes(8, "big")
    size = len(payload) << 1 | (ends is not None)
    end = b"" if ends is None else ends.to_bytes(8, "big")
    return head + hybrid_time(1).to_bytes(8, "big") + size.to_bytes(4, "big") + end + payload


R, C, S, M = register.TAG, counter.TAG, add_wins_set.TAG, map.TAG


@pytest.mark.parametrize(
    ("data", "cell"),
    [
        (b"\x00", {}),
        (bytes([1, R, 1]) + entry(A), {R: {A: PLAIN}}),
        (bytes([1, R, 2]) + entry(A, ends=9) + entry(B), {R: {B: PLAIN, A: BRIEF}}),
        (bytes([1, C, 1]) + entry(A, b"\x05"), {C: {A: Entry(hybrid_time(1), 0, b"\x05")}}),
        (bytes([1, S, 1, 1]) + b"x\x01" + entry(A, b""), {S: {b"x": {A: Entry(hybrid_time(1), 0, b"")}}}),
        (bytes([1, M, 1, 1]) + b"f" + bytes([1, R, 1]) + entry(A), {M: {b"f": {R: {A: PLAIN}}}}),
    ],
)
def test_bytes_of_cells(data: bytes, cell: Cell) -> None:
    assert encode_cell(cell) == data
    assert decode_cell(data) == cell


@pytest.mark.parametrize(
    "data",
    [
        bytes([1, R, 0]),  # a store without entries
        bytes([1, R, 2]) + entry(B) + entry(A),  # out of order
        bytes([1, R, 2]) + entry(A) + entry(A),  # twice
        bytes([1, R, 1]) + entry((1, 5, 0)),  # the 0th write
        bytes([1, R, 1]) + entry((1, 2**48, 1)),  # an incarnation of 49 bits
        bytes([1, R, 1]) + entry(A, ends=0),  # ends, at no time
        bytes([1, R, 1]) + entry(A)[:-1],  # cut
        bytes([1, R, 1]) + entry(A) + b"\x00",  # too long
        bytes([2, C, 1]) + entry(A, b"\x05") + bytes([R, 1]) + entry(B),  # types out of order
        bytes([1, C, 1]) + entry(A, b"\x80\x00"),  # no total
        bytes([1, S, 1, 1]) + b"x\x01" + entry(A, b"v"),  # an element with a value
        bytes([1, S, 2, 1]) + b"y\x01" + entry(A, b"") + b"\x01x\x01" + entry(B, b""),  # names out of order
        bytes([1, M, 0]),  # a map without fields
        bytes([1, M, 1, 1]) + b"f\x00" + b"..",  # a field without types
        bytes([200, R, 1]) + entry(A),  # more types than there is room for
    ],
)
def test_other_forms_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedEncoding):
        decode_cell(data)


def test_maps_in_maps_are_read_to_the_limit_and_no_deeper() -> None:
    data = bytes([1, R, 1]) + entry(A)
    for _ in range(DEPTH_MAX):
        data = bytes([1, M, 1, 1]) + b"f" + data
    assert encode_cell(decode_cell(data)) == data
    with pytest.raises(NestedTooDeep):
        decode_cell(bytes([1, M, 1, 1]) + b"f" + data)
    hostile = (bytes([1, M, 1, 1]) + b"f") * 100_000
    with pytest.raises(NestedTooDeep):
        decode_cell(hostile)


@pytest.mark.parametrize("change", ["cell without its dot", "key twice", "key without anything"])
def test_a_state_that_no_replica_can_have_is_refused(change: str) -> None:
    good = KeyspaceState()
    good.apply([(b"k", Delta({R: {A: PLAIN}}, frozenset({A})))])
    data = good.encode()
    context, cell = data[: data.index(b"\x01k") - 1], encode_cell({R: {A: PLAIN}})
    assert data == context + b"\x01\x01k" + cell
    bad = {
        "cell without its dot": b"\x01\x00\x00\x01\x01k" + cell,
        "key twice": context + b"\x02\x01k" + cell + b"\x01k" + cell,
        "key without anything": context + b"\x01\x01k\x00",
    }[change]
    with pytest.raises(MalformedEncoding):
        KeyspaceState.decode(bad)


def test_a_delta_whose_entries_are_not_of_its_dots_is_refused() -> None:
    cell: Cell = {R: {A: PLAIN}}
    assert decode_delta(encode_delta(Delta(cell, frozenset({A, B})))).cell == cell
    with pytest.raises(MalformedEncoding, match="not among its dots"):
        decode_delta(encode_delta(Delta(cell, frozenset({B}))))


def test_digests_add_up_in_any_order_and_tell_keys_apart() -> None:
    cell: Cell = {R: {A: PLAIN}}
    one, two = key_digest(b"k", cell), key_digest(b"l", cell)
    assert one != two
    assert key_digest(b"k", {}) == 0
    assert added(added(0, one), two) == added(added(0, two), one)
    assert added(added(0, one), -one) == 0
    assert key_digest(b"k", {R: {A: BRIEF}}) != one
