# SPDX-License-Identifier: Apache-2.0
"""Hosts of a causal keyspace: they carry out what the core asks, over a network that loses and disks that break."""

from __future__ import annotations

import pytest

from tests.server.replicas.company import Company, play
from tricord.base.changes import Add, AddElement, Put, Remove
from tricord.base.errors import InvalidRequest, KeyNotProvided, NotOfThisModel, RequestTooLarge, TokenAhead
from tricord.base.keyspaces import Model
from tricord.base.typed import KeyChange
from tricord.crdt.read_context import encode_read_context


def test_what_is_written_anywhere_is_soon_everywhere() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two, three = company.places
        await one.put(a="1", b="1")
        await two.change("hits", Add(2))
        await three.change("tags", AddElement(b"x"))
        assert await company.until(company.are_equal) < 1
        for place in company.places:
            assert (place.read("a"), place.read("hits"), place.read("tags")) == (["1"], 2, [b"x"])

    play(Company(Model.CAUSAL, 3), story)


def test_writes_under_a_partition_merge_when_it_heals() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two, three = company.places
        await one.put(a="first")
        await company.until(company.are_equal)
        company.partition(1)
        await one.put(a="left")
        await one.change("hits", Add(1))
        await two.put(a="right")
        await three.change("hits", Add(10))
        await company.pass_time(30)
        assert (one.read("a"), one.read("hits")) == (["left"], 1)
        assert (three.read("a"), three.read("hits")) == (["right"], 10)
        company.partition()
        assert await company.until(company.are_equal) < 1
        assert {(*place.read("a"), place.read("hits")) for place in company.places} == {("left", "right", 11)}
        context = encode_read_context(two.host.cell(b"a"))
        await two.change("a", Put(b"settled"), context)
        await company.until(company.are_equal)
        assert one.read("a") == ["settled"]

    play(Company(Model.CAUSAL, 3), story)


@pytest.mark.parametrize("seed", range(5))
def test_a_network_that_loses_a_third_only_delays(seed: int) -> None:
    async def story(company: Company) -> None:
        await company.start()
        for number in range(30):
            await company.source.choice(company.places).put(**{f"key{number % 7}": str(number)})
            await company.pass_time(company.source.uniform(0, 0.3))
        assert await company.until(company.are_equal) < 10

    play(Company(Model.CAUSAL, 3, loss=0.3, seed=seed), story)


def test_a_session_waits_where_what_it_has_seen_is_not() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two, _ = company.places
        await company.until(company.are_equal)
        company.partition(1)
        await one.put(a="1")
        vector = one.host.vector()
        assert one.host.covers(vector)
        assert not two.host.covers(vector)
        assert isinstance(await two.wait_for(vector, 1.0), TokenAhead)
        company.partition()
        assert await two.wait_for(vector, 1.0) is None
        assert two.read("a") == ["1"]
        assert await two.wait_for(vector, 0.0) is None

    play(Company(Model.CAUSAL, 3), story)


def test_what_it_cannot_do_is_refused() -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        for change, says in (
            (KeyChange(b"", Put(b"")), KeyNotProvided),
            (KeyChange(b"a", Put(b""), ttl=5), NotOfThisModel),
            (KeyChange(b"a", Put(bytes(3 << 20))), RequestTooLarge),
            (KeyChange(b"a", Put(b""), seen=b"no context"), InvalidRequest),
        ):
            with pytest.raises(says):
                await one.update(change)
        with pytest.raises(NotOfThisModel, match="acknowledged by one"):
            await one.update(KeyChange(b"a", Put(b"")), acks=2)
        with pytest.raises(InvalidRequest):
            await one.update()
        assert one.host.sequence == 0

    play(Company(Model.CAUSAL, 1), story)


def test_watchers_are_told_in_order_of_what_is_durable() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        await one.put(a="1", b="1")
        await one.change("a", Remove())
        await company.until(company.are_equal)
        for place in (one, two):
            assert [(told.sequence, told.key, bool(told.cell)) for told in place.told] == [
                (1, b"a", True),
                (1, b"b", True),
                (2, b"a", False),
            ]

    play(Company(Model.CAUSAL, 2), story)
