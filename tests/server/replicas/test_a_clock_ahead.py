# SPDX-License-Identifier: Apache-2.0
"""One replica's clock is ten minutes ahead, and is put right later: told, and nothing diverges or gets stuck."""

from __future__ import annotations

import pytest

from tests.server.replicas.company import Company, Place, play
from tricord.base.changes import Change, Put, PutLast
from tricord.base.hybrid_clock import milliseconds_of
from tricord.base.keyspaces import Model
from tricord.base.typed import KeyChange
from tricord.crdt.shown import show

TEN_MINUTES = 600
ALARMS = {Model.CAUSAL: "a clock is far ahead", Model.EVENTUAL: "clock ahead"}
MODELS = [Model.CAUSAL, Model.EVENTUAL]


async def write(place: Place, key: str, value: str, *, last: bool = False, ttl: int = 0) -> None:
    change: Change = PutLast(value.encode()) if last else Put(value.encode())
    await place.update(KeyChange(key.encode(), change, b"", ttl))


async def everywhere(company: Company, key: str, wanted: object) -> None:
    await company.until(lambda: company.are_equal() and all(place.read(key) == wanted for place in company.places))


@pytest.mark.parametrize("model", MODELS)
def test_causality_is_compared_before_stamps_and_stamps_order_what_is_concurrent(model: Model) -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two, three = company.places
        two.ahead = TEN_MINUTES
        company.partition(2)
        await write(two, "last", "of the one ahead", last=True)
        await write(two, "register", "of the one ahead")
        await company.pass_time(30)
        await write(one, "last", "later by the time of all others", last=True)
        await write(three, "register", "later")
        company.partition()
        await everywhere(company, "last", ["of the one ahead"])
        await everywhere(company, "register", ["later", "of the one ahead"])
        assert [place.alarms for place in company.places] == [[ALARMS[model]], [], [ALARMS[model]]]
        await write(one, "last", "of one who knew", last=True)
        await write(three, "register", "of one who knew")
        await everywhere(company, "last", ["of one who knew"])
        await everywhere(company, "register", ["of one who knew"])
        two.ahead = 0
        await write(two, "last", "right again", last=True)
        await everywhere(company, "last", ["right again"])
        await two.stop()
        await two.start()
        await company.until(lambda: bool(two.host.status().is_open))
        await write(two, "last", "after a start", last=True)
        await everywhere(company, "last", ["after a start"])
        await write(three, "last", "the end", last=True)
        await everywhere(company, "last", ["the end"])
        assert not any(place.failures for place in company.places)

    play(Company(model, 3), story)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ahead", [TEN_MINUTES, 8_700_000_000])
def test_nobody_goes_on_with_a_clock_that_is_another_ones_after_a_start(model: Model, ahead: int) -> None:
    """The second clock is about as far ahead as a stamp can say."""

    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        two.ahead = ahead
        await write(two, "k", "of the one ahead")
        await everywhere(company, "k", ["of the one ahead"])
        for place in (one, two):
            await place.stop()
            two.ahead = 0
            await place.start()
        await company.until(lambda: all(place.host.status().is_open for place in company.places))
        await write(one, "mine", "v")
        shown = show(one.host.cell(b"mine"), 0)
        now = one.environment.clock.wall_ns() // 1_000_000
        assert shown is not None and milliseconds_of(shown.stamp) < now + 120_000
        await write(two, "k", "right again")
        await everywhere(company, "k", ["right again"])

    play(Company(model, 2), story)


def test_times_to_live_are_seen_by_each_ones_clock_and_all_hold_the_same() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        two.ahead = TEN_MINUTES
        await write(one, "of one", "v", ttl=60_000)
        await write(two, "of two", "v", ttl=60_000)
        await company.until(company.are_equal)
        assert (one.read("of one"), two.read("of one")) == (["v"], None)
        assert (one.read("of two"), two.read("of two")) == (["v"], ["v"])
        await company.pass_time(61)
        assert (one.read("of one"), one.read("of two"), two.read("of two")) == (None, ["v"], None)
        two.ahead = 0
        assert two.read("of two") == ["v"], "its end is stored as its writer's clock said"
        assert company.are_equal()

    play(Company(Model.EVENTUAL, 2), story)
