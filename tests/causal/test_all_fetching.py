# SPDX-License-Identifier: Apache-2.0
"""Where all replicas take over a state, one of them opens with what it has."""

from __future__ import annotations

from tests.causal.company import NOW, Member, fetch, tell_all
from tricord.causal.peers import Have


def all_fetching() -> tuple[Member, Member, Member]:
    """The second and the third one come back as 4 and 5, each with a write that it never sent, and the third has what
    the second has of the first, and more. The first is retired, and 6 is new."""
    one, two, three = Member(1), Member(2), Member(3)
    first, second = one.put(a="1"), one.put(b="2")
    two.take(first)
    three.take(first, second)
    two.put(c="of two")
    three.put(d="of three")
    members = Member(4, (4, 5, 6), two.store), Member(5, (4, 5, 6), three.store), Member(6, (4, 5, 6))
    for member in members:
        member.replica.change_set(2, (4, 5, 6), (1, 2, 3))
        member.replica.begin_fetch()
    return members


def test_where_all_take_over_a_state_the_one_with_most_opens_with_what_it_has() -> None:
    members = all_fetching()
    less, most, new = members
    assert all(member.replica.piece(former=other.replica.former()) is None for member in members for other in members)
    tell_all(*members)
    assert [member.replica.may_end_fetch for member in members] == [False, True, False]
    assert most.replica.end_fetch().resynced
    assert most.replica.is_open
    for _ in range(2):
        tell_all(*members)
        most.replica.cut()
    less.replica.begin_fetch()
    piece = most.replica.piece(former=less.replica.former())
    assert piece is not None
    renamed = less.replica.take_piece(piece, NOW).operations
    most.take(*renamed)
    fetch(new, most)
    for member in members:
        assert [member.read(key) for key in "abcd"] == [["1"], ["2"], ["of two"], ["of three"]]


def test_nobody_opens_alone_before_all_said_since_the_set_changed_that_they_take_over_a_state() -> None:
    less, most, new = all_fetching()
    tell_all(less, most)
    assert not most.replica.may_end_fetch, "the new one may have more"
    told = new.replica.have()
    most.replica.heard(Have(6, told.incarnation, told.epoch, told.past, fetching=False))
    assert not most.replica.may_end_fetch, "it has a state to give"
    tell_all(most, new)
    assert most.replica.may_end_fetch
    most.replica.change_set(3, (4, 5, 6, 7), (1, 2, 3))
    assert not most.replica.may_end_fetch, "one more may have more"
    most.replica.change_set(4, (4, 5, 6), (1, 2, 3, 7))
    assert not most.replica.may_end_fetch, "these words are of before"


def test_nobody_opens_alone_with_nothing_or_a_part_of_a_state() -> None:
    one, two, new = Member(1), Member(2), Member(3)
    one.put(a="1", b="1")
    fetch(two, one, pieces=1)
    for member in (two, new):
        member.replica.change_set(2, (2, 3), (1,))
        member.replica.begin_fetch()
    tell_all(two, new)
    assert not two.replica.may_end_fetch
    assert not new.replica.may_end_fetch, "the retired one may come back with all of it"
