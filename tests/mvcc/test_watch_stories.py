# SPDX-License-Identifier: Apache-2.0
"""Watches told as stories: where they start, what they are told, what happens to the slow, marks, ends."""

from __future__ import annotations

import pytest

from tests.mvcc.watch_story import Story
from tricord.base.errors import InvalidRequest, KeyNotProvided, RevisionCompacted
from tricord.base.operations import DeleteRange, Put
from tricord.base.watching import WatchEvents, WatchSpec
from tricord.mvcc.watch_hub import MOVED_MAX
from tricord.mvcc.watchers import StartState, start_state


@pytest.mark.parametrize(
    ("start", "state"),
    [
        (0, StartState.PRESENT),
        (1, StartState.COMPACTED),
        (4, StartState.COMPACTED),
        (5, StartState.PAST),
        (9, StartState.PAST),
        (10, StartState.PRESENT),
        (11, StartState.FUTURE),
        (1 << 62, StartState.FUTURE),
    ],
)
def test_the_start_states(start: int, state: StartState) -> None:
    assert start_state(start, newest=9, compacted=5) is state


@pytest.mark.parametrize(
    ("start", "newest", "state"),
    [
        (0, 1, StartState.PRESENT),
        (1, 1, StartState.PAST),
        (2, 1, StartState.PRESENT),
        (3, 1, StartState.FUTURE),
    ],
)
def test_the_start_states_before_any_compaction(start: int, newest: int, state: StartState) -> None:
    assert start_state(start, newest=newest, compacted=-1) is state


def test_a_watch_tells_what_follows() -> None:
    story = Story()
    story.put(b"a")
    client = story.client()
    assert client.watch(b"a") == 0
    assert client.told() == ""
    story.put(b"a")
    story.put(b"b")
    story.delete(b"a")
    assert client.told() == "0:+a@3,-a@5"
    story.put(b"a")
    assert client.told() == "0:+a@6"


def test_each_start_state_is_told_what_it_should() -> None:
    story = Story()
    for _ in range(5):
        story.put(b"a")
    story.space.compact(4)
    client = story.client()
    for start in (0, 3, 4, 6, 7, 8, 9):
        client.watch(b"a", start=start)
    story.settle()
    told = "1:compacted@4 3:+a@6 2:+a@4,+a@5,+a@6"
    assert sorted(client.told().split()) == sorted(told.split())
    story.put(b"a")
    assert client.told() == "0:+a@7 4:+a@7 3:+a@7 2:+a@7"
    story.put(b"a")
    story.put(b"a")
    assert sorted(client.told().split()) == sorted(
        ["0:+a@8,+a@9", "4:+a@8,+a@9", "5:+a@8,+a@9", "6:+a@9", "3:+a@8,+a@9", "2:+a@8,+a@9"]
    )
    assert story.hub.count == 6


def test_from_history_to_live_without_gap_or_double() -> None:
    story = Story()
    for number in range(300):
        story.put(b"a", b"%d" % number)
    client = story.client()
    client.watch(b"a", start=2, previous=True)
    while story.step():
        story.put(b"a")
        client.take(1)
    story.put(b"a")
    client.told()
    client.accounts[0].complete()
    assert client.accounts[0].count == story.space.revision - 1
    assert story.hub.behind == 0


def test_what_happens_while_many_come_from_history_to_live_is_told_to_all() -> None:
    story = Story()
    story.put(b"a")
    client = story.client()
    for _ in range(MOVED_MAX + 2):
        client.watch(b"a", start=2)
    while story.hub.behind in (0, MOVED_MAX + 2):  # until some have arrived, and some have not
        assert story.step()
    story.put(b"a")
    story.settle()
    client.told()
    assert {account.count for account in client.accounts.values()} == {2}


def test_a_revision_larger_than_the_room_is_one_item() -> None:
    story = Story(queue_bytes=20_000)
    client = story.client()
    client.watch(b"a", b"z")
    story.do(*(Put(b"k%d" % number, bytes(1000)) for number in range(40)))
    assert [len(item.events) for item in client.take() if isinstance(item, WatchEvents)] == [40]


def test_a_revision_is_one_item_and_keeps_its_order() -> None:
    story = Story()
    client = story.client()
    client.watch(b"a", b"z")
    client.watch(b"b")
    story.do(Put(b"b", b""), Put(b"a", b""), Put(b"c", b""))
    assert client.told(1) == "1:+b@2 0:+b@2,+a@2,+c@2"
    story.do(DeleteRange(b"a", b"z"))
    late = story.client()
    late.watch(b"a", b"z", start=2)
    story.settle()
    assert client.told(1) == "0:-a@3,-b@3,-c@3 1:-b@3"
    assert late.told() == "0:+b@2,+a@2,+c@2,-a@3,-b@3,-c@3"


def test_what_happens_now_is_told_in_short_items_while_the_client_keeps_up() -> None:
    story = Story()
    client = story.client()
    client.watch(b"k")
    for _ in range(20):
        story.put(b"k")
    assert [len(item.events) for item in client.take() if isinstance(item, WatchEvents)] == [8, 8, 4]
    story.do(*(Put(b"k%d" % number, b"") for number in range(12)))
    client.watch(b"k", b"l")
    story.do(*(Put(b"k%d" % number, b"") for number in range(12)))
    assert [len(item.events) for item in client.take() if isinstance(item, WatchEvents)] == [12]
    for _ in range(1000):
        story.put(b"k", bytes(2000))
    lengths = [len(item.events) for item in client.take(1 << 30) if isinstance(item, WatchEvents)]
    assert 8 in lengths
    assert max(lengths) > 50


def test_cohorts_that_meet_become_one_with_all_of_their_watches() -> None:
    story = Story()
    for number in range(200):
        story.put(b"k", b"%d" % number)
    client = story.client()
    for start in (2, 10):
        for end in (b"m", b"n", b"o", b"\0"):
            client.watch(b"a", end, start)
            client.watch(b"b", end, start)
        client.watch(b"k", start=start)
        client.watch(b"k", b"l", start)
    story.settle()
    client.told()
    for account in client.accounts.values():
        account.complete()
    assert story.hub.behind == 0


def test_an_empty_queue_holds_no_memory_however_it_was_emptied() -> None:
    for budget in (1, 1_000, 1 << 20):
        story = Story(queue_bytes=20_000)
        client = story.client()
        for _ in range(5):
            client.watch(b"k", progress=True)
        for _ in range(3):
            story.put(b"k", bytes(700))
            story.hub.ask_progress(client.queue)
        story.hub.tick(client.queue)
        story.hub.tick(client.queue)
        while client.take(budget):
            assert client.queue.bytes >= 0
        assert client.queue.bytes == 0


def test_filters_and_previous_values() -> None:
    story = Story()
    client = story.client()
    client.watch(b"k", puts=False, previous=True)
    client.watch(b"k", deletes=False, previous=True)
    client.watch(b"k", puts=False, deletes=False)
    story.put(b"k", b"1")
    story.put(b"k", b"2")
    story.delete(b"k")
    client.watch(b"k", start=2, previous=True)
    story.settle()
    assert client.told() == "1:+k@2,+k@3 0:-k@4 3:+k@2,+k@3,-k@4"
    deletion = next(item for item in client.items if item.watch == 0)
    assert isinstance(deletion, WatchEvents)
    event = deletion.events[0].event
    assert event.previous is not None
    assert (event.kv.value, event.kv.version, event.previous.value) == (b"", 0, b"2")


def test_what_was_before_is_absent_where_it_was_compacted() -> None:
    story = Story()
    for value in (b"1", b"2", b"3"):
        story.put(b"k", value)
    story.space.compact(3)
    client = story.client()
    client.watch(b"k", start=3, previous=True)
    story.settle()
    client.take()
    (item,) = client.items
    assert isinstance(item, WatchEvents)
    previous = [shared.event.previous for shared in item.events]
    assert previous[0] is None
    assert previous[1] is not None


def test_a_deletion_at_the_compacted_revision_is_told() -> None:
    story = Story()
    story.put(b"k")
    story.delete(b"k")
    story.put(b"other")
    story.space.compact(3)
    client = story.client()
    client.watch(b"k", start=3)
    story.settle()
    assert client.told() == "0:-k@3"


def test_events_are_shared_by_all_who_are_told() -> None:
    story = Story()
    clients = [story.client() for _ in range(3)]
    for client in clients:
        client.watch(b"k")
        client.watch(b"a", b"z")
    story.put(b"k")
    items = [item for client in clients for item in client.take()]
    events = [shared for item in items if isinstance(item, WatchEvents) for shared in item.events]
    assert len(events) == 6
    assert len(set(map(id, events))) == 1


def test_woken_once_for_what_came_since_nothing_was_found() -> None:
    story = Story()
    client = story.client()
    client.watch(b"k")
    for _ in range(3):
        story.put(b"k")
        story.step()
    assert client.woken == 1
    assert client.take(1)
    story.put(b"k")
    story.step()
    assert client.woken == 1
    assert client.told() != ""
    story.put(b"k")
    assert client.woken == 1
    story.step()
    assert client.woken == 2


def test_a_slow_client_is_told_later_from_the_history() -> None:
    story = Story(queue_bytes=20_000)
    slow, quick = story.client(), story.client()
    slow.watch(b"k", previous=True)
    quick.watch(b"k")
    for _ in range(50):
        story.put(b"k", bytes(1000))
        quick.take()
        story.settle()
        assert slow.queue.bytes < 23_000
    assert story.hub.behind == 1
    quick.accounts[0].complete()
    while slow.take():
        story.settle()
    slow.accounts[0].complete()
    assert story.hub.behind == 0
    story.put(b"k")
    assert slow.told() == "0:+k@52"


def test_a_slow_client_whose_place_is_compacted_is_told_so_and_the_others_go_on() -> None:
    story = Story(queue_bytes=20_000)
    slow = story.client()
    slow.watch(b"k")
    slow.watch(b"quiet")
    for _ in range(50):
        story.put(b"k", bytes(1000))
    newest = story.space.revision
    story.space.compact(newest)
    told = []
    while items := slow.take():
        told += items
        story.settle()
    assert slow.accounts[0].compacted_at == newest
    assert slow.accounts[1].compacted_at is None
    story.put(b"quiet")
    assert slow.told() == f"1:+quiet@{newest + 1}"


def test_one_stalled_watch_does_not_stall_those_whose_stream_is_emptied() -> None:
    story = Story(queue_bytes=10_000)
    slow, quick = story.client(), story.client()
    for client in (slow, quick):
        for _ in range(20):
            client.watch(b"k", start=1)
    for _ in range(30):
        story.put(b"k", bytes(500))
        story.settle()
        while quick.take():
            story.settle()
    for account in quick.accounts.values():
        account.complete()
    assert story.hub.behind == 20


def test_marks_of_single_watches() -> None:
    story = Story()
    client = story.client()
    client.watch(b"k", progress=True)
    client.watch(b"k")
    client.watch(b"k", start=10, progress=True)
    story.put(b"other")
    story.hub.tick(client.queue)
    assert client.told() == "0:mark@2"
    story.put(b"k")
    story.hub.tick(client.queue)
    assert client.told() == "0:+k@3 1:+k@3"
    story.hub.tick(client.queue)
    story.put(b"k")
    assert client.told() == "0:mark@3 0:+k@4 1:+k@4"
    while story.space.revision < 9:
        story.put(b"other")
    story.hub.tick(client.queue)
    story.hub.tick(client.queue)
    assert client.told() == "2:mark@9 0:mark@9 2:mark@9"


def test_a_mark_for_all_follows_what_was_told() -> None:
    story = Story()
    client = story.client()
    client.watch(b"k")
    story.put(b"k")
    story.hub.ask_progress(client.queue)
    story.put(b"k")
    assert client.told() == "0:+k@2 all:mark@2 0:+k@3"
    without_watches = story.client()
    story.hub.ask_progress(without_watches.queue)
    assert without_watches.told() == ""


def test_a_mark_for_all_waits_for_those_behind_of_its_own_stream_only() -> None:
    story = Story(queue_bytes=10_000)
    for _ in range(40):
        story.put(b"k", bytes(1000))
    slow, quick = story.client(), story.client()
    slow.watch(b"k", start=2)
    quick.watch(b"other", start=2)
    story.hub.ask_progress(slow.queue)
    story.hub.ask_progress(quick.queue)
    story.settle()
    assert quick.told() == "all:mark@41"
    assert not slow.marks
    while slow.take():
        story.settle()
    assert slow.marks == [41]
    slow.accounts[0].complete()


@pytest.mark.parametrize("compacted", [False, True])
def test_a_mark_that_is_not_taken_yet_waits_for_a_watch_that_comes_from_the_past(compacted: bool) -> None:
    story = Story()
    client = story.client()
    client.watch(b"other")
    for _ in range(3):
        story.put(b"k")
    if compacted:
        story.space.compact(4)
    story.hub.ask_progress(client.queue)
    client.watch(b"k", start=3)
    story.settle()
    assert client.told() == ("1:compacted@4 all:mark@4" if compacted else "1:+k@3,+k@4 all:mark@4")


def test_marks_that_nobody_takes_are_bounded() -> None:
    story = Story()
    client = story.client()
    client.watch(b"k")
    for _ in range(1000):
        story.hub.ask_progress(client.queue)
    assert len(client.take()) == 64
    client.watch(b"k", start=1)
    for _ in range(1000):
        story.hub.ask_progress(client.queue)
    story.settle()
    assert len(client.take()) == 64


def test_a_removed_watch_tells_nothing_more() -> None:
    story = Story()
    client = story.client()
    first, second = client.watch(b"k"), client.watch(b"k")
    story.put(b"k")
    assert story.hub.remove(client.queue, first)
    assert not story.hub.remove(client.queue, first)
    assert not story.hub.remove(client.queue, 99)
    story.put(b"k")
    assert client.told() == f"{second}:+k@2,+k@3"
    assert story.hub.count == 1


@pytest.mark.parametrize("number", [3, 1000])
def test_a_closed_stream_leaves_nothing(number: int) -> None:
    story = Story(queue_bytes=20_000)
    client = story.client()
    for at in range(number):
        client.watch(b"%d" % at, start=at % 3)
        client.watch(b"a", b"b" if at % 2 else b"\0")
    story.put(b"a", bytes(1000))
    story.step()
    story.put(b"a", bytes(1000))
    story.hub.close(client.queue)
    story.hub.close(client.queue)
    story.put(b"a")
    story.settle()
    assert (story.hub.count, story.hub.behind, len(story.hub.queues)) == (0, 0, 0)
    assert client.take() == []


def test_a_later_state_in_the_store_s_place_is_caught_up_with_or_compacted() -> None:
    for compact in (False, True):
        story = Story()
        client = story.client()
        client.watch(b"k")
        client.watch(b"k", start=20)
        story.put(b"k")
        for _ in range(5):
            story.do(Put(b"k", b"v"), publish=False)
        if compact:
            story.space.compact(5)
        story.hub.reload()
        story.hub.reload()
        story.settle()
        if compact:
            assert client.told() == "0:+k@2 0:compacted@5"
        else:
            assert client.told() == "0:+k@2,+k@3,+k@4,+k@5,+k@6,+k@7"
        while story.space.revision < 20:
            story.put(b"k")
        client.told()
        assert client.accounts[1].count == 1


def test_what_is_applied_and_not_yet_published_is_not_told_to_who_comes_between() -> None:
    story = Story()
    first = story.client()
    first.watch(b"k")
    story.put(b"k")
    story.do(Put(b"k", b"v"), publish=False)
    story.do(Put(b"k", b"v"), publish=False)
    client = story.client()
    client.watch(b"k")
    client.watch(b"k", start=4)
    client.watch(b"k", start=2)
    story.settle()
    story.publish(3)
    assert client.told() == "2:+k@2,+k@3,+k@4 1:+k@4"
    assert first.told() == "0:+k@2,+k@3,+k@4"
    story.put(b"k")
    assert sorted(client.told().split()) == ["0:+k@5", "1:+k@5", "2:+k@5"]


def test_what_cannot_be_watched_is_refused() -> None:
    story = Story()
    client = story.client()
    with pytest.raises(RevisionCompacted):
        client.watch(b"k", start=-1)
    with pytest.raises(KeyNotProvided):
        client.watch(b"")
    for end in (b"a", b"b", b"\0\0"):
        with pytest.raises(InvalidRequest):
            story.hub.add(client.queue, WatchSpec(b"b", end))
    assert story.hub.count == 0
