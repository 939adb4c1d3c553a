# SPDX-License-Identifier: Apache-2.0
"""Writes that wait for the next group of a host: each is answered once, and rightly, whatever comes between."""

from __future__ import annotations

import pytest

from tests.server.replicas.company import Company, play
from tricord.base.changes import Add, Change, ChangeField, Put
from tricord.base.errors import (
    DiskFault,
    NoSpace,
    OutcomeUnknown,
    ReplicaCatchingUp,
    ServerFault,
    TricordError,
    TypeMismatch,
)
from tricord.base.keyspaces import Model
from tricord.base.typed import KeyChange, Update, UpdateResult
from tricord.sim.environment import LANE_SECONDS

Told = list[UpdateResult | TricordError]


def put(key: bytes, value: bytes) -> Update:
    return Update([KeyChange(key, Put(value))])


def test_what_waits_counts_among_what_is_in_use() -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        told: Told = []
        for number in range(100):
            one.host.update(put(b"%d" % number, bytes(100_000)), float("inf"), told.append)
        assert 90 <= len(told) < 100
        assert {type(outcome) for outcome in told} == {NoSpace}

    play(Company(Model.CAUSAL, 1, quota=500_000), story)


def test_who_is_refused_may_ask_at_once_and_have_it_carried_out() -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        told: Told = []

        def again(outcome: UpdateResult | TricordError) -> None:
            assert isinstance(outcome, TypeMismatch)
            one.host.update(put(b"a", b"3"), float("inf"), told.append)
            one.host.settle()

        await one.change("hits", Add(1))
        one.host.update(put(b"a", b"1"), float("inf"), told.append)
        one.host.update(put(b"hits", b""), float("inf"), again)
        one.host.update(put(b"b", b"2"), float("inf"), told.append)
        await company.pass_time(1)
        assert (told, one.failures) == ([UpdateResult(2), UpdateResult(2), UpdateResult(3)], [])
        assert [one.read(key) for key in ("a", "b")] == [["3"], ["2"]]

    play(Company(Model.CAUSAL, 1), story)


def test_a_request_that_cannot_be_carried_out_at_all_holds_up_no_other() -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        reported: list[str] = []
        company.loop.set_exception_handler(lambda _, told: reported.append(told["message"]))
        told: Told = []
        deep: Change = Put(b"")
        for _ in range(300):
            deep = ChangeField(b"field", deep)
        for key, change in ((b"a", Put(b"1")), (b"b", deep), (b"c", Put(b"2"))):
            one.host.update(Update([KeyChange(key, change)]), float("inf"), told.append)
        await company.pass_time(0.1)
        assert isinstance(told[0], ServerFault)
        assert told[1:] == [UpdateResult(1)] * 2
        assert (len(reported), one.failures) == (1, [])

    play(Company(Model.CAUSAL, 1), story)


@pytest.mark.parametrize("model", [Model.CAUSAL, Model.EVENTUAL])
def test_a_write_under_way_may_stand_when_its_replica_is_made_anew(model: Model) -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        first: Told = []
        second: Told = []
        one.host.update(put(b"a", b"1"), float("inf"), first.append)
        await company.pass_time(LANE_SECONDS / 2)
        one.host.update(put(b"b", b"2"), float("inf"), second.append)
        await one.host.close(ReplicaCatchingUp("it gets another number"))
        await one.start()
        await company.until(lambda: bool(one.host.status().is_open))
        assert [type(outcome) for outcome in first + second] == [OutcomeUnknown, ReplicaCatchingUp]
        assert [one.read(key) for key in ("a", "b")] == [["1"], None]

    play(Company(model, 1), story)


def test_where_the_tables_fail_each_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        told: Told = []
        for value in (b"1", b"2"):  # two operations
            one.host.update(put(b"a", value), float("inf"), told.append)
        monkeypatch.setattr(one.host.core.store, "write", lambda writes: 1 // 0)
        await company.pass_time(0.1)
        assert [type(failure) for failure in one.failures] == [ZeroDivisionError]
        one.host.abandon(DiskFault("it failed"))
        assert [type(outcome) for outcome in told] == [DiskFault, DiskFault]

    play(Company(Model.CAUSAL, 1), story)
