# SPDX-License-Identifier: Apache-2.0
"""Watches of a causal keyspace: what is told and in which order, who is woken, how one goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.server.replicas.company import Company, play
from tests.server.replicas.desk import Desk, EtcdWatcher, Watcher
from tricord.base.changes import Add, Remove
from tricord.base.changes import Put as PutRegister
from tricord.base.dots import Origin, VersionVector
from tricord.base.errors import (
    InvalidRequest,
    KeyNotProvided,
    KeyspaceNotFound,
    NotOfThisModel,
    ResponseTooLarge,
    Stopping,
    TokenAhead,
    TricordError,
)
from tricord.base.keyspaces import Model
from tricord.base.operations import DeleteRange
from tricord.base.typed import KeyChange, TypedEvents, TypedWatch
from tricord.base.watching import WatchCompacted, WatchEvents, WatchProgress, WatchSpec
from tricord.server.replicas import streams, typed_stream, watching

ALL = TypedWatch(b"\0", b"\0")


def at_one(story: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    async def whole(company: Company) -> None:
        await company.start()
        await story(Desk(company.places[0]))

    play(Company(Model.CAUSAL, 1), whole)


def at_two(story: Callable[[Company, Desk, Desk], Coroutine[Any, Any, None]]) -> None:
    async def whole(company: Company) -> None:
        await company.start()
        await story(company, *map(Desk, company.places))

    play(Company(Model.CAUSAL, 2), whole)


def resumed(event: TypedEvents, **changes: Any) -> TypedWatch:
    given: dict[str, Any] = {"resume": event.vector, "position": event.position, **changes}
    return TypedWatch(b"\0", b"\0", **given)


def test_a_watch_begins_with_what_is_there_and_tells_what_comes() -> None:
    async def story(desk: Desk) -> None:
        await desk.put("a", "1")
        watcher = Watcher(desk, ALL)
        assert watcher.woken == 1
        first = watcher.take()
        assert Watcher.shown(first) == [{"a": b"1"}]
        assert (first[0].resynced, first[0].sequence, first[0].watch) == (False, desk.place.host.sequence, 0)
        await desk.update(KeyChange(b"b", Add(2)), KeyChange(b"c", PutRegister(b"3")))
        await desk.delete("a")
        assert watcher.woken == 2, "once, until all was taken"
        told = watcher.take()
        assert Watcher.shown(told) == [{"b": 2, "c": b"3"}, {"a": None}]
        assert told[0].vector is not None
        assert told[1].vector is not None
        assert told[1].vector.includes(told[0].vector)
        assert watcher.stream.remove(0)
        assert not watcher.stream.remove(0)
        await desk.put("a", "2")
        assert watcher.take() == []

    at_one(story)


def test_an_empty_keyspace_begins_with_an_empty_batch() -> None:
    async def story(desk: Desk) -> None:
        assert Watcher.shown(Watcher(desk, ALL).take()) == [{}]

    at_one(story)


def test_only_what_a_watch_asks_for_is_told() -> None:
    async def story(desk: Desk) -> None:
        watcher = Watcher(desk, TypedWatch(b"a"), TypedWatch(b"b", b"d"))
        watcher.take()
        for key in "abcd":
            await desk.put(key, key)
        told = watcher.take()
        assert sorted((event.watch, one.key) for event in told for one in event.keys) == [
            (0, b"a"),
            (1, b"b"),
            (1, b"c"),
        ]
        for spec, kind in ((TypedWatch(b""), KeyNotProvided), (TypedWatch(b"b", b"a"), InvalidRequest)):
            with pytest.raises(kind):
                watcher.stream.add(spec)

    at_one(story)


def test_nothing_is_told_before_it_is_durable() -> None:
    async def story(desk: Desk) -> None:
        watcher = Watcher(desk, ALL)
        watcher.take()
        writing = desk.begin_put("a", "1")
        desk.place.host.settle()
        late = Watcher(desk, ALL)
        assert (watcher.take(), late.take()) == ([], [])
        await writing
        assert Watcher.shown(watcher.take()) == [{"a": b"1"}]
        assert Watcher.shown(late.take()) == [{"a": b"1"}], "told once"

    at_one(story)


def test_a_watch_goes_on_where_it_was_at_the_same_replica() -> None:
    async def story(desk: Desk) -> None:
        first = Watcher(desk, ALL)
        await desk.put("a", "1")
        last = first.take()[-1]
        first.stream.close()
        assert Watcher(desk, resumed(last)).take() == []
        await desk.put("b", "2")
        await desk.put("a", "3")
        again = Watcher(desk, resumed(last)).take()
        assert Watcher.shown(again) == [{"b": b"2"}, {"a": b"3"}]
        assert not again[0].resynced
        by_vector = Watcher(desk, resumed(last, position=b"")).take()
        assert Watcher.shown(by_vector) == [{"b": b"2"}, {"a": b"3"}]
        for unknown in (b"\0" * 16, b"short"):
            told = Watcher(desk, resumed(last, position=unknown, resume=None)).take()
            assert (Watcher.shown(told), told[0].resynced) == ([{"a": b"3", "b": b"2"}], True)

    at_one(story)


def test_what_is_not_kept_any_more_is_resynced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "RECENT_CHANGES", 2)

    async def story(desk: Desk) -> None:
        await desk.put("gone", "0")
        first = Watcher(desk, ALL)
        last = first.take()[-1]
        await desk.delete("gone")
        for key in "ab":
            await desk.put(key, key)
        for spec in (resumed(last), resumed(last, position=b"")):
            told = Watcher(desk, spec).take()
            assert (Watcher.shown(told), told[0].resynced) == ([{"a": b"a", "b": b"b"}], True)

    at_one(story)


def test_a_watch_moves_to_another_replica() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        Watcher(two, ALL)  # so that what was told is kept there
        first = Watcher(one, ALL)
        await two.put("a", "1")
        await company.until(company.are_equal)
        last = first.take()[-1]
        company.partition(1)
        await one.put("b", "2")
        last = first.take()[-1]
        moved = Watcher(two, resumed(last))
        assert moved.take() == [], "what it was told is not here yet"
        company.partition()
        await company.until(company.are_equal)
        assert not any(event.resynced for event in moved.take())
        await one.put("c", "3")
        await company.until(company.are_equal)
        assert moved.woken
        assert Watcher.shown(moved.take()) == [{"c": b"3"}]

    at_two(story)


def test_a_watch_begins_when_all_is_here_that_the_session_has_seen() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        company.partition(1)
        stamp = await one.put("a", "1")
        assert stamp.token is not None
        watcher = Watcher(two, ALL, token=stamp.token.encode())
        assert watcher.take() == [], "what the session has seen is not here yet"
        company.partition()
        await company.until(company.are_equal)
        assert watcher.woken
        assert Watcher.shown(watcher.take()) == [{"a": b"1"}]

    at_two(story)


def test_a_vector_that_may_be_from_before_is_not_believed() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        first = Watcher(one, ALL)
        await one.put("a", "1")
        last = first.take()[-1]
        await two.put("b", "2")
        await company.until(company.are_equal)
        told = Watcher(two, resumed(last)).take()
        assert (Watcher.shown(told), told[0].resynced) == ([{"a": b"1", "b": b"2"}], True)

    at_two(story)


def test_a_vector_from_the_future_is_refused_in_time() -> None:
    async def story(desk: Desk) -> None:
        watcher = Watcher(desk, TypedWatch(b"a", resume=VersionVector({Origin(1, 99): 5})))
        await desk.place.company.pass_time(typed_stream.RESUME_SECONDS + 0.1)
        assert watcher.woken == 1
        with pytest.raises(TokenAhead):
            watcher.stream.take(1000)

    at_one(story)


def test_who_does_not_take_is_resynced_and_holds_a_bounded_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "QUEUE_BYTES", 5000)

    async def story(desk: Desk) -> None:
        watcher = Watcher(desk, ALL)
        watcher.take()
        await desk.put("gone", "soon")
        for number in range(30):
            await desk.put(f"key{number % 3}", str(number))
        await desk.delete("gone")
        told = watcher.take()
        assert told[0].resynced
        state: dict[str, Any] = {}
        for batch in Watcher.shown(told):
            state |= batch
        assert state == {"key0": b"27", "key1": b"28", "key2": b"29"}

    at_one(story)


def test_a_watch_of_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed_stream, "SNAPSHOT_BYTES", 300)

    async def story(desk: Desk) -> None:
        await desk.put("a", "x" * 1000)
        with pytest.raises(ResponseTooLarge):
            Watcher(desk, ALL).take()

    at_one(story)


@pytest.mark.parametrize("kind", [KeyspaceNotFound, Stopping])
def test_watches_end_with_the_keyspace_and_with_the_member(kind: type[TricordError]) -> None:
    async def story(desk: Desk) -> None:
        typed, etcd = Watcher(desk, ALL), EtcdWatcher(desk, WatchSpec(b"a"))
        typed.take()
        if kind is KeyspaceNotFound:
            desk.requests.dropped(desk.record.id)
        else:
            desk.requests.stop()
        assert (typed.woken, etcd.woken) == (2, 1)
        for watcher in (typed, etcd):
            with pytest.raises(kind):
                watcher.stream.take(1000)
            watcher.stream.close()

    at_one(story)


def test_who_fails_when_woken_is_reported_and_disturbs_nobody() -> None:
    async def story(desk: Desk) -> None:
        def fail() -> None:
            raise RuntimeError("of a door")

        failing = desk.requests.open_watch(desk.record, desk.context(), fail)
        failing.add(WatchSpec(b"a"))
        other = EtcdWatcher(desk, WatchSpec(b"a"))
        await desk.put("a", "1")
        assert other.woken == 1
        assert [str(fault) for fault in desk.faults] == ["of a door"]

    at_one(story)


def test_etcds_watches_tell_puts_and_deletes_under_the_replicas_sequence() -> None:
    async def story(desk: Desk) -> None:
        await desk.put("a", "0")
        watcher = EtcdWatcher(desk, WatchSpec(b"a", b"c"), WatchSpec(b"a", deletes=False), WatchSpec(b"a", puts=False))
        assert watcher.take() == []
        put = await desk.put("a", "1")
        gone = await desk.delete("a")
        told = [item for item in watcher.take() if isinstance(item, WatchEvents)]
        by_watch: dict[int, list[tuple[bool, bytes, int]]] = {}
        for item in told:
            for shared in item.events:
                by_watch.setdefault(item.watch, []).append(
                    (shared.event.deleted, shared.event.value, shared.event.revision)
                )
        first, then = (False, b"1", put.revision), (True, b"", gone.revision)
        assert by_watch == {0: [first, then], 1: [first], 2: [then]}
        assert len({id(one) for item in told for one in item.events}) == 2, "made once for all"

    at_one(story)


def test_etcds_watches_are_refused_what_only_revisions_give() -> None:
    async def story(desk: Desk) -> None:
        watcher = EtcdWatcher(desk)
        for spec, words in (
            (WatchSpec(b"a", start_revision=3), "native door"),
            (WatchSpec(b"a", previous=True), "prev_kv"),
        ):
            with pytest.raises(NotOfThisModel, match=words):
                watcher.stream.add(spec)

    at_one(story)


def test_etcds_watches_end_where_not_all_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "QUEUE_BYTES", 2000)

    async def story(desk: Desk) -> None:
        watcher = EtcdWatcher(desk, WatchSpec(b"a"), WatchSpec(b"b"))
        for number in range(20):
            await desk.put("a", str(number))
        assert watcher.take() == [WatchCompacted(0, desk.place.host.sequence)]
        desk.place.host.resynced()
        assert watcher.take() == [WatchCompacted(1, desk.place.host.sequence)]
        assert not watcher.stream.remove(1)

    at_one(story)


def test_marks_say_how_far_all_was_told() -> None:
    async def story(desk: Desk) -> None:
        watcher = EtcdWatcher(desk)
        watcher.stream.ask_progress()
        assert watcher.take() == [], "none without watches"
        watcher.stream.add(WatchSpec(b"a", progress=True))
        stamp = await desk.put("a", "1")
        watcher.stream.ask_progress()
        told = watcher.take()
        assert isinstance(told[0], WatchEvents)
        assert told[1:] == [WatchProgress(-1, stamp.revision)]
        await desk.place.company.pass_time(12.0)
        assert watcher.take() == [], "it was told of something in that time"
        await desk.place.company.pass_time(11.0)
        assert watcher.take() == [WatchProgress(0, stamp.revision)]
        watcher.stream.close()

    at_one(story)


def test_a_replica_made_anew_is_told_of_all_again() -> None:
    async def story(desk: Desk) -> None:
        typed, etcd = Watcher(desk, ALL), EtcdWatcher(desk, WatchSpec(b"a"))
        last = typed.take()[-1]
        await desk.put("a", "1")
        typed.take()
        etcd.take()
        await desk.place.stop()
        await desk.place.start()
        desk.requests.opened(desk.place.host)
        await desk.place.company.until(lambda: desk.place.host.status().is_open)
        await desk.place.company.pass_time(1.0)
        told = typed.take()
        assert (Watcher.shown(told), told[0].resynced) == ([{"a": b"1"}], True)
        assert [type(item) for item in etcd.take()] == [WatchCompacted]
        again = Watcher(desk, resumed(last)).take()
        assert again[0].resynced
        await desk.update(KeyChange(b"a", Remove()))
        assert Watcher.shown(typed.take()) == [{"a": None}]

    at_one(story)


def test_a_watch_begins_with_one_moment_though_it_is_read_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed_stream, "SLICE_KEYS", 2)

    async def story(desk: Desk) -> None:
        for key in "abcdefg":
            await desk.put(key, "old")
        watcher = Watcher(desk, ALL)
        assert watcher.take() == []
        writing = [desk.begin_put(key, "new") for key in "ag"]
        gone = desk.begin(DeleteRange(b"b"))
        for answer in (*writing, gone):
            await answer
        await desk.place.company.pass_time(0.1)
        told = watcher.take()
        assert Watcher.shown(told) == [{"a": b"new", **dict.fromkeys("cdef", b"old"), "g": b"new"}]
        assert told[0].sequence == desk.place.host.sequence
        again = Watcher(desk, ALL)
        again.take()
        again.stream.close()
        await desk.place.company.pass_time(0.1)
        assert Watcher(desk, resumed(told[0])).take() == []

    at_one(story)
