# SPDX-License-Identifier: Apache-2.0
"""Hosts of a causal keyspace: they carry out what the core asks, over a network that loses and disks that break."""

from __future__ import annotations

import asyncio
import copy
import errno

import pytest

from tests.server.replicas.company import Company, Place, play
from tricord.base.changes import Add, AddElement, ChangeField, Put, Remove, RemoveElement
from tricord.base.dots import INCARNATION_MAX, Dot, Origin, VersionVector
from tricord.base.errors import (
    DiskFault,
    InvalidRequest,
    KeyNotProvided,
    KeyspaceNotFound,
    NoSpace,
    NotOfThisModel,
    ReplicaCatchingUp,
    RequestTooLarge,
    TokenAhead,
    TricordError,
    TypeMismatch,
)
from tricord.base.hybrid_clock import hybrid_time
from tricord.base.keyspaces import Model
from tricord.base.typed import KeyChange, Update, UpdateResult
from tricord.causal.messages import encode_haves, encode_operations, encode_outdated
from tricord.causal.operation import make_operation
from tricord.causal.past import Closed, Past
from tricord.causal.peers import Have
from tricord.crdt import register
from tricord.crdt.cell import Write
from tricord.crdt.encoding import encode_delta
from tricord.crdt.read_context import encode_read_context
from tricord.server.replicas.committing import TABLES_SECONDS
from tricord.storage.memory_disk import PowerLost
from tricord.storage.replica_log import SEGMENT_BYTES


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
        with pytest.raises(TypeMismatch, match="'k': the key holds a counter, not a register"):
            await one.update(*[KeyChange(key, change) for key in (b"a", b"k") for change in (Add(1), Put(b""))][1:])
        assert one.host.sequence == 0

    play(Company(Model.CAUSAL, 1), story)


def test_what_is_asked_for_at_once_becomes_one_operation() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        first, second, wrong, third = await asyncio.gather(
            one.put(a="1"),
            one.put(b="2", c="3"),
            one.update(KeyChange(b"d", Put(b"")), KeyChange(b"d", Add(1))),
            one.change("hits", Add(1)),
            return_exceptions=True,
        )
        assert isinstance(wrong, TypeMismatch), "and it holds up no other"
        assert first == second == third == UpdateResult(1)
        before, after, other = await asyncio.gather(one.put(a="4"), one.put(a="5"), one.put(b="6"))
        assert (before.sequence, after.sequence, other.sequence) == (2, 3, 3), "each write of a key is shown"
        await company.until(company.are_equal)
        assert [(told.sequence, told.key) for told in two.told] == [
            *((1, key) for key in (b"a", b"b", b"c", b"hits")),
            *((2, b"a"), (3, b"a"), (3, b"b")),
        ]
        assert [two.read(key) for key in ("a", "b", "c", "d")] == [["5"], ["6"], ["3"], None]

    play(Company(Model.CAUSAL, 2), story)


def test_requests_together_have_the_bounds_of_each_alone() -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        kilobyte, megabyte = bytes(1 << 10), bytes((1 << 20) + (1 << 19))
        small = [one.update(KeyChange(b"%d" % number, Put(kilobyte))) for number in range(100)]
        large = [one.update(KeyChange(name, Put(megabyte))) for name in (b"x", b"y")]
        sequences = [result.sequence for result in await asyncio.gather(*small, *large)]
        assert sequences == [1] * 60 + [2] * 41 + [3], "64 KiB; and two of the large ones could not be read"
        assert one.host.cell(b"x") and one.host.cell(b"y")

    play(Company(Model.CAUSAL, 1), story)


def test_who_asks_as_the_replica_stops_is_told() -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        told: list[UpdateResult | TricordError] = []

        def ask() -> None:
            one.host.update(Update([KeyChange(b"a", Put(b"1"))]), float("inf"), told.append)

        ask()
        await one.stop()
        assert told == [UpdateResult(1)], "what was asked for before is done"
        await one.start()
        ask()
        one.host.abandon(KeyspaceNotFound("dropped"))
        assert [type(error) for error in told[1:]] == [KeyspaceNotFound]

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


def test_a_power_cut_at_any_call_of_the_disk_loses_nothing_that_was_acknowledged() -> None:
    cuts = 0
    for call in range(1, 60, 2):
        acknowledged: list[int] = []
        company = Company(Model.CAUSAL, 1, seed=call)
        (one,) = company.places
        one.disk.cut_at = call

        async def story(company: Company, one: Place = one, acknowledged: list[int] = acknowledged) -> None:
            nonlocal cuts
            for _ in range(4):
                try:
                    await one.start()
                    break
                except PowerLost:
                    cuts += 1
                    one.disk.power_cut()
            for number in range(6):
                one.write(f"key{number}", str(number), lambda number=number: acknowledged.append(number))  # type: ignore[misc]
                await company.pass_time(0.0001)
            await company.pass_time(0.01)
            if one.failures:
                cuts += 1
            one.crash()
            await one.start()
            await company.until(lambda: bool(one.host.status().is_open))
            assert [one.read(f"key{number}") for number in acknowledged] == [[str(number)] for number in acknowledged]
            assert one.host.sequence >= len(acknowledged)

        play(company, story)
    assert cuts > 5


def test_a_full_disk_refuses_writes_and_loses_none() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        await one.put(a="1")
        await company.until(company.are_equal)
        one.disk.is_full = True
        large = "2" * SEGMENT_BYTES  # more than what the log has reserved
        answered: list[str] = []
        one.write("a", large, lambda: answered.append("2"))
        await company.pass_time(0.1)
        with pytest.raises(NoSpace):
            await one.put(b="3")
        assert not one.host.is_durable
        await two.put(c="elsewhere")
        await company.pass_time(1)
        assert (one.read("c"), two.read("a"), answered) == (None, ["1"], [])
        one.disk.is_full = False
        await company.until(company.are_equal)
        assert (one.read("c"), two.read("a"), answered) == (["elsewhere"], [large], ["2"])
        assert not one.failures

    play(Company(Model.CAUSAL, 2), story)


def test_over_the_quota_only_what_takes_away_is_written() -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        await one.change("basket", ChangeField(b"fruit", AddElement(b"apple")))
        await one.put(a="x" * 20_000)
        with pytest.raises(NoSpace):
            await one.put(b="y")
        with pytest.raises(NoSpace):
            await one.change("basket", ChangeField(b"fruit", AddElement(b"pear")))
        await one.change("basket", ChangeField(b"fruit", RemoveElement(b"apple")))
        await one.change("a", Remove())
        await company.pass_time(2 * TABLES_SECONDS)
        await one.put(b="y")

    play(Company(Model.CAUSAL, 1, quota=20_000), story)


def test_a_failing_disk_ends_the_replica_loudly() -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        one.disk.fail_at = {one.disk.calls + 1: errno.EIO}
        one.write("a", "1", lambda: None)
        await company.pass_time(0.1)
        assert [type(failure) for failure in one.failures] == [DiskFault]

    play(Company(Model.CAUSAL, 1), story)


@pytest.mark.parametrize("seed", range(6))
def test_crashes_partitions_and_loss_lose_nothing_that_was_acknowledged(seed: int) -> None:
    acknowledged: set[str] = set()

    async def story(company: Company) -> None:
        await company.start()
        source = company.source
        for number in range(60):
            place = source.choice(company.places)
            if place.host is None:
                await place.start()
            elif source.random() < 0.1:
                place.crash()
                continue
            elif source.random() < 0.1:
                company.partition(*source.sample([1, 2, 3], source.randrange(3)))
            if place.host.status().is_open:
                place.add("tags", str(number), lambda number=number: acknowledged.add(str(number)))  # type: ignore[misc]
            await company.pass_time(source.uniform(0, 0.2))
        company.partition()
        company.loss = 0.0
        for place in company.places:
            if place.host is None:
                await place.start()
        assert await company.until(company.are_equal) < 10
        for place in company.places:
            assert acknowledged <= {element.decode() for element in place.read("tags")}

    play(Company(Model.CAUSAL, 3, loss=0.1, seed=seed), story)
    assert len(acknowledged) > 20


def test_one_that_joins_gets_the_state_in_pieces_and_is_closed_until_it_has_it() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two, _ = company.places
        for number in range(20):
            await one.put(**{f"key{number:02}": "x" * 60_000})
        await company.until(company.are_equal)
        await company.pass_time(5)  # the log is cut: all have it
        joined = company.join()
        await joined.start()
        seen: set[bool] = set()

        def is_open() -> bool:
            seen.add(joined.host.status().is_open)
            return True in seen

        await company.until(is_open)
        assert seen == {False, True}
        assert joined.host.status().keys == 20
        await two.put(key00="later")
        await company.until(company.are_equal)
        assert joined.read("key00") == ["later"]
        assert joined.resyncs == 1

    play(Company(Model.CAUSAL, 3), story)


def test_a_retired_one_comes_back_under_a_new_number_with_what_it_had_not_sent() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two, three = company.places
        await three.put(a="sent")
        await company.until(company.are_equal)
        company.partition(3)
        await three.put(b="unsent")
        company.set = (2, [1, 2], [], [3])
        for place in (one, two):
            place.host.belong(*company.set)
        await two.put(a="meanwhile")
        await company.pass_time(10)
        company.partition()
        three.host.belong(*company.set)
        await company.until(lambda: three.wanted_numbers > 0)
        await three.stop()
        three.number = 4
        company.change_set([1, 2, 4], [3])
        await three.start()
        await company.until(company.are_equal)
        assert {(str(place.read("a")), str(place.read("b"))) for place in company.places} == {
            ("['meanwhile']", "['unsent']")
        }

    play(Company(Model.CAUSAL, 3), story)


def test_where_all_come_back_one_of_them_opens_with_what_it_has() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        await one.put(a="everywhere")
        await company.until(company.are_equal)
        company.partition(1)
        await one.put(b="of one")
        await two.put(c="of two")
        await one.stop()
        await two.stop()
        one.number, two.number = 3, 4
        company.change_set([3, 4], [1, 2])
        company.partition()
        await one.start()
        await two.start()
        await company.until(company.are_equal)
        for place in company.places:
            assert [place.read(key) for key in "abc"] == [["everywhere"], ["of one"], ["of two"]]
        assert "all replicas were taking over a state" in one.alarms + two.alarms

    play(Company(Model.CAUSAL, 2), story)


def test_an_edge_keeps_what_it_wrote_before_it_had_a_number() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, edge = company.places[0], company.join(0)
        company.set = (2, [1], [], [])
        await one.put(a="member")
        await edge.start()
        await edge.put(a="edge", b="edge")
        read = encode_read_context(edge.host.cell(b"b"))
        await edge.change("hits", Add(3))
        await edge.stop()
        await edge.start()
        await edge.change("hits", Add(4))
        await company.pass_time(5)
        assert edge.host.status().unsent == 4
        await edge.stop()
        edge.number = 2
        company.set = (3, [1], [2], [])
        one.host.belong(*company.set)
        await edge.start()
        assert edge.read("hits") == 7, "nothing is dark in between"
        await company.until(company.are_equal)
        assert (one.read("a"), one.read("b"), one.read("hits")) == (["edge", "member"], ["edge"], 7)
        await edge.change("b", Put(b"by who read it before it had a number"), read)
        await company.until(company.are_equal)
        assert one.read("b") == ["by who read it before it had a number"]

    play(Company(Model.CAUSAL, 1), story)


def test_a_disk_that_is_an_older_copy_of_itself_is_found_out() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        await two.put(a="1")
        await company.until(company.are_equal)
        older = copy.deepcopy(two.disk)
        await two.put(b="2")
        await company.until(company.are_equal)
        two.crash()
        two.disk = older
        older.power_cut()
        await two.start()
        await two.put(c="3")
        await company.until(company.are_equal)
        assert (one.read("b"), two.read("b"), one.read("c")) == (["2"], ["2"], ["3"])

    play(Company(Model.CAUSAL, 2), story)


def test_a_clock_far_ahead_is_told_once_a_minute() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        one.ahead = 600
        for number in range(30):
            await one.put(a=str(number))
            await company.pass_time(1)
        await company.until(company.are_equal)
        assert two.alarms.count("a clock is far ahead") == 1
        await two.put(a="settled")
        await company.until(company.are_equal)
        assert one.read("a") == ["settled"]

    play(Company(Model.CAUSAL, 2), story)


def test_what_is_no_message_changes_nothing() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        for data in (b"", b"\x01", b"\x01\x09", b"\x02\x01\x00", bytes(100), b"\x01\x01\x01\x02ab"):
            one.host.received(2, data)
        assert set(one.alarms) == {"a message cannot be read"}
        await two.put(a="1")
        await company.until(company.are_equal)

    play(Company(Model.CAUSAL, 2), story)


LAST = INCARNATION_MAX


@pytest.mark.parametrize(
    "told",
    [
        encode_outdated(LAST),
        encode_outdated(LAST - 1),
        encode_haves([Have(2, 1, 1, Past({Origin(1, LAST - 5): 3})).encode()]),
        encode_haves([Have(2, 1, 1, Past({}, {1: Closed(LAST, 5)})).encode()]),
    ],
)
def test_one_whom_others_know_by_its_last_name_comes_back_under_a_new_number(told: bytes) -> None:
    """There is no start after it: a million were made, or somebody lies."""

    async def story(company: Company) -> None:
        await company.start()
        one = company.places[0]
        await one.put(a="1")
        await company.until(company.are_equal)
        company.loop.set_exception_handler(lambda loop, told: one.failures.append(told["exception"]))
        one.host.received(2, told)
        await company.until(lambda: one.wanted_numbers > 0)
        assert not one.failures
        await one.stop()
        one.number = 4
        company.change_set([2, 3, 4], [1])
        await one.start()
        await company.until(company.are_equal)
        await one.put(b="2")
        await company.until(company.are_equal)
        assert [(place.read("a"), place.read("b")) for place in company.places] == [(["1"], ["2"])] * 3
        assert not one.failures

    play(Company(Model.CAUSAL, 3), story)


def test_one_that_has_no_start_left_asks_for_a_new_number_when_it_starts() -> None:
    async def story(company: Company) -> None:
        await company.start()
        one, two = company.places
        name = Dot(1, LAST - 3, 1)
        delta = register.put({}, Write(name, hybrid_time(1)), b"of who took its last name")
        one.host.received(
            2,
            encode_operations([make_operation(name.origin, 1, hybrid_time(1), [], [(b"k", encode_delta(delta))]).data]),
        )
        await company.pass_time(1)
        await one.stop()
        await one.start()
        await company.until(lambda: one.wanted_numbers > 0)
        with pytest.raises(ReplicaCatchingUp):
            await one.put(a="1")
        await one.stop()
        one.number = 3
        company.change_set([2, 3], [1])
        await one.start()
        await company.until(company.are_equal)
        await one.put(a="1")
        await company.until(company.are_equal)
        assert (two.read("a"), two.read("k")) == (["1"], ["of who took its last name"]) and not one.failures

    play(Company(Model.CAUSAL, 2), story)


def test_a_keyspace_that_is_dropped_in_use_ends_its_calls() -> None:
    async def story(company: Company) -> None:
        await company.start()
        (one,) = company.places
        waiting: list[TricordError | None] = []
        answers: list[object] = []
        one.host.wait_for(VersionVector({Origin(9, 9): 1}), float("inf"), waiting.append)
        one.host.update(Update([KeyChange(b"a", Put(b"1"))]), float("inf"), answers.append)
        host, one.host = one.host, None
        await host.close(KeyspaceNotFound("dropped"))
        assert [type(answer) for answer in (*waiting, *answers)] == [KeyspaceNotFound, KeyspaceNotFound]

    play(Company(Model.CAUSAL, 1), story)


def test_one_that_starts_is_answered_at_once_by_who_spoke_before_it_could_hear() -> None:
    """Else a new replica is closed until the others happen to speak the next time, five seconds later."""

    async def story(company: Company) -> None:
        one, two = company.places
        await one.start()
        await company.pass_time(20)
        company.loss = 1.0
        await two.start()  # what one says now goes by
        company.loss = 0.0
        assert await company.until(lambda: bool(two.host.status().is_open)) < 1

    play(Company(Model.CAUSAL, 2), story)
