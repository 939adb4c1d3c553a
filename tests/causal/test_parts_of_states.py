# SPDX-License-Identifier: Apache-2.0
"""A state comes in pieces, and whoever gives it may be gone before all of it is there."""

from __future__ import annotations

from tests.causal.company import NOW, Member, fetch, tell_all
from tricord.causal.operation import Operation, decode_operation
from tricord.causal.past import next_incarnation
from tricord.causal.peers import Have
from tricord.causal.transfer import Piece


def piece_of(member: Member, start: bytes = b"") -> Piece:
    """One key of its state."""
    piece = member.replica.piece(start, 1)
    assert piece is not None
    return piece


def take_a_part(taker: Member, giver: Member, **meanwhile: str) -> None:
    """All pieces. After the first one the giver writes something that the taker does not get."""
    taker.replica.begin_fetch()
    piece = piece_of(giver)
    giver.put(**meanwhile)
    while True:
        taker.replica.take_piece(piece, NOW)
        if not piece.end:
            break
        piece = piece_of(giver, piece.end)
    assert taker.replica.fetching
    taker.replica.begin_fetch()


def sent(giver: Member, taker: Member) -> list[Operation]:
    """What it sends to the other one, of whom it has heard."""
    return [decode_operation(data) for data in giver.replica.to_send(taker.number).operations]


def test_who_joins_with_a_part_of_what_only_a_retired_one_had_takes_another_state() -> None:
    one, three, joins = Member(1, (1, 3, 4)), Member(3, (1, 3, 4)), Member(4, (1, 3, 4))
    one.take(three.put(a="1", b="1"))
    three.put(b="2")
    take_a_part(joins, three, b="3")
    back = Member(5, (1, 4, 5), three.store)
    for member in (one, joins, back):
        member.replica.change_set(2, (1, 4, 5), (3,))
    back.replica.begin_fetch()
    tell_all(one, joins, back)
    assert not joins.replica.expects(piece_of(one), 1), "that one has less than came here"
    one.replica.cut()
    assert one.replica.past.is_closed(three.origin), "nobody has read or written on top of that"
    fetch(joins, one)
    assert joins.read("b") == ["1"]
    fetch(back, one)
    joins.take(*(decode_operation(row.data) for row in back.replica.log.rows()), sender=5)
    assert joins.replica.is_open
    assert joins.read("b") == back.read("b") == ["3"]


def test_nothing_is_closed_over_a_part_of_a_state_whose_holder_may_get_more_of_it() -> None:
    one, three, joins = Member(1, (1, 3, 4)), Member(3, (1, 3, 4)), Member(4, (1, 3, 4))
    one.take(three.put(a="1", b="1"))
    three.put(b="2")
    take_a_part(joins, three, b="3")
    one.replica.change_set(2, (1, 4), (3,))
    one.replica.change_set(3, (1, 4, 6), (3,))
    joins.replica.change_set(2, (1, 4), (3,))
    one.replica.heard(Have(6, 1, 3, one.replica.past.copy()))
    one.replica.heard(Have.decode(joins.replica.have().encode()))
    one.replica.cut()
    assert not one.replica.past.is_closed(three.origin), "it knows of no change that was since"


def test_what_was_here_before_a_part_of_a_state_came_goes_to_the_others() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    first = one.put(a="1", b="1")
    two.take(first)
    three.take(first, one.put(a="2"))
    three.put(c="answer")
    one.take(*(decode_operation(row.data) for row in three.replica.log.rows() if row.mine), sender=3)
    take_a_part(three, one, b="lost")
    for member in (two, three):
        member.replica.change_set(2, (2, 3), (1,))
    tell_all(two, three)
    two.take(*sent(three, two), sender=3)
    assert (two.read("a"), two.read("c")) == (["2"], ["answer"])
    tell_all(two, three)
    two.replica.cut()
    fetch(three, two)
    assert three.replica.is_open
    assert [three.read(key) for key in "abc"] == [["2"], ["1"], ["answer"]]


def test_two_with_a_part_of_each_others_state_send_each_other_what_is_missing() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    one.put(a="1", b="1")
    two.put(a="2", b="2")
    pieces = piece_of(one), piece_of(two)
    for member, piece in zip((two, one), pieces, strict=True):
        member.replica.begin_fetch()
        member.replica.take_piece(piece, NOW)
    tell_all(one, two)
    missing = {one: sent(two, one), two: sent(one, two)}
    for member, operations in missing.items():
        assert member.take(*operations).full, "the next piece knows nothing of what comes before it"
        member.replica.begin_fetch()
        assert member.replica.piece() is None
    for member, operations in missing.items():
        assert member.take(*operations).operations
        assert member.replica.piece() is not None
    fetch(one, two)
    fetch(two, one)
    assert one.read("b") == two.read("b") == ["1", "2"]


def test_who_has_nothing_missing_takes_the_state_of_one_that_has_other_things() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    first = one.put(a="1", b="1")
    three.take(first)
    two.take(first)
    two.take(three.put(a="2"))
    assert two.replica.cut(retention=0) == 2
    one.put(b="2")
    fetch(two, three, pieces=1)
    fetch(two, one)
    assert (two.read("a"), two.read("b")) == (["2"], ["2"])


def test_cells_of_another_one_are_no_state_before_the_log_was_applied_to_all_of_them() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    first = one.put(a="1", b="1")
    two.take(first)
    three.take(first)
    missing = two.put(b="2")
    three.put(a="2")
    fetch(three, two, pieces=1)
    fetch(three, one, pieces=1)
    for member in (three, three.restarted()):
        member.replica.begin_fetch()
        assert member.take(missing).full
        assert member.replica.piece() is None, "what the third one's write replaced stands beside it"
        fetch(member, two, pieces=1)
    fetch(member, two)
    assert (member.read("a"), member.read("b")) == (["2"], ["2"])


def test_what_was_closed_with_less_than_others_have_is_opened_again() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    first = two.put(a="1")
    for member in (one, three):
        member.take(first)
    older, told = two.store.copy(), one.replica.have()
    one.take(two.put(a="2"))
    restored = Member(2, store=older)
    restored.replica.heard(told)
    tell_all(three, restored)
    restored.replica.cut()
    assert restored.replica.past.is_closed(two.origin), "the second write was on its way"
    back = Member(4, (1, 3, 4), older)
    for member in (one, three, back):
        member.replica.change_set(2, (1, 3, 4), (2,))
    three.take(*(decode_operation(row.data) for row in one.replica.log.rows()), sender=1)
    tell_all(one, three, back)
    back.replica.begin_fetch()
    back.replica.take_piece(piece_of(one), NOW)
    assert back.replica.outdated
    back.replica.start(next_incarnation(back.replica.outdated, 0))
    fetch(back, one)
    assert back.replica.is_open
    tell_all(one, three, back)
    for member in (one, three, back):
        member.replica.cut()
        assert member.replica.past.is_closed(two.origin)
        assert member.read("a") == ["2"]
