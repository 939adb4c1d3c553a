# SPDX-License-Identifier: Apache-2.0
"""Requests about a causal keyspace: what etcd's requests do in it, what is refused, sessions, deadlines, drops."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tests.server.replicas.company import CLUSTER, Company, play
from tests.server.replicas.desk import HISTORY, Desk
from tricord.base.changes import Add, AddElement, PutLast
from tricord.base.changes import Put as PutRegister
from tricord.base.dots import Origin, VersionVector
from tricord.base.errors import (
    DeadlineExceeded,
    InvalidRequest,
    KeyNotProvided,
    KeyspaceNotFound,
    NotOfThisModel,
    OutcomeUnknown,
    ReplicaCatchingUp,
    RequestTooLarge,
    ResponseTooLarge,
    SiblingLimit,
    Stopping,
    TokenAhead,
    TokenDamaged,
    TokenOfAnotherCluster,
    TokenOfAnotherHistory,
    TooManyRequests,
    TypeMismatch,
)
from tricord.base.keyspaces import Model
from tricord.base.leases import LeaseGrant
from tricord.base.levels import Bounded, Level, Stamp
from tricord.base.operations import (
    Compact,
    DeleteRange,
    DeleteRangeResult,
    Put,
    PutResult,
    Range,
    Request,
    SortOrder,
    SortTarget,
    Txn,
)
from tricord.base.token import Token
from tricord.base.typed import Fetch, FetchResult, KeyChange, Update, UpdateResult
from tricord.server.replicas import ranges

Story = Callable[[Desk], Coroutine[Any, Any, None]]


def at_one(story: Story, **settings: Any) -> None:
    async def whole(company: Company) -> None:
        await company.start()
        await story(Desk(company.places[0], **settings))

    play(Company(Model.CAUSAL, 1), whole)


def at_two(story: Callable[[Company, Desk, Desk], Coroutine[Any, Any, None]]) -> None:
    async def whole(company: Company) -> None:
        await company.start()
        await story(company, *map(Desk, company.places))

    play(Company(Model.CAUSAL, 2), whole)


def token_of(stamp: Stamp, **changes: Any) -> bytes:
    assert stamp.token is not None
    return replace(stamp.token, **changes).encode()


def test_etcds_requests_put_read_and_delete() -> None:
    async def story(desk: Desk) -> None:
        stamp = await desk.put("a", "1")
        assert (stamp.cluster, stamp.member, stamp.term, stamp.level, stamp.age) == (CLUSTER, 1, 3, Level.CAUSAL, None)
        again, later = await desk.ask(Put(b"a", b"2", previous=True))
        assert (again.previous.value, later.revision) == (b"1", stamp.revision + 1)
        await desk.put("b", "3")
        found, read = await desk.ask(Range(b"a", b"\0"))
        assert [(kv.key, kv.value, kv.version) for kv in found.kvs] == [(b"a", b"2", 1), (b"b", b"3", 1)]
        assert (found.count, found.more, read.level, read.siblings) == (2, False, Level.CAUSAL, 0)
        gone, _ = await desk.ask(DeleteRange(b"a", b"c", previous=True))
        assert (gone.deleted, [kv.value for kv in gone.previous]) == (2, [b"2", b"3"])
        assert (await desk.ask(DeleteRange(b"a", b"c")))[0] == DeleteRangeResult(0, [])
        assert (await desk.ask(Range(b"a", b"\0")))[0].kvs == []
        assert (desk.metrics.puts, desk.metrics.ranges, desk.metrics.deletes) == (3, 2, 2)
        assert not desk.faults

    at_one(story)


def test_a_deletion_of_many_keys_is_one_write() -> None:
    async def story(desk: Desk) -> None:
        for key in "abc":
            await desk.put(key, key)
        before = desk.place.host.sequence
        await desk.ask(DeleteRange(b"a", b"\0"))
        assert desk.place.host.sequence == before + 1

    at_one(story)


def test_ranges_have_limits_orders_and_parts() -> None:
    async def story(desk: Desk) -> None:
        for key, value in (("a", "3"), ("b", "1"), ("c", "2")):
            await desk.put(key, value)

        async def keys(**given: Any) -> tuple[list[bytes], bool, int]:
            found = (await desk.ask(Range(b"a", b"\0", **given)))[0]
            return [kv.key for kv in found.kvs], found.more, found.count

        assert await keys(limit=2) == ([b"a", b"b"], True, 3)
        assert await keys(limit=1) == ([b"a"], True, 2), "with a limit the count is how far was looked"
        assert await keys(limit=3) == ([b"a", b"b", b"c"], False, 3)
        assert await keys(count_only=True, limit=1) == ([], False, 3)
        assert await keys(sort_order=SortOrder.DESCEND, limit=1) == ([b"c"], True, 3)
        assert (await keys(sort_target=SortTarget.VALUE, sort_order=SortOrder.ASCEND))[0] == [b"b", b"c", b"a"]
        assert [kv.value for kv in (await desk.ask(Range(b"a", b"\0", keys_only=True)))[0].kvs] == [b""] * 3
        assert (await desk.ask(Range(b"b", b"a")))[0].count == 0

    at_one(story)


def test_what_a_causal_keyspace_cannot_promise_is_refused_with_what_to_use() -> None:
    async def story(desk: Desk) -> None:
        asked: list[tuple[Request, str]] = [
            (Txn([], [Put(b"a", b"")], []), "strong keyspace"),
            (Compact(3), "no past"),
            (Put(b"a", b"", lease=7), "times to live"),
            (Put(b"a", b"", ignore_value=True), "ignore_value"),
            (LeaseGrant(10), "times to live"),
            (Range(b"a", revision=3), "without a revision"),
            (Range(b"a", b"b", min_mod_revision=3), "replica's own"),
            (Update([KeyChange(b"a", PutRegister(b""))], acks=2), "eventual ones"),
            (Update([KeyChange(b"a", PutRegister(b""), ttl=5)]), "eventual ones"),
            (Fetch(b"a", replicas=2), "eventual ones"),
        ]
        for request, words in asked:
            refused = await desk.refusal(request)
            assert type(refused) is NotOfThisModel, request
            assert words in str(refused)
        for level in (Level.LINEARIZABLE, Level.SEQUENTIAL, Level.EVENTUAL, Bounded(seconds=1.0)):
            refused = await desk.refusal(Range(b"a"), desk.context(level=level, level_named=True))
            assert type(refused) is NotOfThisModel
            assert level.value in str(refused)
        assert desk.place.host.sequence == 0
        for level in (Level.CAUSAL, Level.ANY):
            _, stamp = await desk.ask(Range(b"a"), desk.context(level=level, level_named=True))
            assert stamp.level is level

    at_one(story)


def test_what_is_no_request_is_refused() -> None:
    async def story(desk: Desk) -> None:
        for request in (Put(b"", b""), Range(b""), DeleteRange(b""), Fetch(b""), Update([KeyChange(b"", Add(1))])):
            assert type(await desk.refusal(request)) is KeyNotProvided
        for other in (Update([]), Update([KeyChange(b"a", Add(1))], acks=0), Fetch(b"a", replicas=0)):
            assert type(await desk.refusal(other)) is InvalidRequest
        assert type(await desk.refusal(Put(b"a", bytes(2000)))) is RequestTooLarge
        assert type(await desk.refusal(Update([KeyChange(b"a", PutRegister(bytes(2000)))]))) is RequestTooLarge

    at_one(story, request_bytes_max=1000)


def test_typed_values_are_seen_as_bytes_and_as_they_are() -> None:
    async def story(desk: Desk) -> None:
        await desk.update(KeyChange(b"hits", Add(5)), KeyChange(b"tags", AddElement(b"x")))
        assert (await desk.get("hits"), await desk.get("tags")) == ("5", '["x"]')
        fetched, stamp = await desk.ask(Fetch(b"a", b"\0"))
        assert isinstance(fetched, FetchResult)
        assert {one.key: one.value and one.value.value for one in fetched.keys} == {b"hits": 5, b"tags": [b"x"]}
        assert (fetched.sequence, fetched.more, stamp.level) == (stamp.revision, False, Level.CAUSAL)
        one, _ = await desk.ask(Fetch(b"a", b"\0", limit=1))
        assert ([key.key for key in one.keys], one.more) == ([b"hits"], True)
        absent, _ = await desk.ask(Fetch(b"nothing"))
        assert [(key.key, key.value) for key in absent.keys] == [(b"nothing", None)]
        refused = await desk.refusal(Put(b"hits", b"six"))
        assert type(refused) is TypeMismatch
        assert "counter" in str(refused)
        await desk.update(KeyChange(b"last", PutLast(b"1")))
        await desk.put("last", "2")
        assert await desk.get("last") == "2", "a put to a last-writer register stays one"

    at_one(story)


def test_concurrent_puts_are_flagged_and_settled_with_what_was_read() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        company.partition(1)
        await one.put("a", "left")
        await two.put("a", "right")
        company.partition()
        await company.until(company.are_equal)
        winners = set()
        for desk in (one, two):
            found, stamp = await desk.ask(Range(b"a"))
            winners.add(found.kvs[0].value)
            assert stamp.siblings == 1
        assert len(winners) == 1
        fetched, _ = await one.ask(Fetch(b"a"))
        assert len(fetched.keys[0].value.siblings) == 2
        await one.update(KeyChange(b"a", PutRegister(b"both"), fetched.keys[0].context))
        found, stamp = await one.ask(Range(b"a"))
        assert (found.kvs[0].value, stamp.siblings) == (b"both", 0)

    at_two(story)


def test_the_65th_sibling_is_refused() -> None:
    async def story(desk: Desk) -> None:
        await desk.put("a", "first")
        before = (await desk.ask(Fetch(b"nothing at all")))[0].keys[0].context
        old = (await desk.ask(Fetch(b"a")))[0].keys[0].context
        assert before == b""
        for number in range(64):
            await desk.update(KeyChange(b"a", PutRegister(b"%d" % number), old))
        refused = await desk.refusal(Update([KeyChange(b"a", PutRegister(b"one more"), old)]))
        assert type(refused) is SiblingLimit
        _, stamp = await desk.ask(Range(b"a"))
        assert stamp.siblings == 63
        await desk.put("a", "settled")
        assert (await desk.ask(Range(b"a")))[1].siblings == 0

    at_one(story)


def test_a_session_moves_with_its_token() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        company.partition(1)
        wrote = await one.put("a", "1")
        token = token_of(wrote)
        assert Token.decode(token).groups == {}
        assert await two.get("a") is None
        _, weaker = await two.ask(Range(b"a"), two.context(level=Level.ANY, level_named=True, token=token))
        assert weaker.token is not None
        assert weaker.token.keyspaces == {}, "it has not all that the session has seen"
        began = company.loop.time()
        assert type(await two.refusal(Range(b"a"), two.context(token=token))) is TokenAhead
        assert 1.7 < company.loop.time() - began < 2.0
        assert type(await two.refusal(Put(b"b", b""), two.context(token=token))) is TokenAhead
        reading = two.begin(Range(b"a"), two.context(token=token))
        writing = two.begin(Put(b"b", b"2"), two.context(token=token))
        await company.pass_time(0.5)
        assert not reading.done()
        assert not writing.done()
        company.partition()
        outcome, _ = await reading
        assert outcome.kvs[0].value == b"1"  # type: ignore[union-attr]
        _, then = await writing
        assert then.token is not None
        assert then.token.keyspaces[two.record.id].includes(Token.decode(token).keyspaces[two.record.id])

    at_two(story)


def test_tokens_that_cannot_be_right_are_refused() -> None:
    async def story(desk: Desk) -> None:
        stamp = await desk.put("a", "1")
        for request in (Range(b"a"), Put(b"a", b"2"), Fetch(b"a")):
            for token, kind in (
                (b"\1damaged", TokenDamaged),
                (token_of(stamp, cluster=1), TokenOfAnotherCluster),
                (token_of(stamp, history=1), TokenOfAnotherHistory),
                (token_of(stamp, keyspaces={7: VersionVector({Origin(1, 99): 5})}), TokenAhead),
            ):
                assert type(await desk.refusal(request, desk.context(token=token))) is kind
        others = token_of(stamp, keyspaces={8: VersionVector({Origin(1, 99): 5})}, groups={0: 10**9})
        assert await desk.get("a", token=others) == "1", "what was seen elsewhere is not waited for here"

    at_one(story)


def test_reads_are_answered_when_what_they_show_is_durable() -> None:
    async def story(desk: Desk) -> None:
        await desk.put("a", "1")
        writing = desk.begin(Put(b"a", b"2"))
        desk.place.host.settle()
        assert desk.requests.read_now(desk.record, Range(b"a"), desk.context()) is None
        reading = desk.begin(Range(b"a"))
        assert not reading.done()
        outcome, stamp = await reading
        assert outcome.kvs[0].value == b"2"  # type: ignore[union-attr]
        assert (await writing)[1].revision == stamp.revision

    at_one(story)


def test_requests_at_the_same_time_say_what_each_of_them_met() -> None:
    async def story(desk: Desk) -> None:
        first = desk.begin(Put(b"a", b"1", previous=True))
        second = desk.begin(Put(b"a", b"2", previous=True))
        third = desk.begin(Put(b"b", b"1"))
        gone = desk.begin(DeleteRange(b"a", b"c", previous=True))
        again = desk.begin(DeleteRange(b"a", b"c"))
        assert (await first)[0] == PutResult(None)
        assert (await second)[0].previous.value == b"1"  # type: ignore[union-attr]
        assert (await third)[0] == PutResult(None)
        assert [record.value for record in (await gone)[0].previous] == [b"2", b"1"]  # type: ignore[union-attr]
        assert (await again)[0] == DeleteRangeResult(0, [])

    at_one(story)


def test_reads_at_hand_are_kept_until_the_key_changes() -> None:
    async def story(desk: Desk) -> None:
        await desk.put("a", "1")

        def now(request: Request) -> Any:
            answer = desk.requests.read_now(desk.record, request, desk.context())
            assert answer is not None
            return answer

        key = Range(b"a")
        first = now(key)
        assert now(key)[0].kvs[0] is first[0].kvs[0], "it is not looked at anew"
        assert now(key)[1] is first[1]
        await desk.put("b", "2")
        assert now(key)[0].kvs[0] is first[0].kvs[0]
        await desk.put("a", "3")
        assert now(key)[0].kvs[0].value == b"3"
        assert now(Fetch(b"a"))[0].keys[0].value.value == b"3"
        await desk.delete("a")
        assert now(key)[0].kvs == []
        assert now(Fetch(b"a"))[0].keys[0].value is None
        with pytest.raises(NotOfThisModel):
            desk.requests.read_now(desk.record, Range(b"a", revision=2), desk.context())
        assert desk.requests.read_now(desk.record, Put(b"a", b""), desk.context()) is None

    at_one(story)


def test_values_that_came_from_others_are_not_read_from_what_was_kept() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        await one.put("a", "1")
        await company.until(company.are_equal)
        assert await two.get("a") == "1"
        await one.put("a", "2")
        await company.until(company.are_equal)
        answer = two.requests.read_now(two.record, Range(b"a"), two.context())
        assert answer is not None
        assert answer[0].kvs[0].value == b"2"  # type: ignore[union-attr]

    at_two(story)


def test_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "KEYS_MAX", 3)
    monkeypatch.setattr(ranges, "BYTES_MAX", 100)
    monkeypatch.setattr(ranges, "FETCH_BYTES", 100)

    async def story(desk: Desk) -> None:
        for key in "abcd":
            await desk.put(key, "x" * 40)
        for request in (Range(b"a", b"\0"), Range(b"a", b"\0", count_only=True), DeleteRange(b"a", b"\0")):
            assert type(await desk.refusal(request)) is ResponseTooLarge
        assert type(await desk.refusal(Range(b"a", b"d"))) is ResponseTooLarge
        found, _ = await desk.ask(Range(b"a", b"\0", limit=2))
        assert (len(found.kvs), found.more) == (2, True)
        fetched, _ = await desk.ask(Fetch(b"a", b"\0"))
        assert fetched.more
        assert len(fetched.keys) == 1

    at_one(story)


def test_who_waits_too_long_is_told_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(desk: Desk) -> None:
        host = desk.place.host
        monkeypatch.setattr(host, "update", lambda request, deadline, reply: None)
        monkeypatch.setattr(host, "when_durable", lambda ready: None)
        monkeypatch.setattr(type(host), "is_durable", property(lambda self: False))
        late = desk.context(deadline=desk.place.company.loop.time() + 1.0)
        answers = [desk.begin(Put(b"a", b""), late), desk.begin(Range(b"a"), late)]
        desk.requests.expire()
        assert not any(answer.done() for answer in answers)
        await desk.place.company.pass_time(1.1)
        desk.requests.expire()
        assert [type((await answer)[0]) for answer in answers] == [OutcomeUnknown, DeadlineExceeded]
        assert desk.requests.waiting == 0
        more = [desk.begin(Put(b"a", b"")), desk.begin(Range(b"a"))]
        assert type(await desk.refusal(Put(b"a", b""))) is TooManyRequests
        desk.requests.stop()
        assert [type((await answer)[0]) for answer in more] == [OutcomeUnknown, Stopping]
        assert type(await desk.refusal(Range(b"a"))) is Stopping

    at_one(story, waiting_max=2)


def test_a_keyspace_that_is_dropped_ends_what_waits_in_it() -> None:
    async def story(company: Company, one: Desk, two: Desk) -> None:
        company.partition(1)
        token = token_of(await one.put("a", "1"))
        reading = two.begin(Range(b"a"), two.context(token=token))
        two.requests.dropped(two.record.id)
        outcome, _ = await reading
        assert type(outcome) is KeyspaceNotFound
        assert "carts" in str(outcome)

    at_two(story)


def test_a_replica_that_is_not_there_yet_says_so() -> None:
    async def story(desk: Desk) -> None:
        await desk.put("a", "1")
        host, desk.place.host = desk.place.host, None
        refused = await desk.refusal(Range(b"a"))
        assert type(refused) is ReplicaCatchingUp
        assert refused.retryable
        desk.place.host = host

    at_one(story)


def test_an_update_says_its_sequence() -> None:
    async def story(desk: Desk) -> None:
        outcome, stamp = await desk.ask(Update([KeyChange(b"a", Add(1)), KeyChange(b"b", Add(2))]))
        assert outcome == UpdateResult(stamp.revision)
        assert Token.decode(token_of(stamp)).history == HISTORY

    at_one(story)
