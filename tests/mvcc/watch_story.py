# SPDX-License-Identifier: Apache-2.0
"""A keyspace with a hub of watches, driven by hand: writes are published, pieces of work are done when a story says."""

from __future__ import annotations

from tests.mvcc.space import Space
from tricord.base.operations import DeleteRange, Operation, Put
from tricord.base.watching import WatchCompacted, WatchEvents, WatchItem, WatchProgress, WatchSpec
from tricord.mvcc.watch_hub import WatchHub
from tricord.mvcc.watch_queue import WatchQueue
from tricord.sim.watch_account import RevisionHistory, Watched


class Client:
    """One stream: its watches with their accounts, and how often it was woken."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.woken = 0
        self.items: list[WatchItem] = []
        self.accounts: dict[int, Watched] = {}
        self.marks: list[int] = []
        self.queue: WatchQueue = story.hub.open(self._wake)

    def _wake(self) -> None:
        self.woken += 1

    def watch(
        self,
        key: bytes,
        end: bytes = b"",
        start: int = 0,
        *,
        previous: bool = False,
        puts: bool = True,
        deletes: bool = True,
        progress: bool = False,
    ) -> int:
        spec = WatchSpec(key, end, start, previous, puts, deletes, progress)
        number = self.story.hub.add(self.queue, spec)
        first = start or self.story.space.revision + 1
        self.accounts[number] = Watched(self.story.history, spec, first, self.story.space.keyspace.compacted)
        return number

    def take(self, budget: int = 1 << 20) -> list[WatchItem]:
        """Take once; every item is held against the history."""
        items = self.story.hub.take(self.queue, budget)
        for item in items:
            if isinstance(item, WatchProgress) and item.watch < 0:
                self.marks.append(item.revision)
                for account in self.accounts.values():
                    if account.compacted_at is None and account.first <= item.revision:
                        account.take(WatchProgress(0, item.revision))
                continue
            account = self.accounts[item.watch]
            account.compacted = self.story.space.keyspace.compacted
            account.take(item)
        self.items += items
        return items

    def told(self, budget: int = 1 << 20) -> str:
        """Take all, and tell it in short."""
        words = []
        while items := self.take(budget):
            words += [tell(item) for item in items]
        return " ".join(words)


class Story:
    """One keyspace, its history, its hub and clients."""

    def __init__(self, **bounds: int) -> None:
        self.space = Space()
        self.history = RevisionHistory()
        self.working = 0
        self.hub = WatchHub(self.space.keyspace, self._work, **bounds)

    def _work(self) -> None:
        self.working += 1

    def client(self) -> Client:
        return Client(self)

    def do(self, *operations: Operation, publish: bool = True) -> int:
        """One transaction."""
        before = self.space.revision
        self.space.do(*operations)
        if self.space.revision > before:
            self.history.add(self.space.revision, self.space.events)
            if publish:
                self.publish(self.space.revision)
        return self.space.revision

    def put(self, key: bytes, value: bytes = b"v") -> int:
        return self.do(Put(key, value))

    def delete(self, key: bytes, end: bytes = b"") -> int:
        return self.do(DeleteRange(key, end))

    def publish(self, first: int) -> None:
        """As a turn does, what it applied since then."""
        at = [place for place, revision in enumerate(self.history.revisions) if revision >= first]
        self.hub.publish([(self.history.revisions[place], self.history.events[place]) for place in at])

    def step(self) -> bool:
        more = self.hub.step()
        for queue in self.hub.take_woken():
            queue.wake()
        return more

    def settle(self) -> int:
        """Do all there is to do; the number of steps."""
        steps = 1
        while self.step():
            steps += 1
            assert steps < 10_000, "it comes to no end"
        return steps


def tell(item: WatchItem) -> str:
    """``0:+a@5,-b@6`` (watch 0: a put, a deletion), ``0:mark@7``, ``all:mark@7``, ``0:compacted@4``."""
    if isinstance(item, WatchEvents):
        events = (shared.event for shared in item.events)
        words = [f"{'+-'[event.kind]}{event.kv.key.decode()}@{event.kv.mod_revision}" for event in events]
        return f"{item.watch}:{','.join(words)}"
    if isinstance(item, WatchProgress):
        return f"{'all' if item.watch < 0 else item.watch}:mark@{item.revision}"
    assert isinstance(item, WatchCompacted)
    return f"{item.watch}:compacted@{item.compacted}"
