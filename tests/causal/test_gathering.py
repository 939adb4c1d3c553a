# SPDX-License-Identifier: Apache-2.0
"""Requests gathered into operations do what each would have done by itself, in that order."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from tests.causal.company import NOW, Member
from tricord.base.changes import Add, AddElement, Overwrite, Put, PutLast, Remove
from tricord.base.changes import Change as Asked
from tricord.base.dots import Dot
from tricord.base.errors import TricordError
from tricord.causal.operation import Operation
from tricord.causal.replica import Change
from tricord.crdt.cell import Cell, Delta, Write, entries_of
from tricord.crdt.changes import mutate, plain_put

ASKED: tuple[Asked, ...] = (Put(b"1"), Put(b"2"), PutLast(b"3"), Overwrite(b"4"), Add(5), AddElement(b"6"), Remove())
KEYS = (b"a", b"b", b"c")
requests = st.lists(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(ASKED)), max_size=3), max_size=12)


def carried_out(cell: Cell, write: Write, asked: Asked) -> Delta:
    return mutate(cell, write, asked)


def change(key: bytes, asked: Asked, *, plainly: bool) -> Change:
    return Change(key, partial(carried_out, asked=asked), plain=plain_put(asked) if plainly else None)


def alone(member: Member, changes: list[Change]) -> type[TricordError] | None:
    try:
        member.replica.write(changes, NOW)
    except TricordError as error:
        return type(error)
    return None


def together(member: Member, requests: list[list[Change]]) -> tuple[list[type[TricordError] | None], list[Operation]]:
    outcomes: list[type[TricordError] | None] = []
    made: list[Operation] = []
    gathering = member.replica.gather(NOW)
    for changes in requests:
        try:
            if not gathering.add(changes):
                made += member.replica.write_gathered(gathering).operations
                gathering = member.replica.gather(NOW)
                assert gathering.add(changes)
            outcomes.append(None)
        except TricordError as error:
            outcomes.append(type(error))
    if gathering.writes:
        made += member.replica.write_gathered(gathering).operations
    return outcomes, made


def unstamped(cell: Cell) -> list[tuple[Dot, bytes]]:
    """Dots are the same both ways; writes that are gathered share a stamp."""
    return sorted((dot, entry.payload) for dot, entry in entries_of(cell))


@given(requests)
def test_gathered_requests_do_what_each_does_alone(asked: list[list[tuple[bytes, Asked]]]) -> None:
    one, other, peer = Member(1), Member(1), Member(2)
    outcomes = [alone(one, [change(*each, plainly=False) for each in request]) for request in asked]
    found, made = together(other, [[change(*each, plainly=True) for each in request] for request in asked])
    assert found == outcomes
    for operation in made:
        peer.take(operation)
    for key in KEYS:
        assert unstamped(other.replica.get(key)) == unstamped(one.replica.get(key))
        assert peer.replica.get(key) == other.replica.get(key)
    assert peer.replica.digest == other.replica.digest
