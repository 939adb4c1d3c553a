# SPDX-License-Identifier: Apache-2.0
"""The merge laws, for each type: whatever order, grouping or repetition, the same; and never backwards."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crdt.executions import KINDS, executions
from tests.crdt.replicas import KEYS, Replica
from tricord.base.dots import CausalContext
from tricord.crdt.cell import Cell
from tricord.crdt.encoding import decode_cell, encode_cell
from tricord.crdt.join import join_cells, join_deltas

TYPES = pytest.mark.parametrize("name", sorted(KINDS))
State = tuple[Cell, CausalContext]


def states(replicas: list[Replica], key: bytes) -> list[State]:
    return [(replica.state.cell(key), replica.state.context) for replica in replicas]


def join(one: State, other: State) -> State:
    context = one[1].copy()
    context.merge(other[1])
    return join_cells(*one, *other), context


def same(one: State, other: State) -> bool:
    return encode_cell(one[0]) == encode_cell(other[0]) and one[1].encode() == other[1].encode() and one == other


def at_most(one: State, other: State) -> bool:
    return same(join(one, other), other)


@TYPES
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_merge_laws(name: str, data: st.DataObject) -> None:
    replicas = data.draw(executions(name))
    for key in KEYS:
        one, other, third = states(replicas, key)
        assert same(join(one, other), join(other, one)), "commutative"
        assert same(join(join(one, other), third), join(one, join(other, third))), "associative"
        assert same(join(one, one), one), "idempotent"
        assert join_cells(*one, *one) is one[0]
        assert at_most(one, join(one, other)), "never backwards"
        assert at_most(join(one, third), join(join(one, other), third)), "monotone"
        assert same(join(one, ({}, CausalContext())), one), "nothing is neutral"


@TYPES
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_deltas_join_as_states_do(name: str, data: st.DataObject) -> None:
    """Grouped in any way before they arrive, or one by one."""
    replicas = data.draw(executions(name))
    state = states(replicas, b"k")[0]
    deltas = [delta for replica in replicas for key, delta, _ in replica.written if key == b"k"]
    one_by_one = state
    for delta in deltas:
        one_by_one = join(one_by_one, (delta.cell, CausalContext(delta.dots)))
    for order in (deltas, deltas[::-1], data.draw(st.permutations(deltas))):
        grouped = state
        if order:
            group = order[0]
            for delta in order[1:]:
                group = join_deltas(group, delta)
            grouped = join(state, (group.cell, CausalContext(group.dots)))
        assert same(grouped, one_by_one)


@TYPES
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_write_shows_at_once_where_it_is_made(name: str, data: st.DataObject) -> None:
    """A delta never undoes itself: its own dot stands in the cell after it, unless it removes."""
    replicas = data.draw(executions(name))
    for replica in replicas:
        for _, delta, operation in replica.written:
            assert operation.dot in delta.dots
            assert bool(delta.cell) == bool(operation.type)


@TYPES
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_equal_cells_have_equal_bytes(name: str, data: st.DataObject) -> None:
    cells = [replica.state.cell(key) for replica in data.draw(executions(name)) for key in KEYS]
    for cell in cells:
        assert decode_cell(encode_cell(cell)) == cell
        for other in cells:
            assert (encode_cell(cell) == encode_cell(other)) == (cell == other)
