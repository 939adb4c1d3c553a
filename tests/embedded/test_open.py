# SPDX-License-Identifier: Apache-2.0
"""A store in this process: the client's story on memory and on a directory; restarts, locks, limits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

import tricord
from tests.client.scripted_server import tell
from tests.peers.processes import MemberProcess
from tricord.base import errors
from tricord.base.environment import Environment
from tricord.base.levels import ReadLevel
from tricord.base.operations import Range
from tricord.base.trace import Completed, TraceEvent
from tricord.embedded.opening import open_async
from tricord.txn import absent, get, put, value


@pytest.fixture(params=["memory", "directory"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory://" if request.param == "memory" else str(tmp_path / "data")


def test_it_is_the_same_store_as_behind_a_server(location: str) -> None:
    with tricord.open(location) as db:
        first = db.put("k", "one")
        assert first.revision == 2
        assert db.put("k", "two", previous=True).previous == db.get("k", revision=first.revision)
        db["a/1"], db["a/2"] = b"x", "y"
        assert [kv.key for kv in db.scan("a/", page_size=1)] == [b"a/1", b"a/2"]
        assert db.get("k", at_least=tricord.Level.ANY) == db.get("k")
        swap = db.txn(when=[value("k") == "two"], then=[put("k", "three"), read := get("k")], otherwise=[])
        found = swap.of(read)
        assert swap and found is not None and found.text == "three"
        assert not db.txn(when=[absent("k")], then=[put("k", "never")])
        last = db.delete_prefix("a/").revision
        db.compact(last, physical=True)
        with pytest.raises(errors.RevisionCompacted):
            db.get("k", revision=first.revision)
        with pytest.raises(errors.KeyNotProvided):
            db.put("", "v")
        with pytest.raises(errors.LeaseNotFound):
            db.put("k", "v", lease=5)
        with pytest.raises(errors.RequestTooLarge):
            db.put("k", bytes(2_000_000))
        assert db["k"] == b"three"
        status, (member,) = db.status(), db.members()
        assert status.leader == member.id
        assert member.client_urls == []


def test_a_directory_keeps_what_was_written_and_memory_does_not(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "data"
    with tricord.open(directory) as db:
        for number in range(50):
            db[f"k{number:02}"] = str(number)
        revision = db.delete("k49").revision
    with tricord.open(directory) as db:
        assert [kv.text for kv in db.scan("k")] == [str(number) for number in range(49)]
        assert db.put("k", "v").revision == revision + 1
    for _ in range(2):
        with tricord.open("memory://") as db:
            assert list(db) == []
            db["k"] = b"v"


def test_two_stores_in_memory_are_two_stores() -> None:
    with tricord.open("memory://") as one, tricord.open("memory://") as two:
        one["k"] = b"v"
        assert "k" not in two


def test_a_directory_has_one_user_at_a_time(tmp_path: Path) -> None:
    with tricord.open(tmp_path / "data") as db:
        db["k"] = b"v"
        with pytest.raises(errors.DataDirectoryInUse, match=str(os.getpid())):
            tricord.open(tmp_path / "data")
        assert db["k"] == b"v"
    with tricord.open(tmp_path / "data") as db:
        assert db["k"] == b"v"


def test_server_and_embedded_use_share_a_directory_in_turn(stopped_member: MemberProcess) -> None:
    with tricord.open(stopped_member.directory) as db:
        db["from"] = "embedded"
    stopped_member.start()
    with tricord.connect(stopped_member.endpoint) as db:
        assert db["from"] == b"embedded"
        db["from"] = "server"
    with pytest.raises(errors.DataDirectoryInUse):
        tricord.open(stopped_member.directory)
    stopped_member.stop()
    with tricord.open(stopped_member.directory) as db:
        assert db["from"] == b"server"


def test_a_process_that_dies_without_closing_loses_nothing(tmp_path: Path) -> None:
    program = f"import os, tricord; tricord.open({str(tmp_path / 'data')!r}).put('k', 'v'); os._exit(7)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 7
    with tricord.open(tmp_path / "data") as again:
        assert again["k"] == b"v"


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    for wrong in ("http://localhost:2379", "memory://x", ""):
        with pytest.raises(errors.ConfigurationError, match=r"memory://"):
            tricord.open(wrong)
    with pytest.raises(errors.ConfigurationError, match="timeout"):
        tricord.open("memory://", timeout=0)
    with pytest.raises(errors.ConfigurationError, match="quota_bytes"):
        tricord.open("memory://", quota_bytes=0)
    file = tmp_path / "file"
    file.write_text("not a directory")
    with pytest.raises(errors.StorageError, match="file"):
        tricord.open(file)


def test_a_quota_holds(location: str) -> None:
    with tricord.open(location, quota_bytes=4 << 20) as db:
        with pytest.raises(errors.NoSpace):
            for number in range(100):
                db.put(f"k{number}", bytes(200_000))
                db.get("k0")
        assert db.count() > 5
        assert db.delete_prefix("k")


def test_the_async_face() -> None:
    async def story() -> None:
        async with tricord.aio.open("memory://") as store:
            await asyncio.gather(*(store.put(f"k{number:03}", "v") for number in range(200)))
            assert await store.count() == 200
        with pytest.raises(errors.Cancelled):
            await store.get("k")
        later = await tricord.aio.open("memory://")
        assert await later.count() == 0
        await later.close()
        first_call = tricord.aio.open("memory://")
        assert (await first_call.put("k", "v")).revision == 2
        await first_call.close()

    asyncio.run(story())


def test_the_observer_hears_results() -> None:
    heard: list[TraceEvent] = []
    with tricord.open("memory://", observer=heard.append) as db:
        db.put("k", "v")
        with pytest.raises(errors.KeyNotProvided):
            db.get("")
    ends = [(event.operation, event.status, event.error) for event in heard if isinstance(event, Completed)]
    assert ends == [("Put", "ok", ""), ("Range", "fail", "key_not_provided")]


def test_a_member_in_a_simulated_world_tells_the_same_story_twice() -> None:
    async def story(world: Environment) -> list[str]:
        heard: list[str] = []

        def note(event: TraceEvent) -> None:
            heard.append(f"{world.clock.monotonic():.9f} {event!r}")

        for _ in range(2):
            async with open_async("data", environment=world, observer=note) as store:
                await asyncio.gather(*(store.put(f"k{number}", "v") for number in range(20)))
                await store.delete("k3")
                assert await store.count() == 19
        return heard

    first, second = tell(story, seed=3), tell(story, seed=3)
    assert len(first) == 88
    assert first == second


def test_closing_amid_writes_answers_each_and_the_answers_hold(tmp_path: Path) -> None:
    async def story() -> None:
        ended: dict[str, str] = {}

        async def write(key: str) -> None:
            try:
                await store.put(key, "v")
                ended[key] = "ok"
            except errors.OutcomeUnknown:
                ended[key] = "unknown"
            except errors.TricordError:
                ended[key] = "fail"

        for turns in (0, 1, 5, 25):
            store = await tricord.aio.open(tmp_path / "data")
            await store.put(f"{turns}", "v")
            writers = [asyncio.create_task(write(f"{turns}/{number}")) for number in range(50)]
            for _ in range(turns):
                await asyncio.sleep(0)
            await store.close()
            await asyncio.wait_for(asyncio.gather(*writers), 60)
        assert len(ended) == 200
        async with tricord.aio.open(tmp_path / "data") as store:
            found = {kv.key.decode() async for kv in store.scan(keys_only=True)}
        assert {key for key, outcome in ended.items() if outcome == "ok"} <= found
        assert not {key for key, outcome in ended.items() if outcome == "fail"} & found

    asyncio.run(story())


def test_threads_lock_watch_and_elect_in_one_store(location: str) -> None:
    with tricord.open(location) as db:
        with db.watch(prefix="n/", puts=False) as gone:

            def count() -> None:
                with db.lock("n") as lock:
                    before = db.get("counter")
                    db.put("counter", str(int(before.text) + 1 if before else 1), guarded_by=lock)

            threads = [Thread(target=count) for _ in range(5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert db["counter"] == b"5"
            assert all(event is not None and event.deleted for event in (gone.take(60) for _ in range(5)))
        with db.lease(60) as lease, db.election("e", lease=lease) as election:
            election.campaign("me")
            leader = db.election("e").leader()
            assert leader is not None and leader.lease == lease.id
        assert db.election("e").leader() is None
        still = db.watch("k")
        with still:
            waiting = Thread(target=lambda: told.append(list(still)))
            told: list[object] = []
            waiting.start()
            still.close()
            waiting.join()
        assert told == [[]]


def test_every_level_of_reads_and_what_it_says(location: str) -> None:
    with tricord.open(location) as db:
        for number in range(600):
            db[f"k/{number:03}"] = str(number)
        levels: list[ReadLevel] = [tricord.Level.LINEARIZABLE, tricord.Level.SEQUENTIAL, tricord.Level.ANY]
        for level in [*levels, *[tricord.Bounded(seconds=60)] * 2, tricord.Bounded(revisions=9)]:
            found = db.get("k/007", at_least=level)
            assert found is not None and found.text == "7"
            assert db.get("nobody", at_least=level) is None
            few, all_of_them = db.prefix("k/0", at_least=level), db.prefix("k/", at_least=level)
            assert (few.stamp.level, all_of_them.stamp.level) == (level, level)
            assert (len(few), len(all_of_them)) == (100, 600)
            with pytest.raises(errors.KeyNotProvided):
                db.call(Range(b""), at_least=level)
            with pytest.raises(errors.RevisionInFuture):
                db.get("k/007", revision=10_000, at_least=level)
        assert db.get("k/007", at_least=tricord.Level.SEQUENTIAL, revision=2) is None
        with db.session(db.token) as session, tricord.open("memory://") as other:
            assert session.get("k/007", at_least=tricord.Level.SEQUENTIAL) == found
            assert session.token == db.token
            with pytest.raises(errors.TokenOfAnotherCluster):
                other.session(db.token).get("k/007", at_least=tricord.Level.SEQUENTIAL)
        with pytest.raises(errors.Cancelled):
            session.get("k/007", at_least=tricord.Level.ANY)
