# SPDX-License-Identifier: Apache-2.0
"""The async client over a store in memory: opening, names, options, scans."""

from __future__ import annotations

import asyncio

import pytest

from tests.client.memory_caller import MemoryCaller
from tricord.base.errors import Cancelled, DataDirectoryInUse, KeyNotProvided
from tricord.base.levels import Level
from tricord.base.operations import Compact, Put, Range, SortOrder, SortTarget
from tricord.client.asynchronous import AsyncClient
from tricord.client.caller import Caller


def of(caller: MemoryCaller) -> AsyncClient:
    async def opener() -> Caller:
        return caller

    return AsyncClient(opener, timeout=4.0)


def test_it_is_opened_by_with_by_await_or_by_the_first_call_and_closed_once() -> None:
    async def story() -> None:
        for caller in (first := MemoryCaller(), second := MemoryCaller(), third := MemoryCaller()):
            store = of(caller)
            if caller is first:
                async with store:
                    await store.put("k", "v")
            elif caller is second:
                assert await store is store
            else:
                await asyncio.gather(store.put("k", "v"), store.put("k", "v"))
            await store.close()
            await store.close()
            assert caller.closed == 1
            with pytest.raises(Cancelled):
                await store.get("k")
        assert third.revision == 3

    asyncio.run(story())


def test_an_opening_that_failed_is_told_and_may_be_tried_again() -> None:
    async def story() -> None:
        caller = MemoryCaller()
        locked = True

        async def opener() -> Caller:
            await asyncio.sleep(0)
            if locked:
                raise DataDirectoryInUse("used by process 7")
            return caller

        store = AsyncClient(opener)
        for result in await asyncio.gather(store.get("k"), store.get("k"), return_exceptions=True):
            assert isinstance(result, DataDirectoryInUse)
        locked = False
        assert await store.get("k") is None
        await store.close()

    asyncio.run(story())


def test_closing_while_it_opens_closes_what_was_opened() -> None:
    async def story() -> None:
        caller = MemoryCaller()
        gate = asyncio.Event()

        async def opener() -> Caller:
            await gate.wait()
            return caller

        store = AsyncClient(opener)
        call = asyncio.create_task(store.get("k"))
        await asyncio.sleep(0)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        gate.set()
        await closing
        with pytest.raises(Cancelled):
            await call
        assert caller.closed == 1

    asyncio.run(story())


def test_single_keys() -> None:
    async def story() -> None:
        async with of(MemoryCaller()) as store:
            assert await store.get("schlüssel") is None
            first = await store.put("schlüssel", "größe")
            assert (first.revision, first.previous) == (2, None)
            second = await store.put("schlüssel", b"\xff", previous=True)
            assert second.previous is not None
            assert second.previous.text == "größe"
            found = await store.get("schlüssel")
            assert found is not None
            assert (found.key, found.value) == ("schlüssel".encode(), b"\xff")
            assert (found.create_revision, found.mod_revision, found.version, found.lease) == (2, 3, 2, 0)
            old = await store.get("schlüssel", revision=2)
            assert old is not None and old.version == 1
            gone = await store.delete("schlüssel", previous=True)
            assert gone and gone.previous == [found]
            assert not await store.delete("schlüssel")
            with pytest.raises(KeyNotProvided):
                await store.put("", "v")

    asyncio.run(story())


def test_many_keys() -> None:
    async def story() -> None:
        async with of(MemoryCaller()) as store:
            for name in ("a/1", "a/2", "a/3", "b/1"):
                await store.put(name, name)
            page = await store.prefix("a/", limit=2)
            assert ([kv.text for kv in page], len(page), page.more, page.count) == (["a/1", "a/2"], 2, True, 3)
            assert [kv.key for kv in await store.range("a/2", "b/1")] == [b"a/2", b"a/3"]
            assert [kv.key for kv in await store.range("a/3")] == [b"a/3", b"b/1"]
            assert len(await store.range("", "")) == 0
            assert await store.count() == 4
            assert await store.count("a/") == 3
            assert (await store.delete_prefix("a/")).deleted == 3
            assert (await store.delete_range("b", "c", previous=True)).previous[0].text == "b/1"
            assert await store.count() == 0

    asyncio.run(story())


@pytest.mark.parametrize("page_size", [1, 2, 3, 10])
def test_a_scan_shows_one_revision_whatever_is_written_meanwhile(page_size: int) -> None:
    async def story() -> None:
        caller = MemoryCaller()
        async with of(caller) as store:
            for number in range(7):
                await store.put(f"a/{number}", "old")
            await store.put("b", "old")
            seen = []
            async for kv in store.scan("a/", page_size=page_size):
                seen.append((kv.key, kv.value))
                await store.put("a/6", "new")
                await store.delete("a/5")
                await store.put("a/55", "new")
            assert seen == [(b"a/%d" % number, b"old") for number in range(7)]
            bounds = [kv.key async for kv in store.scan(start="a/55", end="b", page_size=page_size)]
            assert bounds == [b"a/55", b"a/6"]
            everything = [kv.key async for kv in store.scan(page_size=page_size, revision=3)]
            assert everything == [b"a/0", b"a/1"]
            with pytest.raises(ValueError, match="either"):
                [kv async for kv in store.scan("a/", start="b")]
            with pytest.raises(ValueError, match="page_size"):
                [kv async for kv in store.scan("a/", page_size=0)]

    asyncio.run(story())


def test_options_reach_the_request() -> None:
    async def story() -> None:
        caller = MemoryCaller()
        async with of(caller) as store:
            await store.put("k", "", ignore_value=True, ignore_lease=True, timeout=1.5)
            await store.get("k", at_least=Level.ANY)
            await store.prefix("k", sort_by=SortTarget.VALUE, order=SortOrder.DESCEND, keys_only=True)
            await store.compact(3, physical=True)
            assert (await store.members())[0].name == "default"
            assert (await store.status()).version == "3.6"
        assert caller.asked == [
            (Put(b"k", b"", ignore_value=True, ignore_lease=True), Level.LINEARIZABLE, 1.5),
            (Range(b"k"), Level.ANY, 4.0),
            (
                Range(b"k", b"l", sort_order=SortOrder.DESCEND, sort_target=SortTarget.VALUE, keys_only=True),
                Level.LINEARIZABLE,
                4.0,
            ),
            (Compact(3, True), Level.LINEARIZABLE, 4.0),
        ]

    asyncio.run(story())
