# SPDX-License-Identifier: Apache-2.0
"""Causal hosts under faults drawn from a seed: cuts, losses, lost power, stops, full disks; often one on the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from tests.server.replicas.company import Company, Place, play
from tricord.base.changes import Add, AddElement
from tricord.base.errors import TricordError
from tricord.base.keyspaces import Model
from tricord.base.typed import KeyChange, Update, UpdateResult

SECONDS = 12.0
SETS = 5

Answers = list[UpdateResult | TricordError]


@dataclass
class Ledger:
    """Every write has an element of its own, or adds 1; now and then a large one, so that logs and tables turn over."""

    made: int = 0
    added: list[tuple[bytes, Answers]] = field(default_factory=list)
    counted: list[Answers] = field(default_factory=list)

    def write(self, place: Place, source: Random) -> None:
        if place.host is None:
            return
        self.made += 1
        answers: Answers = []
        changes = []
        if source.random() < 0.3:
            self.counted.append(answers)
            changes.append(KeyChange(b"total", Add(1)))
        if not changes or source.random() < 0.2:
            element = b"%d" % self.made + bytes(source.choice((0, 0, 0, 0, 0, 100_000)))
            self.added.append((element, answers))
            changes.append(KeyChange(b"set %d" % source.randrange(SETS), AddElement(element)))
        place.host.update(Update(changes), place.company.loop.time() + source.uniform(0.5, 3), answers.append)

    def check(self, place: Place) -> None:
        standing = {element for number in range(SETS) for element in place.read(f"set {number}") or ()}
        for element, answers in self.added:
            assert len(answers) == 1, "each is answered, once"
            if isinstance(answers[0], UpdateResult):
                assert element in standing, f"{element[:9]!r} was lost"
        total = place.read("total") or 0
        acknowledged = sum(isinstance(answers[0], UpdateResult) for answers in self.counted)
        assert acknowledged <= total <= len(self.counted)


async def fault(company: Company, source: Random) -> None:
    """One of them, perhaps another one in the middle of it, and their end."""
    for _ in range(source.choice((1, 1, 2))):
        place = source.choice(company.places)
        kind = source.choice(("part", "crash", "crash", "stop", "full"))
        if kind == "part":
            company.partition(source.choice(company.places).number)
        elif kind == "full":
            place.disk.is_full = True
        elif place.host is not None:
            if kind == "crash":
                place.crash()
            else:
                await place.stop()
        await company.pass_time(source.uniform(0.05, 1.5))
    company.partition()
    for each in company.places:
        each.disk.is_full = False
        if each.host is None:
            await each.start()


@pytest.mark.parametrize("seed", range(4))
def test_replicas_are_equal_in_time_and_nothing_acknowledged_is_lost(seed: int) -> None:
    source, ledger = Random(seed), Ledger()

    async def story(company: Company) -> None:
        await company.start()
        loop = company.loop

        def write() -> None:
            if loop.time() < SECONDS:
                ledger.write(source.choice(company.places), source)
                loop.call_later(source.uniform(0, 0.05), write)

        write()
        while loop.time() < SECONDS:
            await fault(company, source)
        company.loss = 0.0
        await company.until(company.are_equal)
        await company.pass_time(3.0)  # the deadlines of what waited are over
        assert not [failure for place in company.places for failure in place.failures]
        for place in company.places:
            ledger.check(place)

    play(Company(Model.CAUSAL, 3, loss=source.choice((0.0, 0.2)), seed=seed), story)
    assert ledger.made > 50
