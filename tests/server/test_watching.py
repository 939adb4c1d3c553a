# SPDX-License-Identifier: Apache-2.0
"""Watches through the engine of a member, in virtual time: history and live, woken when there is something, ended."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.server.test_member_engine import play
from tricord.base.context import Context
from tricord.base.errors import InvalidRequest, KeyspaceNotFound, Stopping
from tricord.base.operations import Compact, DeleteRange, Operation, Put, Txn
from tricord.base.watching import WatchEvents, WatchItem, WatchProgress, WatchSpec
from tricord.server.member import Member
from tricord.sim.watch_account import RevisionHistory, Watched
from tricord.statemachine.applied import Applied


class Listener:
    """One stream that is emptied whenever it is woken."""

    def __init__(self, member: Member, *, lazy: bool = False) -> None:
        self.items: list[WatchItem] = []
        self.stopped = False
        self.woken = 0
        self.lazy = lazy
        self.stream = member.engine.open_watch(Context(), self.wake)

    def wake(self) -> None:
        self.woken += 1
        if not self.lazy:
            self.empty()

    def empty(self) -> None:
        try:
            while items := self.stream.take(1 << 16):
                self.items += items
        except Stopping:
            self.stopped = True

    def revisions(self, watch: int) -> list[int]:
        return [
            shared.event.kv.mod_revision
            for item in self.items
            if isinstance(item, WatchEvents) and item.watch == watch
            for shared in item.events
        ]


async def write(member: Member, *operations: Operation) -> int:
    _, stamp = await member.engine.ask(Txn([], list(operations), []), Context())
    return stamp.revision


def test_history_then_live() -> None:
    async def story(member: Member) -> None:
        for _ in range(200):
            await write(member, Put(b"k", b"v"))
        listener = Listener(member)
        listener.stream.add(WatchSpec(b"k", start_revision=100))
        listener.stream.add(WatchSpec(b"k"))
        listener.stream.add(WatchSpec(b"k", start_revision=210))
        for _ in range(20):
            await write(member, Put(b"k", b"v"))
        await asyncio.sleep(0.1)
        assert listener.revisions(0) == list(range(100, 222))
        assert listener.revisions(1) == list(range(202, 222))
        assert listener.revisions(2) == list(range(210, 222))

    play(story)


def test_a_wake_comes_on_the_loop_and_once() -> None:
    async def story(member: Member) -> None:
        listener = Listener(member, lazy=True)
        listener.stream.add(WatchSpec(b"k"))
        assert listener.stream.take(100) == []
        await write(member, Put(b"k", b"1"))
        await write(member, Put(b"k", b"2"))
        assert listener.woken == 1
        listener.empty()
        listener.stream.ask_progress()
        assert listener.woken == 1
        await asyncio.sleep(0)
        assert listener.woken == 2
        listener.empty()
        assert listener.items[-1] == WatchProgress(-1, 3)

    play(story)


def test_marks_come_when_nothing_else_did() -> None:
    async def story(member: Member) -> None:
        listener = Listener(member)
        listener.stream.add(WatchSpec(b"k", progress=True))
        listener.stream.add(WatchSpec(b"k"))
        await asyncio.sleep(35)
        assert listener.items[:] == [WatchProgress(0, 1)] * 3
        await write(member, Put(b"k", b""))
        await asyncio.sleep(10)
        assert [type(item) for item in listener.items[3:]] == [WatchEvents, WatchEvents]
        await asyncio.sleep(15)
        assert listener.items[5:6] == [WatchProgress(0, 2)]
        listener.stream.close()
        listener.stream.close()
        before = len(listener.items)
        await asyncio.sleep(60)
        assert len(listener.items) == before

    play(story, watch_progress_notify_seconds=10.0)


def test_a_stop_wakes_all_and_says_so() -> None:
    async def story(member: Member) -> None:
        listeners = [Listener(member) for _ in range(3)]
        listeners[0].stream.add(WatchSpec(b"k"))
        member.engine.stop()
        await asyncio.sleep(0.01)
        assert [listener.stopped for listener in listeners] == [True] * 3
        with pytest.raises(Stopping):
            listeners[0].stream.add(WatchSpec(b"k"))
        with pytest.raises(Stopping):
            Listener(member)
        listeners[0].stream.close()

    play(story)


def test_what_cannot_be_watched_is_refused() -> None:
    async def story(member: Member) -> None:
        with pytest.raises(KeyspaceNotFound):
            member.engine.open_watch(Context(keyspace="carts"), lambda: None)
        listener = Listener(member)
        with pytest.raises(InvalidRequest):
            listener.stream.add(WatchSpec(b"b", b"a"))
        assert member.metrics.watches is not None
        assert member.metrics.watches().watches == 0

    play(story)


def test_a_listener_that_fails_hurts_nobody_else() -> None:
    async def story(member: Member) -> None:
        def fail() -> None:
            raise ZeroDivisionError

        failing = member.engine.open_watch(Context(), fail)
        failing.add(WatchSpec(b"k"))
        listener = Listener(member)
        listener.stream.add(WatchSpec(b"k"))
        await write(member, Put(b"k", b""))
        await asyncio.sleep(0.01)
        assert listener.revisions(0) == [2]
        assert member.failure is None

    play(story)


class RandomListeners:
    """Writes, compactions and watches of all kinds at random, taken quickly, slowly or not; then all is taken."""

    def __init__(self, member: Member, seed: int) -> None:
        self.member = member
        self.random = random.Random(seed)
        self.history = RevisionHistory()
        self.accounts: list[tuple[Listener, int, Watched]] = []
        self.listeners = [Listener(member, lazy=number % 3 == 0) for number in range(6)]
        self.compacted = -1
        self._watching = member.turns.watched
        member.turns.watched = self._watched

    def _watched(self, applied: list[Applied]) -> None:
        for one in applied:
            if one.events:
                self.history.add(one.revision, one.events)
        self._watching(applied)

    def watch(self) -> None:
        chance, newest = self.random, self.history.newest
        key, end = b"k%d" % chance.randrange(20), chance.choice((b"", b"", b"l", b"k5", b"\0"))
        if end > b"\0" and end <= key:
            end = b""
        start = chance.choice((0, 0, 1, newest, newest + 5, chance.randrange(1, newest + 2)))
        spec = WatchSpec(key, end, start, previous=chance.random() < 0.5)
        listener = chance.choice(self.listeners)
        number = listener.stream.add(spec)
        first = start or self.member.machine.revision() + 1
        self.accounts.append((listener, number, Watched(self.history, spec, first)))

    async def act(self) -> None:
        chance, newest = self.random, self.history.newest
        doing = chance.random()
        if doing < 0.6:
            keys = [b"k%d" % at for at in chance.sample(range(20), 3)]
            await write(self.member, *(Put(key, bytes(chance.randrange(5000))) for key in keys))
        elif doing < 0.7:
            await write(self.member, DeleteRange(b"k%d" % chance.randrange(20), b"k3"))
        elif doing < 0.72 and newest > max(self.compacted, 1):
            self.compacted = chance.randrange(max(self.compacted + 1, newest - 30), newest + 1)
            await self.member.engine.ask(Compact(self.compacted), Context())
        elif doing < 0.9:
            self.watch()
        elif doing < 0.95:
            chance.choice(self.listeners).empty()
        else:
            await asyncio.sleep(0.001)

    def check(self) -> int:
        for listener, number, account in self.accounts:
            account.compacted = self.compacted
            for item in listener.items:
                if item.watch == number:
                    account.take(item)
            account.complete()
        return sum(account.count for _, _, account in self.accounts)


@pytest.mark.parametrize("seed", range(5))
def test_random_listeners_miss_nothing_and_hear_nothing_twice(seed: int) -> None:
    async def story(member: Member) -> None:
        chaos = RandomListeners(member, seed)
        for _ in range(400):
            await chaos.act()
        for listener in chaos.listeners:
            listener.lazy = False
            listener.empty()
        await asyncio.sleep(5)
        assert chaos.check() > 1000

    play(story)
