# SPDX-License-Identifier: Apache-2.0
"""Each check names what it is there for, and lets the right thing pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tricord.base.leases import LeaseExpireResult, LeaseGrantResult
from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Configuration, encode_configuration
from tricord.base.operations import Event, EventKind, KeyValue, PutResult
from tricord.base.watching import SharedEvent, WatchCompacted, WatchEvents, WatchItem, WatchProgress
from tricord.raft import Raft, RaftConfig
from tricord.raft.events import EntriesPersisted, HardStatePersisted, Receive, Tick
from tricord.raft.messages import AppendEntries, AppendEntriesResult, RequestVote, RequestVoteResult
from tricord.sim.fine.disk import Image
from tricord.sim.invariants.broken import Broken
from tricord.sim.invariants.commitment import Commitment
from tricord.sim.invariants.durability import check_acknowledged
from tricord.sim.invariants.election_safety import check_vote
from tricord.sim.invariants.key_watches import KeyWatches
from tricord.sim.invariants.lease_times import SECOND, LeaseTimes
from tricord.sim.invariants.log_matching import LogMatching
from tricord.sim.invariants.one_change import check_changes, check_configuration
from tricord.sim.invariants.read_leases import ReadLeases
from tricord.sim.invariants.seen import Seen, runs
from tricord.sim.invariants.store_history import StoreHistory
from tricord.sim.invariants.watch_order import WatchOrder
from tricord.statemachine.machine import Applied

THREE = Configuration((1, 2, 3))


def entry(index: int, term: int, data: bytes = b"x") -> Entry:
    return Entry(index, term, EntryKind.NORMAL, data)


def image(*terms: int, term: int = 9, vote: int = 0) -> Image:
    log = [entry(index, of) for index, of in enumerate(terms, start=1)]
    return Image(THREE, HardState(term, vote), log=log)


def put(key: bytes, value: bytes, revision: int, lease: int = 0) -> Event:
    return Event(EventKind.PUT, KeyValue(key, value, revision, revision, 1, lease))


def applied(index: int, revision: int, *events: Event, outcome: object = None) -> Applied:
    return Applied(index, outcome or PutResult(), revision, list(events))  # type: ignore[arg-type]


def test_a_log_that_is_written_cut_and_written_again_comes_in_parts() -> None:
    first, second = [entry(1, 1), entry(2, 1), entry(3, 1)], [entry(2, 2), entry(3, 2)]
    assert runs(first + second) == [first, second]
    assert runs([]) == []


def test_log_matching() -> None:
    matching, one, other = LogMatching(), Seen.of(image()), Seen.of(image())
    matching.appended(1, one, [entry(1, 1), entry(2, 1)], leads=True)
    matching.appended(2, other, [entry(1, 1), entry(2, 1)], leads=False)
    with pytest.raises(Broken, match="log matching"):
        matching.appended(2, other, [entry(2, 1, b"another")], leads=False)
    with pytest.raises(Broken, match="replaced its own entry"):
        matching.appended(1, one, [entry(2, 2)], leads=True)
    with pytest.raises(Broken, match="though nothing conflicts"):
        matching.appended(2, other, [entry(1, 1)], leads=False)
    matching.appended(2, other, [entry(1, 2)], leads=False)
    assert other.terms == [2]


def test_a_vote_and_an_acknowledgement_are_on_the_senders_disk() -> None:
    stored = image(1, 1, term=4, vote=2)
    check_vote(RequestVoteResult(1, 2, 4, vote_granted=True), stored)
    check_acknowledged(AppendEntriesResult(1, 2, 4, True, 2, 0, 0), stored, Seen.of(stored), 4)
    with pytest.raises(Broken, match="election safety"):
        check_vote(RequestVoteResult(1, 3, 4, vote_granted=True), stored)
    with pytest.raises(Broken, match="durability"):
        check_acknowledged(AppendEntriesResult(1, 2, 4, True, 3, 0, 0), stored, Seen.of(stored), 4)
    replaced = Seen.of(image(1, 3))
    check_acknowledged(AppendEntriesResult(1, 2, 3, True, 2, 0, 0), stored, replaced, 4)  # said before it was replaced
    with pytest.raises(Broken, match="of term 3; its disk holds one of term 1"):
        check_acknowledged(AppendEntriesResult(1, 2, 4, True, 2, 0, 0), stored, replaced, 4)


def leader_with_a_lease() -> Raft:
    """Of the first term, by the votes and the answers of member 2."""
    raft = Raft(RaftConfig(1, voters=(1, 2, 3), pre_vote=False, lease_reads=True, election_ticks=10), HardState(0, 0))
    while raft.term == 0:
        said = raft.step([Tick()])
    assert said.hard_state is not None
    raft.step([HardStatePersisted(said.hard_state.term, said.hard_state.vote)])
    raft.step([Receive(RequestVoteResult(2, 1, 1, vote_granted=True))])
    raft.step([EntriesPersisted(1, 1), Tick()])
    raft.step([Receive(AppendEntriesResult(2, 1, 1, True, 0, 0, raft.state.read_round))])
    return raft


def test_while_a_lease_holds_nobody_else_leads() -> None:
    raft = leader_with_a_lease()
    leases = ReadLeases(100)
    leases.check_alone(1, raft.state, 1)
    with pytest.raises(Broken, match="read leases"):
        leases.check_alone(1, raft.state, 2)
    for _ in range(9):
        raft.step([Tick()])
    leases.check_alone(1, raft.state, 2)


def test_who_confirms_a_round_of_a_lease_elects_nobody_until_the_lease_is_over() -> None:
    state = leader_with_a_lease().state
    leases = ReadLeases(100)
    leases.sent([AppendEntries(1, 2, 1, 0, 0, [], 0, 7)], state, 1_000)
    leases.sent([AppendEntriesResult(2, 1, 1, True, 0, 0, 6)], state, 1_100)  # of another round
    leases.sent([RequestVoteResult(2, 3, 2, vote_granted=True)], state, 1_150)
    leases.sent([AppendEntriesResult(2, 1, 1, True, 0, 0, 7)], state, 1_200)
    vote = RequestVoteResult(2, 3, 3, vote_granted=True)
    with pytest.raises(Broken, match="votes in term 3"):
        leases.sent([vote], state, 1_899)
    leases.sent([vote], state, 1_900)
    leases.sent([RequestVote(3, 2, 4, 0, 0, transfer=True)], state, 1_250)
    leases.sent([RequestVoteResult(2, 3, 4, vote_granted=True)], state, 1_250)


def test_what_is_committed_stays() -> None:
    disks = {1: image(1, 1), 2: image(1, 1), 3: image()}
    commitment = Commitment(disks.get)
    leader = Seen.of(disks[1])
    leader.led_term = 1
    commitment.elected(1, leader)
    commitment.advanced(1, leader, 2)
    with pytest.raises(Broken, match="leader completeness"):
        commitment.elected(2, Seen.of(disks[3]))
    with pytest.raises(Broken, match="monotone commit"):
        commitment.advanced(1, leader, 1)
    with pytest.raises(Broken, match="state machine safety"):
        commitment.advanced(3, Seen.of(image(1, 3)), 2)


def test_nothing_is_committed_that_no_majority_holds() -> None:
    commitment = Commitment({1: image(1, 1), 2: image(1), 3: image()}.get)
    leader = Seen.of(image(1, 1))
    leader.led_term = 1
    with pytest.raises(Broken, match="durability"):
        commitment.advanced(1, leader, 2)


def test_answers_are_what_the_store_held_and_no_older_than_what_was_known() -> None:
    store = StoreHistory()
    store.applied([applied(1, 2, put(b"k", b"a", 2)), applied(2, 3, put(b"k", b"b", 3))])
    store.answered(3, 2, "a get")
    store.read(b"k", b"a", 2, "a get")
    wrongs: list[Callable[[], None]] = [
        lambda: store.answered(2, 3, "a get"),
        lambda: store.read(b"k", b"a", 3, "a get"),
        lambda: store.wrote(b"k", b"b", 3, 3, "a put"),
        lambda: store.wrote(b"k", b"c", 3, 2, "a put"),
        lambda: store.applied([applied(3, 4, put(b"k", b"a", 4))]),
    ]
    for wrong in wrongs:
        with pytest.raises(Broken):
            wrong()


def test_watchers_are_told_each_revision_once_in_order() -> None:
    store = StoreHistory()
    events = [put(b"k", b"%d" % revision, revision) for revision in range(2, 7)]
    store.applied([applied(revision, revision, events[revision - 2]) for revision in range(2, 7)])
    order = WatchOrder(store, "one")
    order.events(events[:2])
    order.marked(3)
    with pytest.raises(Broken, match="a mark at revision 4"):
        order.marked(4)
    order.compacted(6)
    order.events(events[4:])
    wrongs: list[Callable[[], None]] = [lambda: order.events(events[4:]), lambda: order.compacted(6)]
    for wrong in wrongs:
        with pytest.raises(Broken, match="watch"):
            wrong()
    with pytest.raises(Broken, match="something else"):
        WatchOrder(store, "two").events([put(b"k", b"another", 2)])


def test_each_of_many_watches_is_told_of_its_key() -> None:
    store = StoreHistory()
    events = [put(b"k%d" % (revision % 2), b"%d" % revision, revision) for revision in range(2, 8)]
    store.applied([applied(revision, revision, events[revision - 2]) for revision in range(2, 8)])
    watches = KeyWatches(store, [b"k0", b"k1"], 3)
    assert [(spec.key, spec.start_revision) for spec in watches.specs()] == [(b"k0", 2), (b"k1", 2), (b"k0", 2)]

    def told(watch: int, *revisions: int) -> WatchItem:
        return WatchEvents(watch, revisions[-1], [SharedEvent(events[revision - 2]) for revision in revisions])

    assert watches.take([told(0, 2, 4), told(1, 3), told(2, 2, 4), WatchProgress(-1, 4)]) == []
    wrongs: list[list[WatchItem]] = [
        [told(0, 8 - 2), told(0, 6)],
        [told(1, 7)],
        [told(1, 4)],
        [WatchProgress(-1, 5)],
        [WatchCompacted(0, 4)],
    ]
    for wrong in wrongs:
        with pytest.raises(Broken, match="watch"):
            watches.take(wrong)
    (again,) = watches.take([WatchCompacted(1, 7)])
    assert (again.key, again.start_revision, watches.is_complete) == (b"k1", 7, False)
    watches.take([told(2, 6), told(3, 7)])
    assert watches.is_complete
    watches.begin_anew(4)
    assert [spec.start_revision for spec in watches.specs()] == [4, 4, 4] and not watches.is_complete


def test_a_lease_has_its_time_and_takes_its_keys_with_it() -> None:
    times = LeaseTimes()
    times.applied([applied(1, 1, outcome=LeaseGrantResult(7, 3))], 0)
    times.applied([applied(2, 2, put(b"k", b"v", 2, lease=7))], 0)
    times.renewed(7, 2 * SECOND)
    gone = Event(EventKind.DELETE, KeyValue(b"k", b"", 0, 3, 0))
    with pytest.raises(Broken, match="ended 2"):
        times.applied([applied(3, 3, gone, outcome=LeaseExpireResult([7]))], 4 * SECOND)


def test_a_lease_that_leaves_its_keys_behind_is_found() -> None:
    times = LeaseTimes()
    times.applied([applied(1, 1, outcome=LeaseGrantResult(7, 3))], 0)
    times.applied([applied(2, 2, put(b"k", b"v", 2, lease=7))], 0)
    with pytest.raises(Broken, match="did not"):
        times.applied([applied(3, 2, outcome=LeaseExpireResult([7]))], 4 * SECOND)


def test_members_change_one_at_a_time_and_not_before_the_first_commit() -> None:
    raft = Raft(RaftConfig(1, voters=(1, 2, 3)), HardState(2, 1))
    state, seen = raft.state, Seen.of(image())
    first, second = (
        Entry(index, 2, EntryKind.CONFIGURATION, encode_configuration(Configuration((1, 2, 3, 3 + index))))
        for index in (1, 2)
    )
    seen.replace([first])
    with pytest.raises(Broken, match="before it committed any"):
        check_changes(1, state, seen, [first])
    state.log.append([first])
    state.commit_index = 1
    check_changes(1, state, seen, [first])
    third = Entry(3, 2, EntryKind.CONFIGURATION, encode_configuration(Configuration((1, 2))))
    seen.replace([second, third])
    with pytest.raises(Broken, match="twice at once: 2 and 3"):
        check_changes(1, state, seen, [third])


def test_a_member_goes_by_the_newest_configuration_in_its_log() -> None:
    state, seen = Raft(RaftConfig(1, voters=(1, 2, 3)), HardState(2, 1)).state, Seen.of(image())
    check_configuration(1, state, seen)
    more = Entry(1, 2, EntryKind.CONFIGURATION, encode_configuration(Configuration((1, 2, 3, 4))))
    seen.replace([more])
    with pytest.raises(Broken, match="its log has"):
        check_configuration(1, state, seen)
    state.configurations.append([more])
    check_configuration(1, state, seen)
    state.configurations.reset(1, THREE)
    seen.jump(1, 2, Configuration((1, 2, 3, 4)))
    with pytest.raises(Broken, match="its log has"):
        check_configuration(1, state, seen)
