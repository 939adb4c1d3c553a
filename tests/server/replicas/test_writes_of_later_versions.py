# SPDX-License-Identifier: Apache-2.0
"""A later version writes what this one cannot read, or cannot show: all else gets through, and nothing diverges."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.replicas import eventual_world
from tests.server.replicas.company import Company, Place, play
from tests.server.replicas.desk import Desk, EtcdWatcher, Watcher
from tests.server.replicas.eventual_world import Node, World, error, result
from tests.server.replicas.later_types import OF_LATER, as_of_later, know_later_type, of_later_format, put_of_later
from tricord.base.changes import Add, Put
from tricord.base.errors import OutcomeUnknown, TypeMismatch, UnknownType
from tricord.base.keyspaces import Model
from tricord.base.operations import DeleteRange, Range
from tricord.base.typed import Fetch, KeyChange, TypedWatch, Update
from tricord.base.watching import WatchSpec
from tricord.eventual import known

ALARM = "writes cannot be taken in"


class Upgrading(Company):
    """What ``later`` says goes through ``written``, as if a later version had sent it."""

    def __init__(self, written: Any = as_of_later) -> None:
        super().__init__(Model.CAUSAL, 3)
        self.written = written
        self.later: set[int] = {1}

    def send(self, sender: Place, replica: int, data: bytes) -> bool:
        return super().send(sender, replica, self.written(data) if sender.number in self.later else data)


@pytest.mark.parametrize("written", [as_of_later, of_later_format])
def test_a_causal_replica_waits_for_what_it_cannot_read_and_for_what_needs_it(written: Any) -> None:
    async def story(company: Company) -> None:
        assert isinstance(company, Upgrading)
        await company.start()
        one, two, three = company.places
        await two.put(a="of two")
        await one.put(b="before")
        await company.until(company.are_equal)
        company.partition(1)
        await one.put(k=OF_LATER)
        await one.put(c="behind it")
        await three.put(d="of three")
        company.partition()
        await company.pass_time(30)
        await two.put(e="of two")
        await company.pass_time(30)
        assert (one.read("d"), one.read("e"), one.read("c")) == (["of three"], ["of two"], ["behind it"])
        for place in (two, three):
            shown = [place.read(key) for key in "abcdek"]
            assert shown == [["of two"], ["before"], None, ["of three"], ["of two"], None]
            assert place.alarms == [ALARM], "once a minute"
            assert place.host.status().refused and not place.failures
            assert not place.host.covers(one.host.vector()), "it says nothing of what it could not read"
        assert two.host.status().digest == three.host.status().digest
        assert one.host.status().unsent == 2
        company.later.clear()  # they run the later version now
        await company.until(company.are_equal)
        assert [[place.read(key) for key in "ck"] for place in company.places] == [[["behind it"], [OF_LATER]]] * 3

    play(Upgrading(written), story)


def test_a_state_that_cannot_be_read_is_not_taken_over_by_half() -> None:
    async def story(company: Company) -> None:
        assert isinstance(company, Upgrading)
        company.later = set()
        await company.start()
        await company.places[0].put(a="1")
        await company.places[0].put(k=OF_LATER)
        await company.until(company.are_equal)
        await company.until(lambda: not any(any(place.host.core.log.rows()) for place in company.places))
        company.later = {1, 2, 3}
        fourth = company.join()
        await fourth.start()
        await company.pass_time(30)
        assert "a state cannot be taken over" in fourth.alarms and not fourth.host.status().is_open
        company.later.clear()
        await company.until(company.are_equal)
        assert (fourth.read("a"), fourth.read("k")) == (["1"], [OF_LATER])

    play(Upgrading(), story)


class UpgradingWorld(World):
    """The same for eventual replicas; ``later``: names."""

    later = frozenset({"a"})

    def send(self, node: Node, replica: int, data: bytes) -> bool:
        return super().send(node, replica, as_of_later(data) if node.name in self.later else data)


def test_an_eventual_replica_takes_all_but_the_keys_that_it_cannot_read() -> None:
    async def story(world: World) -> None:
        assert isinstance(world, UpgradingWorld)
        await world.open()
        one, two, three = world.nodes.values()
        one.put(b"k", b"old")
        one.put(b"gone", b"1")
        await world.sleep(0.1)
        world.part()
        one.put(b"k", OF_LATER.encode())
        one.put(b"with it", b"in one message")
        await world.sleep(2)
        three.put(b"gone", b"2")
        two.put(b"of two", b"1")
        await world.sleep(2)
        world.heal()
        acked = one.update(b"acked", Put(b"1"), acks=3)
        await world.sleep(20)
        result(acked)
        for node in (two, three):
            assert [node.value(key) for key in (b"k", b"with it", b"gone", b"of two")] == [
                b"old",
                b"in one message",
                b"2",
                b"1",
            ]
            assert node.alarms == [ALARM]
            assert node.host is not None
            ages = node.host.status().agreement_seconds
            assert ages.pop(1) > 15 and max(ages.values()) < 5, "it does not say that it has all of that one"
        assert one.value(b"k") == OF_LATER.encode(), "nobody took away what he could not read"
        read = two.read([b"k"], 3)
        await world.sleep(1)
        assert isinstance(error(read), UnknownType)
        world.later = frozenset()
        await world.sleep(6)
        assert len(world.digests()) == 1 and three.value(b"k") == OF_LATER.encode()

    eventual_world.play(story, UpgradingWorld("a", "b", "c"))


def test_what_comes_behind_what_cannot_be_read_takes_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "BEYOND_MAX", 50)

    async def story(world: World) -> None:
        assert isinstance(world, UpgradingWorld)
        await world.open()
        one, two = world.nodes.values()
        one.put(b"k", OF_LATER.encode())
        for number in range(400):
            one.put(b"%d" % (number % 5), b"%d" % number)
            await world.sleep(0.02)
        await world.sleep(5)
        assert [two.value(b"%d" % number) for number in range(5)] == [b"%d" % (395 + number) for number in range(5)]
        assert two.host is not None and two.host._core is not None
        cloud = two.host._core._state.known.context.cloud
        assert 50 <= sum(map(len, cloud.values())) < 100, "repair adds what keys hold"
        world.later = frozenset()
        await world.sleep(5)
        assert not cloud and len(world.digests()) == 1

    eventual_world.play(story, UpgradingWorld("a", "b"))


def test_one_that_joins_opens_when_it_can_read_all() -> None:
    async def story(world: World) -> None:
        assert isinstance(world, UpgradingWorld)
        await world.open()
        one = world.nodes["a"]
        one.put(b"k", OF_LATER.encode())
        one.put(b"b", b"1")
        await world.sleep(0.1)
        new = world.add("b")
        new.start()
        await world.sleep(20)
        assert not new.is_open and new.alarms == [ALARM]
        world.later = frozenset()
        await world.sleep(3)
        assert new.is_open and new.value(b"k") == OF_LATER.encode() and len(world.digests()) == 1

    eventual_world.play(story, UpgradingWorld("a"))


@pytest.mark.parametrize("model", [Model.CAUSAL, Model.EVENTUAL])
def test_a_type_that_this_version_does_not_know_is_kept_and_passed_on(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_later_type(monkeypatch)

    async def story(company: Company) -> None:
        await company.start()
        one, two, three = company.places
        company.partition(3)
        await one.change("k", put_of_later(b"x"))
        await one.put(a="1")
        await company.until(lambda: two.host.status().digest == one.host.status().digest)
        await one.stop()
        company.partition()
        await company.until(company.are_equal)
        await company.pass_time(0.1)  # what comes from others is shown a little later, when it is durable
        desk = Desk(three)
        for request in (Range(b"k"), Range(b"a", b"z"), Fetch(b"k"), Fetch(b"a", b"z"), DeleteRange(b"k", b"", True)):
            refused = await desk.refusal(request)
            assert type(refused) is UnknownType and "'k'" in str(refused) and "type 9" in str(refused)
        assert type(await desk.refusal(Update([KeyChange(b"k", Add(1))]))) is TypeMismatch
        assert await desk.get("a") == "1"
        result, _ = await desk.ask(DeleteRange(b"k"))
        assert result.deleted == 1
        await company.until(company.are_equal)
        assert await desk.get("k") is None and not desk.faults

    play(Company(model, 3), story)


@pytest.mark.parametrize("model", [Model.CAUSAL, Model.EVENTUAL])
def test_watches_of_what_cannot_be_shown_end_and_cost_nobody_else(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_later_type(monkeypatch)

    async def story(company: Company) -> None:
        await company.start()
        desk = Desk(company.places[0])
        before: list[Any] = [Watcher(desk, TypedWatch(b"a", b"z")), EtcdWatcher(desk, WatchSpec(b"a", b"z", 0))]
        other = Watcher(desk, TypedWatch(b"b"))
        for watcher in (*before, other):
            watcher.take()
        first = desk.begin(Update([KeyChange(b"j", Put(b"1"))]))
        begun_meanwhile = Watcher(desk, TypedWatch(b"i", b"l"))
        begun_meanwhile.take()
        second = desk.begin(Update([KeyChange(b"k", put_of_later(b"x"))]))
        await first
        await second
        await company.pass_time(0.1)
        begun_after = Watcher(desk, TypedWatch(b"i", b"l"))
        for watcher in (*before, begun_meanwhile, begun_after):
            with pytest.raises(UnknownType, match="type 9"):
                while watcher.take():
                    pass
        outcome, _ = await desk.begin(Update([KeyChange(b"b", Put(b"2"))]))
        assert not isinstance(outcome, OutcomeUnknown), "commits go on"
        assert other.shown(other.take()) == [{"b": b"2"}] and not desk.faults and not company.places[0].failures

    play(Company(model, 1), story)
