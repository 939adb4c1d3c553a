# SPDX-License-Identifier: Apache-2.0
"""What causal keyspaces promise, told with two or three replicas."""

from __future__ import annotations

from functools import partial

import pytest

from tests.causal.company import KEYSPACE, NOW, Member, fetch, tell_all
from tricord.base.dots import INCARNATION_MAX
from tricord.base.errors import ReplicaCatchingUp, ReplicaRetired
from tricord.causal.operation import decode_operation
from tricord.causal.past import next_incarnation
from tricord.causal.peers import Have
from tricord.causal.pending import Pending
from tricord.causal.replica import CausalReplica, Change
from tricord.crdt import register
from tricord.sim.causal.store import Tables


def test_an_answer_is_not_seen_before_the_question() -> None:
    asker, other, third = Member(1), Member(2), Member(3)
    question = asker.put(question="who?")
    other.take(question)
    answer = other.put(answer="me")
    assert third.take(answer).operations == []
    assert third.read("answer") == []
    assert [operation.origin for operation in third.take(question).operations] == [asker.origin, other.origin]
    assert third.read("answer") == ["me"]


def test_writes_of_one_replica_come_in_their_order_and_each_once() -> None:
    one, two = Member(1), Member(2)
    first, second, third = one.put(a="1"), one.put(a="2"), one.put(a="3")
    assert two.take(third, second).operations == []
    assert len(two.take(first).operations) == 3
    assert two.take(first, second, third).operations == []
    assert two.read("a") == ["3"]


def test_an_operation_on_several_keys_is_seen_whole() -> None:
    one, two = Member(1), Member(2)
    result = two.take(one.put(a="1", b="1"))
    assert [(event.sequence, event.key) for event in result.events] == [(1, b"a"), (1, b"b")]
    assert one.put(c="2").first == 3


def test_concurrent_writes_are_kept_side_by_side_and_settled_by_who_saw_both() -> None:
    one, two = Member(1), Member(2)
    milk, eggs = one.put(cart="milk"), two.put(cart="eggs")
    one.take(eggs)
    two.take(milk)
    assert one.read("cart") == two.read("cart") == ["eggs", "milk"]
    two.take(one.put(cart="both"))
    assert two.read("cart") == ["both"]


def test_a_session_that_moves_waits_for_what_it_has_seen() -> None:
    one, two = Member(1), Member(2)
    write = one.put(a="1")
    token = one.token
    assert not two.replica.covers(token)
    assert not two.replica.wait(5, token)
    assert two.take(write).satisfied == [5]
    assert two.replica.covers(token)


def test_each_start_writes_under_a_name_of_its_own() -> None:
    one = Member(1)
    before = one.put(a="1")
    after = one.restarted().put(a="2")
    assert after.origin.incarnation > before.origin.incarnation
    assert after.first == 1
    copy = next_incarnation(before.origin.incarnation, 99)
    assert copy >> 28 == (before.origin.incarnation >> 28) + 1


def test_what_was_applied_already_changes_nothing_when_the_log_is_read_again() -> None:
    one = Member(1)
    operations = [one.put(a="1"), one.put(b="2")]
    again = CausalReplica(one.store, 7, 1)
    again.replay(operations)
    assert (again.sequence, again.past) == (one.replica.sequence, one.replica.past)


def test_bytes_of_an_operation_stay_flat_over_many_restarts() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    sizes = []
    for number in range(300):
        one = one.restarted()
        operation = one.put(a=f"{number:04}")
        sizes.append(len(operation.data))
        two.take(operation)
        tell_all(one, two)
        one.replica.cut()
        two.replica.cut()
    assert max(sizes[10:]) <= max(sizes[:10])
    assert len(two.token) <= 3
    assert len(one.replica.have().encode()) < 100


def test_an_edge_without_a_network_names_only_what_is_new_in_each_start() -> None:
    edge = Member(1)
    sizes = []
    for number in range(50):
        edge = edge.restarted()
        sizes.append(len(edge.put(a=f"{number:04}").data))
    assert sizes[-1] == sizes[1]


def test_who_was_told_of_no_others_yet_keeps_what_they_may_lack() -> None:
    edge = CausalReplica(Tables(), KEYSPACE, 0)
    edge.start(next_incarnation(0, 1))
    edge.write([Change(b"k", partial(register.put, value=b"v"))], NOW)
    edge.persisted(edge.sequence)
    assert edge.cut() == 0 and edge.unsent == 1


def test_tokens_do_not_grow_while_an_edge_starts_again_and_again_and_somebody_is_away() -> None:
    one, edge = Member(1), Member(2)
    tokens = []
    for number in range(30):
        edge = edge.restarted()
        operation = edge.put(a=f"{number}")
        assert len(edge.token) == 1
        one.take(operation)
        tokens.append(one.token)
    assert len(one.token) == 1
    assert len(one.replica.past.entries) == 30, "the third replica has none of it yet"
    assert one.restarted().token == one.token
    assert all(edge.replica.covers(token) for token in tokens)
    assert not Member(3).replica.covers(tokens[0])


def test_the_log_is_cut_where_all_have_it_and_who_comes_later_takes_over_the_state() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    two.take(*[one.put(**{f"k{number}": "v" * 50}) for number in range(20)])
    tell_all(one, two)
    assert one.replica.cut() == 20
    for member in (one, two):
        member.replica.change_set(2, (1, 2, 3), ())
    joined = Member(3, (1, 2, 3))
    tell_all(one, two, joined)
    assert one.replica.to_send(3).lagging
    joined.replica.begin_fetch()
    with pytest.raises(ReplicaCatchingUp):
        joined.put(a="1")
    start, late = b"", None
    while joined.replica.fetching:
        piece = one.replica.piece(start, 300, former=joined.replica.former())
        assert piece is not None
        late = late or one.put(k0="changed", k19="changed")
        joined.replica.take_piece(piece, NOW)
        start = piece.end
        if not start:
            break
    assert joined.replica.fetching, "of the late write one key came with the pieces, the other did not"
    assert late is not None
    assert joined.take(late).resynced
    assert (joined.read("k0"), joined.read("k19"), joined.read("k5")) == (["changed"], ["changed"], ["v" * 50])


def test_a_retired_replica_comes_back_under_a_new_id_with_all_that_it_wrote() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    sent = two.put(a="sent")
    one.take(sent)
    two.put(b="kept")
    one.replica.change_set(2, (1,), (2,))
    with pytest.raises(ReplicaRetired):
        one.take(sent, sender=2)
    one.put(a="newer")
    one.replica.cut()
    assert one.replica.past.closed[2].incarnation == INCARNATION_MAX
    one.replica.change_set(3, (1, 3), (2,))
    back = Member(3, (1, 3), two.store)
    back.replica.change_set(3, (1, 3), (2,))
    back.replica.begin_fetch()
    piece = one.replica.piece(former=back.replica.former())
    assert piece is not None
    renamed = back.replica.take_piece(piece, NOW).operations
    assert (back.read("a"), back.read("b")) == (["newer"], ["kept"])
    one.take(*renamed)
    assert one.read("b") == ["kept"]


def test_half_a_state_is_not_gone_on_with_at_one_that_has_less_than_was_here_before() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    first, second, third = one.put(a="1"), one.put(a="2"), one.put(a="3", b="3")
    two.take(first)
    three.take(first, second)
    assert three.replica.cut(retention=0) == 2
    fetch(three, one, pieces=1)
    three.replica.begin_fetch()
    behind = two.replica.piece()
    assert behind is not None
    assert not three.replica.expects(behind, 2), "it would bring back what the second write replaced"
    two.take(second)
    fetch(three, two)
    assert three.take(third).operations
    assert (three.read("a"), three.read("b")) == (["3"], ["3"])


def test_a_piece_that_comes_late_is_no_part_of_a_later_fetch() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    one.put(a="1", b="1")
    first = one.replica.piece(bytes_max=1)
    assert first is not None
    late = one.replica.piece(first.end, 1)
    assert late is not None
    one.put(b="2")
    fetch(two, one, pieces=1)
    assert not two.replica.expects(late, 1), "it lacks what the first piece of this fetch speaks of"
    rest = one.replica.piece(first.end, 1)
    assert rest is not None
    two.replica.take_piece(rest, NOW)
    assert (two.read("a"), two.read("b")) == (["1"], ["2"])


def test_a_session_goes_on_at_one_that_joined_although_its_writers_start_is_long_over() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    two.take(one.put(a="1", b="2"))
    token = one.token
    one = one.restarted()
    for _ in range(2):
        tell_all(one, two)
        one.replica.cut()
        two.replica.cut()
    joined = Member(3)
    one.replica.change_set(2, (1, 2, 3), ())
    assert one.replica.past.is_closed(next(iter(token.entries)))
    fetch(joined, one)
    assert joined.replica.covers(token)


def test_who_has_half_a_state_to_give_sends_its_own_writes_to_those_who_lag() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    one.put(a="1", b="1")
    three.take(two.put(c="2"))
    mine = three.put(c="3")
    tell_all(one, two, three)
    assert three.replica.cut(retention=0) == 1
    three.replica.heard(one.replica.have())
    assert three.replica.to_send(1).lagging
    fetch(three, one, pieces=1)
    assert three.replica.to_send(1).operations == [mine.data], "one can have all of two's from two"


def test_what_a_lost_write_replaced_comes_back_with_the_state_of_those_who_never_saw_it() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    kept = two.put(a="kept")
    one.take(kept)
    three.take(kept)
    older = two.store.copy()
    told = three.replica.have()
    three.take(two.put(a="lost"))
    restored = Member(2, store=older)
    tell_all(one, restored)
    one.replica.heard(Have(3, told.incarnation, told.epoch, told.past, fetching=True))
    one.replica.cut()
    assert one.replica.past.is_closed(two.origin)
    fetch(three, one)
    assert one.read("a") == three.read("a") == ["kept"]


def test_a_retirement_is_known_when_all_is_durable_that_was_taken_before_it() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    operation = two.put(a="1")
    three.replica.receive(2, [operation], NOW)
    for member in (one, three):
        member.replica.change_set(2, (1, 3), (2,))
    tell_all(one, three)
    one.replica.cut()
    assert not one.replica.past.is_closed(two.origin), "the third has more than it says, and will say so"
    three.replica.persisted(three.replica.sequence)
    assert three.replica.have().epoch == 2


def test_who_comes_back_sends_nothing_under_its_former_name() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    two.put(a="never sent")
    one.replica.change_set(2, (1,), (2,))
    one.replica.cut()
    back = Member(3, (1, 3), two.store)
    for member in (one, back):
        member.replica.change_set(3, (1, 3), (2,))
    tell_all(one, back)
    assert not back.replica.to_send(1).operations, "one that closed the former name would never take it"
    assert not back.replica.have().past.entries


def test_who_comes_back_gives_no_state_with_what_it_wrote_under_its_former_name() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    two.put(a="never sent")
    new, back = Member(3, (1, 3, 4)), Member(4, (1, 3, 4), two.store)
    for member in (one, new, back):
        member.replica.change_set(2, (1, 3, 4), (2,))
    for member in (new, back):
        member.replica.begin_fetch()
    tell_all(one, new, back)
    assert back.replica.piece() is None, "the new one would have what the others close the former name without"
    one.replica.cut()
    assert one.replica.past.is_closed(two.origin)
    fetch(new, one)
    back.replica.begin_fetch()
    piece = one.replica.piece(former=back.replica.former())
    assert piece is not None
    renamed = back.replica.take_piece(piece, NOW).operations
    for member in (one, new):
        member.take(*renamed)
    assert one.read("a") == new.read("a") == back.read("a") == ["never sent"]


def test_who_comes_back_gives_its_state_where_nobody_else_has_one() -> None:
    two = Member(2, (1, 2))
    two.put(a="never sent")
    new, back = Member(3, (3, 4)), Member(4, (3, 4), two.store)
    for member in (new, back):
        member.replica.change_set(2, (3, 4), (1, 2))
        member.replica.begin_fetch()
    assert back.replica.piece() is None
    assert not back.replica.may_end_fetch, "the new one has not said yet that it has nothing"
    tell_all(new, back)
    assert not new.replica.may_end_fetch
    back.replica.end_fetch()
    fetch(new, back)
    tell_all(new, back)
    new.replica.cut()
    assert new.replica.past.is_closed(two.origin)
    assert new.read("a") == back.read("a") == ["never sent"]


def test_the_state_of_one_that_was_retired_meanwhile_is_not_gone_on_with() -> None:
    one, two, new = Member(1), Member(2), Member(3)
    one.take(two.put(a="1", b="1"))
    two.put(a="2", b="2")
    fetch(new, two, pieces=1)
    for member in (one, new):
        member.replica.change_set(2, (1, 3), (2,))
    tell_all(one, new)
    one.replica.cut()
    assert one.replica.past.is_closed(two.origin)
    rest = two.replica.piece(b"b")
    assert rest is not None
    assert not new.replica.expects(rest, 2), "the other one has closed that name with less"
    fetch(new, one)
    assert (new.read("a"), new.read("b")) == (one.read("a"), one.read("b")) == (["1"], ["1"])


def test_nothing_is_closed_over_the_head_of_one_that_fetches_and_has_more() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    first, second = two.put(a="1"), two.put(a="2")
    one.take(first)
    three.take(first, second)
    three.replica.begin_fetch()
    for member in (one, three):
        member.replica.change_set(2, (1, 3), (2,))
    tell_all(one, three)
    one.replica.cut()
    assert not one.replica.past.is_closed(two.origin)
    one.take(*(decode_operation(data) for data in three.replica.to_send(1).operations), sender=3)
    one.replica.cut()
    assert one.replica.past.is_closed(two.origin)
    assert one.read("a") == ["2"]


def test_nothing_is_closed_otherwise_than_another_one_closed_it() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    two.replica.begin_fetch()
    piece = one.replica.piece()
    assert piece is not None
    one.take(three.put(a="1"))
    for member in (one, two):
        member.replica.change_set(2, (1, 2), (3,))
    tell_all(one, two)
    one.replica.cut()
    assert one.replica.past.is_closed(three.origin), "who takes over a state gets it with that"
    two.replica.take_piece(piece, NOW)
    tell_all(one, two)
    two.replica.cut()
    assert not two.replica.past.is_closed(three.origin), "but that state was of before"
    fetch(two, one)
    assert two.read("a") == ["1"]


def test_who_closed_an_id_otherwise_than_those_it_comes_back_to_holds_what_they_hold() -> None:
    one, two, three, four = (Member(number, (1, 2, 3, 4)) for number in (1, 2, 3, 4))
    first, second = three.put(a="1"), three.put(a="2")
    one.take(first, second)
    for member in (two, four):
        member.take(first)
        member.replica.begin_fetch()
    for member in (one, two, four):
        member.replica.change_set(2, (1, 2, 4), (3,))
    tell_all(one, two, four)
    one.replica.cut()
    assert one.replica.past.is_closed(three.origin)
    for member in (two, four):
        member.replica.change_set(3, (2, 4), (1, 3))
    fetch(two, four)
    fetch(four, two)
    tell_all(two, four)
    two.replica.cut()
    four.replica.cut()
    back = Member(5, (2, 4, 5), one.store)
    for member in (two, four, back):
        member.replica.change_set(4, (2, 4, 5), (1, 3))
    back.replica.begin_fetch()
    fetch(back, two)
    assert not back.replica.fetching
    assert back.read("a") == two.read("a") == ["1"], "the other write is lost with the id under which it was kept"
    assert back.replica.past == two.replica.past


def test_a_write_that_only_a_lost_write_replaced_is_kept() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    older = two.store.copy()
    mine = three.put(a="mine")
    two.take(mine)
    two.put(a="lost", b="lost")
    fetch(three, two, pieces=1)
    restored = Member(2, store=older)
    tell_all(one, restored, three)
    fetch(three, one)
    assert three.read("a") == ["mine"]


def test_who_comes_back_shows_nobody_its_answers_before_the_questions() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    question = three.put(question="who?")
    two.take(question)
    two.put(answer="me")
    two.put(other="unrelated")
    for member in (one, three):
        member.replica.change_set(2, (1, 3), (2,))
    tell_all(one, three)
    one.replica.cut()
    back = Member(4, (1, 3, 4), two.store)
    for member in (one, three, back):
        member.replica.change_set(3, (1, 3, 4), (2,))
    back.replica.begin_fetch()
    piece = one.replica.piece(former=back.replica.former())
    assert piece is not None
    renamed = back.replica.take_piece(piece, NOW).operations
    assert one.take(*renamed).operations == []
    assert one.take(question).operations == [question, *renamed]


def test_who_has_nothing_yet_gives_nothing() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    one.replica.begin_fetch()
    assert one.replica.piece() is None, "the other would open with nothing, and both would agree that there is nothing"
    assert two.replica.piece() is not None


def test_a_full_buffer_says_so_and_never_holds_up_what_it_waits_for() -> None:
    one, two = Member(1), Member(2)
    operations = [one.put(a="x" * 100) for _ in range(10)]
    two.replica.pending = Pending(500)
    assert two.take(*operations[1:]).full
    assert two.take(*operations).operations[-1].data == operations[-1].data


def test_who_comes_back_on_an_older_disk_gets_again_what_it_had_confirmed() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    tell_all(one, two)
    older = two.store.copy()
    sent = one.put(a="1")
    assert one.replica.to_send(2).operations == [sent.data]
    two.take(sent)
    tell_all(one, two)
    tell_all(one, Member(2, (1, 2), older))
    assert one.replica.to_send(2).operations == [sent.data]


def test_who_was_retired_unawares_takes_no_state_under_its_name() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    two.take(one.put(a="1"))
    tell_all(one, two)
    one.replica.change_set(2, (1,), (2,))
    one.replica.cut()
    two.put(b="2")
    two.replica.begin_fetch()
    piece = one.replica.piece()
    assert piece is not None
    assert piece.past.is_closed(two.origin)
    assert not two.replica.expects(piece, 1)


def test_who_hears_that_its_start_is_over_writes_no_more_in_it() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    tell_all(one, two)
    one.replica.change_set(2, (1,), (2,))
    one.replica.cut()
    two.replica.heard(one.replica.have())
    with pytest.raises(ReplicaCatchingUp):
        two.put(a="of a name that counts as written")


def test_only_what_is_durable_is_sent() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    tell_all(one, two)
    sent = one.put(a="1")
    assert one.replica.to_send(2).operations == [sent.data]
    assert one.replica.to_send(2).operations == []
    tell_all(one, two)
    assert one.replica.to_send(2).operations == [sent.data], "the peer's word brought nothing new"


def test_who_takes_nothing_is_sent_it_again_less_often_after_a_while() -> None:
    one, two = Member(1, (1, 2)), Member(2, (1, 2))
    tell_all(one, two)
    one.put(a="1")
    one.replica.to_send(2)
    sent = []
    for word in range(1, 41):
        one.replica.heard(two.replica.have())
        if one.replica.to_send(2).operations:
            sent.append(word)
    assert sent == [*range(1, 17), 24, 32, 40]
    two.take(two.put(b="something new"))
    one.replica.heard(two.replica.have())
    one.replica.heard(two.replica.have())
    assert one.replica.to_send(2).operations


def test_what_others_made_is_relayed_after_a_while_where_it_is_lacked_still() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    tell_all(one, two, three)
    own, lost, came = two.put(a="1"), one.put(b="2"), three.put(c="3")
    two.take(lost, came)
    before, now = two.replica.sequence - 2, two.replica.sequence
    assert two.replica.to_send(3, relay_to=before).operations == [own.data]
    assert two.replica.to_send(1, relay_to=before).operations == [own.data]
    one.take(own, came)
    tell_all(one, two)
    assert two.replica.to_send(1, relay_to=now).operations == [], "the first one has said that it has all"
    assert two.replica.to_send(3, relay_to=now - 1).operations == [lost.data]
    assert two.replica.to_send(3, relay_to=now).operations == [came.data], "who made it may have lost it since"
    assert two.replica.to_send(3, relay_to=now).operations == []
    two.replica.rewind(3)
    assert two.replica.to_send(3, relay_to=now - 1).operations == [own.data, lost.data]


def test_held_rows_go_in_batches_and_not_if_they_were_cut_meanwhile() -> None:
    one, two, three = Member(1), Member(2), Member(3)
    tell_all(one, two, three)
    operations = [one.put(a="x" * 50) for _ in range(4)]
    two.take(*operations)
    assert two.replica.to_send(3, relay_to=0).operations == []
    assert two.replica.cut(retention=0) == 4
    own = two.put(b="1")
    assert two.replica.to_send(3, relay_to=two.replica.sequence).lagging
    two.replica.peers.peers[3].lagging = False
    assert two.replica.to_send(3, relay_to=two.replica.sequence).operations == [own.data]
    again = [one.put(a="x" * 50) for _ in range(3)]
    two.take(*again)
    assert two.replica.to_send(3, relay_to=0).operations == []
    room = len(again[0].data) * 2
    found = [two.replica.to_send(3, room, relay_to=two.replica.sequence).operations for _ in range(3)]
    assert found == [[one.data for one in again[:2]], [again[2].data], []]


def test_what_a_leaf_makes_and_what_is_for_it_has_no_other_way() -> None:
    one, two, leaf, far = (Member(number, (1, 2, 3, 4)) for number in (1, 2, 3, 4))
    tell_all(one, two, leaf, far)
    one.replica.peers.leaves = {3}
    mine, others, far_ones = leaf.put(a="1"), two.put(b="2"), far.put(c="3")
    one.take(mine, others, far_ones)
    assert one.replica.to_send(2, relay_to=0).operations == [mine.data]
    assert one.replica.to_send(4, relay_to=0).operations == [mine.data]
    assert one.replica.to_send(3, relay_to=0).operations == [others.data, far_ones.data]
