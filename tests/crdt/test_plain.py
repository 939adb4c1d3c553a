# SPDX-License-Identifier: Apache-2.0
"""Plain puts do with bytes what mutators and the join do with cells: the same, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.changes import Add, AddElement, Change, Overwrite, Put, PutLast
from tricord.base.dots import Dot
from tricord.base.errors import MalformedEncoding, TricordError
from tricord.base.hybrid_clock import HybridTime
from tricord.crdt.cell import Cell, Delta, Write
from tricord.crdt.changes import mutate, plain_put
from tricord.crdt.encoding import decode_cell, decode_delta, encode_cell, encode_delta
from tricord.crdt.join import apply_delta, join_cells
from tricord.crdt.plain import put_plainly, take_plainly

NEW = Dot(2, 7, 9)
STAMP = HybridTime(1 << 20)
CHANGES: tuple[Change, ...] = (
    Put(b"a"),
    Put(bytes(300)),
    PutLast(b"b"),
    Overwrite(b""),
    Overwrite(b"c"),
    Add(3),
    AddElement(b"e"),
)
changes = st.sampled_from(CHANGES)


def written(cell: Cell, change: Change, dot: Dot, expires: int = 0) -> Delta | None:
    try:
        return mutate(cell, Write(dot, STAMP, expires=expires), change)
    except TricordError:
        return None


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """What some writes of some replicas leave, concurrent ones among them."""
    cell: Cell = {}
    counters = {1: 0, 2: 0, 3: 0}
    for _ in range(draw(st.integers(0, 3))):
        replica = draw(st.sampled_from((1, 2, 3)))
        counters[replica] += 1
        knows = draw(st.booleans())
        dot = Dot(replica, 7, counters[replica])
        delta = written(cell if knows else {}, draw(changes), dot, draw(st.sampled_from((0, 0, 5))))
        if delta is not None:
            cell = join_cells(cell, (), delta.cell, delta.dots)
    return cell


def as_bytes(cell: Cell) -> bytes | None:
    return encode_cell(cell) if cell else None


@given(cells(), changes)
def test_a_plain_put_is_the_put(cell: Cell, change: Change) -> None:
    plain = plain_put(change)
    made = None if plain is None else put_plainly(plain, as_bytes(cell), NEW, STAMP)
    if made is not None:
        delta = written(cell, change, NEW)
        assert delta is not None
        assert made == (encode_delta(delta), as_bytes(apply_delta(cell, (), delta)))


@given(cells(), cells(), changes, st.booleans())
def test_taking_it_in_plainly_is_the_join(cell: Cell, seen: Cell, change: Change, has_seen: bool) -> None:
    delta = written(cell if has_seen else seen, change, NEW)
    if delta is None:
        return
    taken = take_plainly(encode_delta(delta), as_bytes(cell), NEW)
    if taken is not None:
        assert taken == as_bytes(apply_delta(cell, (), delta))


@pytest.mark.parametrize("before", [None, Put(b"x"), PutLast(b"x")])
def test_most_puts_are_plain(before: Change | None) -> None:
    delta = None if before is None else written({}, before, Dot(3, 7, 1))
    cell = {} if delta is None else delta.cell
    put = plain_put(Overwrite(b"v"))
    assert put is not None
    made = put_plainly(put, as_bytes(cell), NEW, STAMP)
    assert made is not None
    assert take_plainly(made[0], as_bytes(cell), NEW) == made[1]


@given(cells(), st.sampled_from((Put(b"value"), PutLast(b""))), st.data())
def test_damaged_deltas_are_not_taken_in_plainly(cell: Cell, change: Change, data: st.DataObject) -> None:
    delta = written(cell, change, NEW)
    if delta is None:
        return
    damaged = bytearray(encode_delta(delta))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged))) :]
    else:
        for _ in range(data.draw(st.integers(1, 2))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    taken = take_plainly(bytes(damaged), as_bytes(cell), NEW)
    if taken is not None:
        read = decode_delta(bytes(damaged))
        assert decode_cell(taken) == read.cell == apply_delta(cell, (), read)


def test_a_delta_that_names_its_write_twice_is_not_taken_in_plainly() -> None:
    """Where a state that is taken over brought what it writes before it came itself."""
    delta = written({}, Put(b"v"), NEW)
    assert delta is not None
    whole = encode_delta(delta)
    twice = bytes((whole[0], 2)) + whole[2:22] * 2 + whole[22:]
    with pytest.raises(MalformedEncoding):
        decode_delta(twice)
    assert take_plainly(twice, encode_cell(delta.cell), NEW) is None
