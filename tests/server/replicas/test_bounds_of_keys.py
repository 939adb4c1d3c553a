# SPDX-License-Identifier: Apache-2.0
"""What one key may hold: bounded where it is written, taken in wherever it comes from, the same everywhere."""

from __future__ import annotations

import pytest

from tests.server.replicas.company import Company, Place, play
from tests.server.replicas.desk import Desk
from tricord.base.changes import AddElement, ChangeField, Put, Remove, RemoveElement
from tricord.base.errors import KeyTooLarge, SiblingLimit
from tricord.base.keyspaces import Model
from tricord.base.operations import Range
from tricord.base.typed import Fetch, KeyChange, Update
from tricord.crdt.cell import CELL_BYTES_MAX, SIBLINGS_MAX
from tricord.crdt.read_context import encode_read_context

MODELS = [Model.CAUSAL, Model.EVENTUAL]
NOTHING_SEEN = encode_read_context({})


async def fill(place: Place, mark: bytes) -> int:
    """Add elements until one more is too much."""
    for number in range(10):
        try:
            await place.change("k", AddElement(mark + bytes((number,)) * (1 << 20)))
        except KeyTooLarge:
            return number
    raise AssertionError("it has no end")


@pytest.mark.parametrize("model", MODELS)
def test_a_key_that_grew_too_large_is_refused_where_it_is_written_and_reaches_all(model: Model) -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        company.partition(1)
        added = await fill(one, b"1") + await fill(two, b"2")
        assert added == 2 * (CELL_BYTES_MAX // (1 << 20) - 1)
        company.partition()
        await company.until(company.are_equal)
        assert len(two.read("k")) == added
        with pytest.raises(KeyTooLarge, match=f"may hold {CELL_BYTES_MAX}"):
            await one.change("k", AddElement(b"one more"))
        three = company.join()
        await three.start()
        await company.until(company.are_equal)
        for element in one.read("k")[1:]:
            await three.change("k", RemoveElement(element))
        await three.change("k", AddElement(b"there is room again"))
        with pytest.raises(KeyTooLarge):
            await three.change("m", ChangeField(b"f", Put(bytes(CELL_BYTES_MAX))))
        await company.until(company.are_equal)
        assert len(one.read("k")) == 2 and one.read("m") is None

    play(Company(model, 2), story)


@pytest.mark.parametrize("model", MODELS)
def test_the_65th_sibling_is_refused_where_it_is_written_and_more_meet_wherever_they_come(model: Model) -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        company.partition(1)
        for place in (one, two):
            for number in range(SIBLINGS_MAX):
                await place.change("k", Put(b"%d of %d" % (number, place.number)), NOTHING_SEEN)
                await place.change("s", AddElement(b"x"), NOTHING_SEEN)
            with pytest.raises(SiblingLimit, match="64 concurrent values"):
                await place.change("k", Put(b"one more"), NOTHING_SEEN)
            with pytest.raises(SiblingLimit, match="64 concurrent additions"):
                await place.change("s", AddElement(b"x"), NOTHING_SEEN)
        company.partition()
        await company.until(company.are_equal)
        desks = [Desk(place) for place in company.places]
        answers = [await desk.ask(Range(b"k")) for desk in desks]
        assert len({answer.kvs[0].value for answer, _ in answers}) == 1, "the same winner"
        assert [stamp.siblings for _, stamp in answers] == [2 * SIBLINGS_MAX - 1] * 2
        fetched, _ = await desks[0].ask(Fetch(b"k"))
        for place in (one, two):
            with pytest.raises(SiblingLimit):
                await place.change("k", Put(b"one more"), NOTHING_SEEN)
        await desks[1].ask(Update([KeyChange(b"k", Put(b"settled"), fetched.keys[0].context)]))
        await two.change("s", AddElement(b"x"))
        await company.until(company.are_equal)
        assert (one.read("k"), one.read("s")) == (["settled"], [b"x"])
        await one.change("k", Remove())
        await company.until(company.are_equal)
        assert two.read("k") is None

    play(Company(model, 2), story)
