# SPDX-License-Identifier: Apache-2.0
"""How often a write crosses each link: once, from whoever made it. Others pass it on only to who has no other way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from tests.server.replicas.company import Company, Place, play
from tricord.base.keyspaces import Model
from tricord.causal.messages import Operations
from tricord.causal.messages import decode_message as decode_causal
from tricord.causal.operation import head_of
from tricord.eventual.codec import decode_message as decode_eventual
from tricord.eventual.messages import Deltas

MEMBERS = (1, 2, 3)
SOON = 0.1
"""Seconds for two messages and two commits, and for nothing that waits."""
RELAYED = 1.0
"""Seconds by which what whoever made it could not send has come by way of another one."""

Link: TypeAlias = tuple[int, int]


class Watched(Company):
    """Counts the writes that each link carried: by sender, receiver and who made it. Edges are above 10, each at one
    member; ``severed`` are links without a way."""

    def __init__(self, model: Model, edges: dict[int, int] | None = None) -> None:
        super().__init__(model, len(MEMBERS))
        self.edges = {} if edges is None else edges
        self.severed: set[Link] = set()
        self.carried: Counter[tuple[int, int, int]] = Counter()
        self.set = (1, list(MEMBERS), sorted(self.edges), [])
        self.places += [Place(self, number, self.places[0].record) for number in self.edges]

    def can_pass(self, one: Place, other: Place) -> bool:
        link = tuple(sorted((one.number, other.number)))
        if link[1] > len(MEMBERS) and self.edges[link[1]] != link[0]:
            return False
        return link not in self.severed and super().can_pass(one, other)

    def send(self, sender: Place, replica: int, data: bytes) -> bool:
        sent = super().send(sender, replica, data)
        if sent:
            self.carried.update((sender.number, replica, maker) for maker in self._makers(data))
        return sent

    def _makers(self, data: bytes) -> list[int]:
        if self.places[0].record.model is Model.CAUSAL:
            said = decode_causal(data)
            operations = said.operations if isinstance(said, Operations) else []
            return [head_of(operation).origin.replica for operation in operations]
        _, heard = decode_eventual(data)
        deltas = heard.deltas if isinstance(heard, Deltas) else []
        return [min(delta.dots).replica for _, delta, _ in deltas]

    def from_makers(self) -> dict[Link, int]:
        """Of the writes that whoever made them sent: how many went over each link."""
        return {(sender, receiver): n for (sender, receiver, maker), n in self.carried.items() if sender == maker}

    def relayed(self) -> dict[tuple[int, int, int], int]:
        """All others."""
        return {way: n for way, n in self.carried.items() if way[0] != way[2]}


async def write_everywhere(company: Watched, count: int) -> None:
    """So many writes at each member, in no time and then now and then; and until all have all."""
    for number in range(count):
        for place in company.places[: len(MEMBERS)]:
            place.write(f"key{place.number}", str(number), lambda: None)
        if number % 3:
            await company.pass_time(0.04)
    await company.until(company.are_equal)
    await company.pass_time(2)


def all_read(value: str, key: str, *places: Place) -> Callable[[], bool]:
    return lambda: all(place.read(key) == [value] for place in places)


def once_each(model: Model) -> None:
    async def story(company: Watched) -> None:
        await company.start()
        await write_everywhere(company, 30)
        assert company.from_makers() == {(one, other): 30 for one in MEMBERS for other in MEMBERS if one != other}
        assert company.relayed() == {}

    play(company := Watched(model), lambda _: story(company))


def test_each_causal_write_crosses_each_link_once() -> None:
    once_each(Model.CAUSAL)


def test_each_eventual_write_crosses_each_link_once() -> None:
    once_each(Model.EVENTUAL)


def test_a_cut_between_two_members_is_bridged_by_the_third_one() -> None:
    async def story(company: Watched) -> None:
        await company.start()
        await company.until(company.are_equal)
        one, two, three = company.places
        company.severed.add((1, 3))
        for number in range(5):
            await one.put(a=str(number))
            assert await company.until(all_read(str(number), "a", two, three)) < RELAYED
            await three.put(b=str(number))
            assert await company.until(all_read(str(number), "b", one, two)) < RELAYED
        await company.pass_time(2)
        assert company.relayed().keys() == {(2, 3, 1), (2, 1, 3)}, "nobody sends back what it got"

    play(company := Watched(Model.CAUSAL), lambda _: story(company))


def test_what_edges_write_and_what_is_for_them_goes_on_at_once() -> None:
    async def story(company: Watched) -> None:
        await company.start()
        await company.until(company.are_equal)
        one, _, three, edge, beside, far = company.places
        for number in range(5):
            await edge.put(a=str(number))
            assert await company.until(all_read(str(number), "a", three, beside, far)) < SOON
            await one.put(b=str(number))
            assert await company.until(all_read(str(number), "b", three, beside, far)) < SOON
        await company.pass_time(2)
        assert set(company.carried.values()) == {5}
        assert company.relayed().keys() == {
            *[(1, other, 11) for other in (2, 3, 12)],
            *[(3, 13, maker) for maker in (1, 11)],
        }

    play(company := Watched(Model.CAUSAL, {11: 1, 12: 1, 13: 3}), lambda _: story(company))


def test_an_edge_that_goes_to_another_member_brings_what_nobody_else_has() -> None:
    async def story(company: Watched) -> None:
        await company.start()
        await company.until(company.are_equal)
        one, two, three, edge = company.places
        company.partition(2, 3)
        await one.put(a="of a member that dies")
        await company.until(all_read("of a member that dies", "a", edge))
        await edge.put(b="of the edge")
        one.crash()
        company.edges[11] = 2
        company.partition()
        assert await company.until(all_read("of a member that dies", "a", two, three)) < RELAYED
        assert await company.until(all_read("of the edge", "b", two, three)) < SOON
        await edge.put(b="at the other one")
        assert await company.until(all_read("at the other one", "b", two, three)) < SOON
        await one.start()
        await company.until(company.are_equal)

    play(company := Watched(Model.CAUSAL, {11: 1}), lambda _: story(company))
