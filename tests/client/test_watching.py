# SPDX-License-Identifier: Apache-2.0
"""A watch over breaks of every kind, at every point: each change once, in order; what is gone is said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.client.faulty_caller import EmbeddedWorld, embedded
from tricord.base import errors
from tricord.base.operations import Event
from tricord.client.feed import Progress, Resynced
from tricord.client.watching import QUIET_SECONDS
from tricord.txn import put


async def take_all(watch: Any) -> list[Any]:
    """What there is now."""
    found = []
    while (item := await watch.take(5.0)) is not None:
        found.append(item)
    return found


def told(items: list[Any]) -> list[tuple[bytes, bytes, int]]:
    return [(item.key, item.value, item.revision) for item in items]


def test_what_is_written_after_the_beginning_is_told_in_order() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        await store.put("a/0", "before")
        async with store.watch(prefix="a/") as events:
            first = await store.put("a/1", "x")
            await store.put("b", "elsewhere")
            last = await store.delete("a/1")
            assert told(await take_all(events)) == [(b"a/1", b"x", first.revision), (b"a/1", b"", last.revision)]
            assert events.resume_revision == last.revision + 1
            assert await events.take(0.0) is None
        assert world.callers[0].open_feeds == 0
        assert [event async for event in events] == []

    embedded(story)


def test_each_option_reaches_the_store() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        first = (await store.put("k", "one")).revision
        await store.put("k", "two")
        await store.delete("k")
        async with store.watch("k", from_revision=first, previous=True, deletes=False) as puts:
            events = await take_all(puts)
            assert [event.text for event in events] == ["one", "two"]
            assert events[1].previous is not None and events[1].previous.text == "one"
        async with store.watch(start="a", end="l", from_revision=first, puts=False) as deletes:
            assert [(event.key, event.deleted, event.previous) for event in await take_all(deletes)] == [
                (b"k", True, None)
            ]

    embedded(story)


def test_what_cannot_be_watched_is_said_at_once() -> None:
    async def story(world: EmbeddedWorld) -> None:
        cases: list[dict[str, Any]] = [
            {},
            {"key": "k", "prefix": "p"},
            {"prefix": "p", "end": "z"},
            {"key": "k", "from_revision": -1},
            {"key": "k", "puts": False, "deletes": False},
            {"start": "b", "end": "a"},
            {"start": "b", "end": ""},
            {"key": "k", "on_compaction": "ignore"},
        ]
        for wrong in cases:
            with pytest.raises(ValueError, match=r".+"):
                world.client().watch(**wrong)

    embedded(story)


def test_the_events_of_a_revision_stay_together() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        async with store.watch(prefix="a/") as events:
            await store.txn(then=[put(f"a/{number}", "x") for number in range(5)])
            await store.put("a/5", "y")
            sizes = []
            async for batch in events.batches():
                sizes.append(len(batch))
                if batch[0].value == b"y":
                    break
            assert sizes == [5, 1]
            await store.txn(then=[put(f"a/{number}", "x") for number in range(5)])
            half = [await events.take(1), await events.take(1)]
            assert half[0] is not None and events.resume_revision == half[0].revision, "that revision is not told yet"

    embedded(story)


@pytest.mark.parametrize("times", [1, 2, 7])
def test_broken_at_any_point_it_goes_on_where_it_was(times: int) -> None:
    async def broken_at(world: EmbeddedWorld, at: int) -> None:
        store, writer = world.client(), world.client()
        caller = world.callers[-2]
        got: list[Event] = []
        wanted = []
        async with store.watch(prefix="a/") as events:
            for number in range(12):
                if number == at:
                    caller.feed_faults = times
                wanted.append((b"a/%02d" % number, b"x", (await writer.put(f"a/{number:02}", "x")).revision))
                if number % 3 == 0 and (event := await events.take(0.001)) is not None:
                    got.append(event)
            got += await take_all(events)
            assert told(got) == wanted
            assert caller.open_feeds == 1
        assert caller.open_feeds == 0

    async def story(world: EmbeddedWorld) -> None:
        for at in range(12):
            await broken_at(world, at)

    embedded(story)


def test_a_member_that_tells_again_what_is_known_is_not_believed() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        revisions = [(await store.put("k", str(number))).revision for number in range(5)]
        events = store.watch("k", from_revision=revisions[0])
        await events._open()
        assert events._feed is not None
        everything = await events._feed.next()
        events._keep(everything)
        events._keep(everything)
        assert [event.revision for event in await take_all(events)] == revisions
        events.close()

    embedded(story)


@pytest.mark.parametrize("late", [False, True])
def test_what_was_compacted_is_said(late: bool) -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        first = (await store.put("k", "1")).revision
        last = (await store.put("k", "2")).revision
        events = store.watch("k", from_revision=first)
        if late:
            await store.compact(last)
        async with events:
            if not late:
                assert len(await events.take_batch()) == 1
                world.callers[0].feed_faults = 1
                events._ready.clear()
                events._next = first
                await store.compact(last)
                assert events._feed is not None
                events._drop(events._feed)
            with pytest.raises(errors.RevisionCompacted, match=f"from revision {first} on") as gone:
                await events.take_batch()
            assert gone.value.compacted == last
        assert world.callers[0].open_feeds == 0

    embedded(story)


def test_a_watch_may_go_on_with_what_the_range_holds() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        first = (await store.put("a/1", "1")).revision
        await store.put("a/2", "2")
        last = (await store.delete("a/1")).revision
        await store.compact(last)
        async with store.watch(prefix="a/", from_revision=first, on_compaction="resync") as items:
            snapshot = await items.take(1)
            assert isinstance(snapshot, Resynced)
            assert (snapshot.compacted, snapshot.revision) == (last, last)
            assert [kv.key for kv in snapshot.kvs] == [b"a/2"]
            later = await store.put("a/3", "3")
            assert told(await take_all(items)) == [(b"a/3", b"3", later.revision)]

    embedded(story)


def test_another_cluster_is_another_history() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        async with store.watch("k") as events:
            world.callers[0].cluster = 4711
            world.callers[0].feed_faults = 1
            with pytest.raises(errors.RevisionCompacted, match="another cluster"):
                await events.take_batch()
        async with store.watch("k", on_compaction="resync") as items:
            world.callers[0].cluster = 4712
            world.callers[0].feed_faults = 1
            await store.put("k", "v")
            snapshot = await items.take(5)
            assert isinstance(snapshot, Resynced)
            assert [kv.text for kv in snapshot.kvs] == ["v"]

    embedded(story)


def test_marks_come_when_asked_for_and_in_long_silence() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        async with store.watch("k", progress=True) as items, store.watch("k") as events:
            revision = (await store.put("other", "v")).revision
            await items.ask_progress()
            assert await items.take(1) == Progress(revision)
            assert await events.take(QUIET_SECONDS * 1.5) is None
            assert events.resume_revision == revision + 1

    embedded(story)


def test_what_no_attempt_can_help_is_raised() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        caller = world.callers[0]

        async def refused(*_: object) -> Any:
            raise errors.PermissionDenied

        async def nonsense(*_: object) -> Any:
            attempts.append(1)
            raise errors.ServerFault("?")

        async def nobody(*_: object) -> Any:
            raise errors.ConnectionFailed("nobody is there")

        attempts: list[int] = []
        for answer, kind in (
            (refused, errors.PermissionDenied),
            (nonsense, errors.ServerFault),
            (nobody, errors.ConnectionFailed),
        ):
            caller.watch = answer  # type: ignore[method-assign, assignment]
            with pytest.raises(kind):
                async with store.watch("k", timeout=3.0):
                    pass
        assert len(attempts) == 5

    embedded(story)


def test_one_reader_at_a_time() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        async with store.watch("k") as events:
            first = asyncio.ensure_future(events.take_batch())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="being read elsewhere"):
                await events.take_batch()
            await store.put("k", "v")
            assert len(await first) == 1

    embedded(story)


def test_cancelled_at_any_point_it_loses_nothing() -> None:
    async def cancelled_after(world: EmbeddedWorld, steps: int) -> bool:
        store, writer = world.client(), world.client()
        caller = world.callers[-2]
        events = store.watch("k", from_revision=(await writer.put("other", "")).revision)
        caller.feed_faults = 2
        reading = asyncio.ensure_future(events.take_batch())
        wanted = (await writer.put("k", "v")).revision
        for _ in range(steps):
            await asyncio.sleep(0.01)
        reading.cancel()
        try:
            (event,) = await reading
        except asyncio.CancelledError:
            (event,) = await events.take_batch()
        assert event.revision == wanted
        events.close()
        assert caller.open_feeds == 0
        return reading.cancelled()

    async def story(world: EmbeddedWorld) -> None:
        cancelled = [await cancelled_after(world, steps) for steps in range(14)]
        assert True in cancelled and False in cancelled

    embedded(story)


def test_a_reader_gets_the_end_when_it_is_closed_and_an_error_when_the_client_is() -> None:
    async def story(world: EmbeddedWorld) -> None:
        store = world.client()
        async with store.watch("k") as events:
            reading = asyncio.ensure_future(events.take_batch())
            await asyncio.sleep(0.01)
            events.close()
            assert await reading == []
        events = store.watch("k")
        await store.close()
        with pytest.raises(errors.Cancelled):
            await events.take_batch()
        assert world.callers[0].open_feeds == 0

    embedded(story)
