# SPDX-License-Identifier: Apache-2.0
"""Watches, leases, locks and elections of the client against real servers: one story told to etcd and to tricord.

Servers are killed and paused, a cluster loses its leader, a holder stands still for three lease times, and etcdctl
stands in the same queue.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

import tricord
from tests.peers.clusters import Cluster
from tests.peers.processes import EtcdProcess, MemberProcess, ServerProcess
from tricord import aio
from tricord.base import errors
from tricord.base.leases import LeaseList, LeaseListResult
from tricord.client.feed import Progress, Resynced
from tricord.txn import put

pytestmark = pytest.mark.peer("etcd")

T = TypeVar("T")

KINDS = ["etcd", "tricord"]


@pytest.fixture(scope="module", params=KINDS)
def server(
    request: pytest.FixtureRequest, etcd_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """One server for all tests that do not break it."""
    folder = tmp_path_factory.mktemp(request.param) / "data"
    with EtcdProcess(etcd_binary, folder) if request.param == "etcd" else MemberProcess(folder) as running:
        yield running


def tell(server: ServerProcess, story: Callable[[aio.AsyncClient], Coroutine[Any, Any, None]]) -> None:
    """Run a story with a client; in the end neither tasks nor leases nor watches of it are left."""

    async def within() -> None:
        async with aio.connect(server.endpoint) as store:
            await store.delete_prefix("")
            await story(store)
            assert store._recipes.under_way == 0
            result, _ = await store.call(LeaseList())
            assert isinstance(result, LeaseListResult) and result.ids == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(within())


def test_a_watch_tells_history_and_goes_on(server: ServerProcess) -> None:
    async def story(store: aio.AsyncClient) -> None:
        first = (await store.put("a/1", "one")).revision
        await store.txn(then=[put("a/2", "two"), put("a/3", "three"), put("b", "elsewhere")])
        async with store.watch(prefix="a/", from_revision=first, previous=True) as events:
            await store.delete_prefix("a/")
            batches = [await events.take_batch() for _ in range(3)]
            assert [[(e.key, e.text, e.deleted) for e in batch] for batch in batches] == [
                [(b"a/1", "one", False)],
                [(b"a/2", "two", False), (b"a/3", "three", False)],
                [(b"a/1", "", True), (b"a/2", "", True), (b"a/3", "", True)],
            ]
            assert batches[2][0].previous is not None and batches[2][0].previous.text == "one"
            assert await events.take(0.05) is None
        async with store.watch(start="a", end="b", from_revision=first, puts=False) as deletes:
            event = await deletes.take(60)
            assert event is not None and (event.key, event.revision) == (b"a/1", first + 2)

    tell(server, story)


def test_a_watch_of_the_future_waits_for_it(server: ServerProcess) -> None:
    async def story(store: aio.AsyncClient) -> None:
        now = (await store.put("k", "0")).revision
        async with store.watch("k", from_revision=now + 3) as events:
            for number in range(1, 5):
                await store.put("k", str(number))
            assert [(await events.__anext__()).text for _ in range(2)] == ["3", "4"]

    tell(server, story)


def test_what_is_compacted_is_told(server: ServerProcess) -> None:
    async def story(store: aio.AsyncClient) -> None:
        first = (await store.put("k", "1")).revision
        last = (await store.put("k", "2")).revision
        await store.compact(last)
        async with store.watch("k", from_revision=first) as events:
            with pytest.raises(errors.RevisionCompacted) as gone:
                await events.take_batch()
            assert gone.value.compacted == last
        async with store.watch("k", from_revision=first, on_compaction="resync", progress=True) as items:
            snapshot = await items.take(60)
            assert isinstance(snapshot, Resynced)
            assert (snapshot.revision, snapshot.compacted, snapshot.kvs[0].text) == (last, last, "2")
            later = await store.put("k", "3")
            event = await items.take(60)
            assert event is not None and event.revision == later.revision
            await items.ask_progress()
            assert await items.take(60) == Progress(later.revision)

    tell(server, story)


def test_many_watches_share_a_connection_and_a_slow_one_holds_up_nobody(server: ServerProcess) -> None:
    async def story(store: aio.AsyncClient) -> None:
        value = bytes(400_000)
        slow = store.watch(prefix="big/")
        quick = [store.watch(f"k{number}") for number in range(100)]
        async with slow:
            for watch in quick:
                await watch.__aenter__()
            for number in range(30):
                await store.put(f"big/{number}", value)
            for number, watch in enumerate(quick):
                await store.put(f"k{number}", "v")
                event = await watch.take(60)
                assert event is not None and event.text == "v"
                watch.close()
            sizes = [len((await slow.__anext__()).value) for _ in range(30)]
            assert sizes == [400_000] * 30

    tell(server, story)


def test_a_lease_is_renewed_and_ends_with_its_block(server: ServerProcess) -> None:
    async def story(store: aio.AsyncClient) -> None:
        async with store.lease(5) as lease:
            await store.put("k", "v", lease=lease)
            granted = lease.remaining
            await asyncio.sleep(6)
            found = await store.get("k")
            assert found is not None and found.lease == lease.id
            assert 0 < granted <= lease.ttl and lease.remaining > 0
        assert await store.get("k") is None

    tell(server, story)


def test_a_lock_is_held_by_one_at_a_time_in_order(server: ServerProcess) -> None:
    async def story(store: aio.AsyncClient) -> None:
        tokens: list[int] = []
        async with aio.connect(server.endpoint) as other:

            async def worker(number: int) -> None:
                client = (store, other)[number % 2]
                async with client.lock("n") as lock:
                    tokens.append(lock.token.revision)
                    before = await client.get("counter")
                    await asyncio.sleep(0.01)
                    count = int(before.text) + 1 if before else 1
                    await client.put("counter", str(count), guarded_by=lock)

            await asyncio.gather(*(worker(number) for number in range(12)))
        counter = await store.get("counter")
        assert counter is not None and counter.text == "12"
        assert tokens == sorted(tokens), "who came first was first"
        assert await store.count("n/") == 0

    tell(server, story)


def test_an_election_has_one_leader_whom_all_see(server: ServerProcess) -> None:
    async def story(store: aio.AsyncClient) -> None:
        async with (
            store.election("e") as first,
            store.election("e") as second,
            store.election("e").observe() as leaders,
        ):
            await first.campaign("one")
            waiting = asyncio.ensure_future(second.campaign("two"))
            assert (await leaders.__anext__()).text == "one"
            await first.proclaim("uno")
            assert (await leaders.__anext__()).text == "uno"
            assert not waiting.done()
            await first.resign()
            assert await waiting
            assert (await leaders.__anext__()).text == "two"
            leader = await store.election("e").leader()
            assert leader is not None and leader.key == second.token.key

    tell(server, story)


def test_the_blocking_client_does_the_same(server: ServerProcess) -> None:
    with tricord.connect(server.endpoint) as store:
        store.delete_prefix("")
        with store.watch(prefix="a/") as events:
            revision = store.put("a/1", "x").revision
            assert next(events).revision == revision
            assert events.take(timeout=0.05) is None
            assert events.resume_revision == revision + 1
            store.txn(then=[put("a/1", "y"), put("a/2", "z")])
            assert len(next(events.batches())) == 2
            threading.Timer(0.1, events.close).start()
            assert list(events) == []
        with store.lease(5) as lease, store.lock("n", lease=lease) as lock:
            store.put("k", "v", lease=lease, guarded_by=lock)
            assert not store.lock("n").try_acquire()
            assert not store.lock("n").acquire(timeout=0.1)
            lock.check()
            assert min(lock.remaining, lease.remaining) > 0
        assert store.get("k") is None
        with pytest.raises(errors.LockLost):
            lock.check()
        with store.election("e") as election, election.observe() as leaders:
            assert election.campaign("me")
            assert next(leaders).text == "me"
            election.proclaim("I")
            assert leaders.take(timeout=60).text == "I"  # type: ignore[union-attr]
        assert store.election("e").leader() is None


@pytest.mark.peer("etcdctl")
def test_etcdctl_stands_in_the_same_queue(server: ServerProcess, peer: Callable[[str], Path]) -> None:
    def etcdctl(*arguments: str) -> list[str]:
        return [str(peer("etcdctl")), f"--endpoints={server.endpoint}", *arguments]

    with tricord.connect(server.endpoint) as store:
        store.delete_prefix("")
        with store.lock("n") as lock:
            waiting = subprocess.Popen(etcdctl("lock", "n", "echo", "mine"), stdout=subprocess.PIPE, text=True)
            behind = store.lock("n")
            with store.watch(prefix="n/", from_revision=lock.token.revision + 1) as queue:
                assert not next(queue).deleted
            assert not behind.acquire(timeout=0.1)
            assert waiting.poll() is None
        assert waiting.communicate(timeout=60)[0] == "mine\n"
        holder = subprocess.Popen(etcdctl("elect", "e", "theirs"), stdout=subprocess.PIPE, text=True)
        with store.election("e").observe() as leaders:
            assert next(leaders).text == "theirs"
            with store.election("e") as election:
                assert not election.campaign("ours", timeout=0.2)
                holder.send_signal(signal.SIGINT)
                assert election.campaign("ours")
                assert next(leaders).text == "ours"
        holder.communicate(timeout=60)


async def repeated(write: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """A write that may be done twice, until it is answered."""
    while True:
        try:
            return await write()
        except (errors.Unavailable, errors.OutcomeUnknown):
            await asyncio.sleep(0.1)


HOLDER = """
import sys, time
import tricord

with tricord.connect(sys.argv[1]) as store:
    while True:
        lock = store.lock("n", ttl=2)
        try:
            lock.acquire()
            token = lock.token
            store.put("data", "mine", guarded_by=lock)
            break
        except (tricord.errors.LockLost, tricord.errors.GuardFailed):
            pass  # a busy machine let it sleep for a lease time already
    print("held", flush=True)
    sys.stdin.readline()
    refused = []
    for guard in (lock, token):
        try:
            store.put("data", "late", guarded_by=guard)
        except tricord.TricordError as error:
            refused.append(error.code)
    print(lock.lost, *refused, flush=True)
"""


def test_a_holder_that_stood_still_for_three_lease_times_is_refused(server: ServerProcess) -> None:
    with tricord.connect(server.endpoint) as store:
        store.delete_prefix("")
        holder = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(HOLDER), server.endpoint],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert holder.stdin is not None and holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            paused = time.monotonic()
            os.kill(holder.pid, signal.SIGSTOP)
            with store.lock("n", ttl=30) as lock:
                # The next holder is in while the one before still believes.
                store.put("data", "theirs", guarded_by=lock)
                time.sleep(max(0.0, paused + 6 - time.monotonic()))
                os.kill(holder.pid, signal.SIGCONT)
                holder.stdin.write("\n")
                holder.stdin.flush()
                assert holder.stdout.readline() == "True lock_lost guard_failed\n"
                assert store["data"] == b"theirs"
        finally:
            holder.kill()
            holder.wait()
            holder.stdin.close()
            holder.stdout.close()


@pytest.fixture(scope="module", params=KINDS)
def trio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three members."""
    with Cluster(request.param, tmp_path_factory.mktemp(f"{request.param}-trio")) as cluster:
        cluster.leader()
        yield cluster


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_a_leader_that_goes_ends_neither_watch_nor_lease_nor_lock(trio: Cluster, fault: str) -> None:
    async def story(store: aio.AsyncClient, writer: aio.AsyncClient, leader: str) -> None:
        written: list[int] = []
        seen: list[int] = []

        async def write(count: int) -> None:
            for number in range(count):
                try:
                    written.append((await writer.put(f"w/{number}", "v", timeout=2.0)).revision)
                except (errors.Unavailable, errors.OutcomeUnknown, errors.DeadlineExceeded):
                    pass
                await asyncio.sleep(0.01)

        async def watch() -> None:
            async for event in events:
                seen.append(event.revision)
                if event.key == b"w/end":
                    return

        async with store.watch(prefix="w/") as events, store.lock("n", ttl=60) as lock:
            watching = asyncio.ensure_future(watch())
            await write(10)
            trio.kill(leader) if fault == "kill" else trio.pause(leader)
            await write(50)
            lock.check()
            await repeated(lambda: store.put("data", "v", guarded_by=lock))
            written.append((await repeated(lambda: writer.put("w/end", ""))).revision)
            await watching
        assert seen == sorted(set(seen)), "in order, each once"
        assert set(written) <= set(seen), "none is missing"

    leader = trio.leader()
    first = trio.members[leader].endpoint

    async def within() -> None:
        others = trio.endpoints_without(leader)
        # The member that goes is the one in use.
        async with aio.connect(f"{first},{others}") as store, aio.connect(f"{first},{others}") as writer:
            async with asyncio.timeout(240):
                await story(store, writer, leader)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    try:
        asyncio.run(within())
    finally:
        if fault == "kill":
            trio.start()
        else:
            trio.resume(leader)
        trio.leader()
