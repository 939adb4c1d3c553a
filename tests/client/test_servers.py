# SPDX-License-Identifier: Apache-2.0
"""The client against real servers: the same story told to etcd and to a member of ours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tricord
from tests.peers.ports import free_port
from tests.peers.processes import MemberProcess
from tricord.base import errors
from tricord.txn import absent, count, delete, exists, get, get_prefix, lease, mod_revision, put, txn, value, version

EXAMPLE = Path(__file__).parents[2] / "examples" / "etcd_client.py"


@pytest.fixture(params=["etcd", "tricord"])
def endpoint(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_endpoint")
    return found


@pytest.fixture
def db(endpoint: str) -> Iterator[tricord.Client]:
    with tricord.connect(endpoint) as store:
        store.delete_prefix("c/")
        yield store


def test_a_key_lives_changes_and_dies(db: tricord.Client) -> None:
    first = db.put("c/k", "one")
    second = db.put("c/k", "two", previous=True)
    assert second.revision == first.revision + 1
    assert second.previous is not None and second.previous.text == "one"
    found = db.get("c/k")
    assert found is not None
    assert (found.key, found.value, found.version) == (b"c/k", b"two", 2)
    assert (found.create_revision, found.mod_revision) == (first.revision, second.revision)
    old = db.get("c/k", revision=first.revision)
    assert old is not None and old.text == "one"
    assert db.get("c/k", at_least=tricord.Level.ANY) == found
    gone = db.delete("c/k", previous=True)
    assert gone.previous == [found]
    assert db.get("c/k") is None
    assert not db.delete("c/k")


def test_ranges_prefixes_scans_and_counts(db: tricord.Client) -> None:
    for number in range(25):
        db[f"c/{number:02}"] = str(25 - number)
    assert db.count("c/") == 25
    assert [kv.key for kv in db.range("c/03", "c/06")] == [b"c/03", b"c/04", b"c/05"]
    page = db.prefix("c/", limit=10, order=tricord.SortOrder.DESCEND, keys_only=True)
    assert (len(page), page.more, page.count) == (10, True, 25)
    assert (page.kvs[0].key, page.kvs[0].value) == (b"c/24", b"")
    by_value = db.prefix("c/", sort_by=tricord.SortTarget.VALUE, limit=2)
    assert [kv.text for kv in by_value] == ["1", "10"]
    seen = []
    for kv in db.scan("c/", page_size=7):
        seen.append(kv.key)
        db.delete("c/24")
        db["c/245"] = "late"
    assert seen == [b"c/%02d" % number for number in range(25)]
    assert db.delete_prefix("c/").deleted == 25
    for end in ("", b"\0"):
        assert len(db.range("", end)) == 0


def test_transactions(db: tricord.Client) -> None:
    first = db.txn(when=[absent("c/lock")], then=[put("c/lock", "me")], otherwise=[holder := get("c/lock")])
    assert first
    again = db.txn(when=[absent("c/lock")], then=[put("c/lock", "you")], otherwise=[holder])
    held = again.of(holder)
    assert not again and held is not None and held.text == "me"
    swap = db.txn(
        when=[
            value("c/lock") == "me",
            value("c/lock") != "you",
            version("c/lock") >= 1,
            mod_revision("c/lock") == held.mod_revision,
            lease("c/lock") == 0,
        ],
        then=[
            write := put("c/lock", "you", previous=True),
            read := get("c/lock"),
            inner := txn(when=[exists("c/lock")], then=[listing := get_prefix("c/"), number := count("c/")]),
            remove := delete("c/none"),
        ],
    )
    assert swap.succeeded
    before, after = swap.of(write).previous, swap.of(read)
    assert before is not None and before.text == "me"
    assert after is not None and after.text == "you" and after.mod_revision == swap.revision
    assert swap.of(inner).of(listing).kvs == [after]
    assert swap.of(inner).of(number) == 1
    assert not swap.of(remove)


def test_refusals_are_typed(db: tricord.Client) -> None:
    cases: list[tuple[type[errors.TricordError], Any]] = [
        (errors.KeyNotProvided, lambda: db.put("", "v")),
        (errors.KeyAbsent, lambda: db.put("c/none", "", ignore_value=True)),
        (errors.ValueProvided, lambda: db.put("c/none", "v", ignore_value=True)),
        (errors.LeaseNotFound, lambda: db.put("c/k", "v", lease=12345)),
        (errors.RevisionInFuture, lambda: db.get("c/k", revision=1 << 40)),
        (errors.DuplicateKey, lambda: db.txn(then=[put("c/k", "1"), put("c/k", "2")])),
        (errors.TooManyOperations, lambda: db.txn(then=[put(f"c/{number}", "") for number in range(129)])),
        (errors.RequestTooLarge, lambda: db.put("c/k", bytes(1_700_000))),
        (errors.RequestTooLarge, lambda: db.put("c/k", bytes(3_000_000))),
    ]
    for kind, call in cases:
        with pytest.raises(kind):
            call()
    assert db.count("c/") == 0


def test_compaction(db: tricord.Client) -> None:
    first = db.put("c/k", "one").revision
    last = db.put("c/k", "two").revision
    assert db.compact(last).revision >= last
    with pytest.raises(errors.RevisionCompacted):
        db.get("c/k", revision=first)
    with pytest.raises(errors.RevisionCompacted):
        db.compact(first)


def test_large_values_travel_whole(db: tricord.Client) -> None:
    large = bytes(range(256)) * 4000
    for number in range(6):
        db.put(f"c/{number}", large)
    assert [kv.value == large for kv in db.prefix("c/")] == [True] * 6


def test_status_and_members(db: tricord.Client) -> None:
    status, members = db.status(), db.members()
    assert status.version.startswith("3.")
    assert status.leader in [member.id for member in members]
    assert status.size_bytes > 0 and status.raft_term > 0
    assert all(url.startswith("http") for member in members for url in member.client_urls)
    for (each,) in (db.status_of_each(), db.status_of_each(everyone=True)):
        assert each.status is not None
        assert (each.status.member, each.status.leader) == (members[0].id, status.leader)
        assert each.status.revision >= status.revision > 0


def test_a_server_says_whether_it_is_tricord(tricord_endpoint: str, etcd_endpoint: str) -> None:
    for endpoint, wanted in ((tricord_endpoint, tricord.__version__), (etcd_endpoint, "")):
        with tricord.connect(endpoint) as store:
            assert store.server_version() == wanted


def test_a_lone_member_keeps_its_lead_and_its_place(db: tricord.Client) -> None:
    (member,) = db.members()
    db.move_leader(member.id)
    for change, reason in (
        (lambda: db.move_leader(5), "bad_transferee"),
        (db.move_leader, "bad_transferee"),
        (lambda: db.remove_member(5), "unknown_member"),
        (lambda: db.promote_member(member.id), "not_a_learner"),
        (lambda: db.add_member("http://"), "bad_urls"),
    ):
        with pytest.raises(errors.MembershipRefused) as refused:
            change()
        assert refused.value.reason == reason


def test_many_coroutines_on_one_connection(endpoint: str) -> None:
    async def story() -> None:
        async with tricord.aio.connect(endpoint) as store:
            await asyncio.gather(*(store.put(f"c/{number:03}", str(number)) for number in range(300)))
            found = await asyncio.gather(*(store.get(f"c/{number:03}") for number in range(300)))
            assert [kv.text for kv in found if kv is not None] == [str(number) for number in range(300)]
            assert [kv.text async for kv in store.scan("c/", page_size=100)] == [str(number) for number in range(300)]

    asyncio.run(story())


def test_a_list_of_endpoints_survives_one_that_is_not_there(endpoint: str) -> None:
    with tricord.connect([f"127.0.0.1:{free_port()}", f"http://{endpoint}"]) as store:
        store.put("c/k", "v")
        assert store["c/k"] == b"v"


def test_a_member_that_is_killed_and_comes_back_keeps_what_was_answered(fresh_member: MemberProcess) -> None:
    with tricord.connect(fresh_member.endpoint) as store:
        revision = store.put("k", "v").revision
        fresh_member.kill()
        with pytest.raises((errors.ConnectionFailed, errors.OutcomeUnknown)):
            store.put("k", "lost")
        fresh_member.start()
        found = store.get("k")
        assert found is not None
        assert (found.text, found.mod_revision) == ("v", revision)


def test_the_example_prints_the_value(endpoint: str) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), endpoint], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "value\n", "")


def test_the_example_says_why_it_cannot_connect() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), nobody], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert f"{nobody}: connection refused" in done.stderr


def test_no_level_is_ever_lowered(endpoint: str, db: tricord.Client, tricord_endpoint: str) -> None:
    """etcd knows two levels: it serves the others as linearizable, and says so."""
    ours = endpoint == tricord_endpoint
    db["c/level"] = "here"
    for level in (tricord.Level.SEQUENTIAL, tricord.Bounded(seconds=5.0), tricord.Bounded(revisions=5)):
        reply = db.session(db.token).prefix("c/level", at_least=level)
        assert [kv.text for kv in reply] == ["here"]
        assert reply.stamp.level == (level if ours else tricord.Level.LINEARIZABLE)
        assert (reply.stamp.token is not None) is ours
    with db.session() as session:
        session["c/level"] = "there"
        found = session.get("c/level", at_least=tricord.Level.SEQUENTIAL)
        assert found is not None and found.text == "there"
        assert bool(session.token) is ours
