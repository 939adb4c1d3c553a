# SPDX-License-Identifier: Apache-2.0
"""A hub under random writes, compactions, watches, slow clients: each account stays right, and is complete at last."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.mvcc.watch_story import Client, Story
from tricord.base.operations import DeleteRange, Operation, Put

KEYS = st.sampled_from([b"a", b"b", b"b/1", b"b/2", b"c", b"d"])
ENDS = st.sampled_from([b"", b"", b"b0", b"c", b"e", b"\0"])
STARTS = st.sampled_from(["now", "first", "compacted", "newest", "next", "later", "between"])


class Hub(RuleBasedStateMachine):
    """Small bounds, so that clients are slow soon."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(queue_bytes=6_000)
        self.clients: list[Client] = [self.story.client()]

    @property
    def compacted(self) -> int:
        return self.story.space.keyspace.compacted

    @rule(keys=st.lists(KEYS, min_size=1, max_size=3, unique=True), size=st.sampled_from([0, 10, 2000]))
    def put(self, keys: list[bytes], size: int) -> None:
        self.story.do(*(Put(key, bytes(size)) for key in keys))

    @rule(key=KEYS, end=ENDS)
    def delete(self, key: bytes, end: bytes) -> None:
        self.story.delete(key, end)

    @rule(key=KEYS)
    def delete_and_put(self, key: bytes) -> None:
        operations: list[Operation] = [DeleteRange(key), Put(key, b"again")]
        self.story.do(*operations)

    @rule(keys=st.lists(KEYS, min_size=2, max_size=4), reload=st.booleans())
    def apply_much_at_once(self, keys: list[bytes], reload: bool) -> None:
        first = self.story.space.revision + 1
        for key in keys:
            self.story.do(Put(key, b"x"), publish=False)
        if reload:
            self.story.hub.reload()
        else:
            self.story.publish(first)

    @rule(share=st.floats(0, 1), sweep=st.booleans())
    def compact(self, share: float, sweep: bool) -> None:
        low, high = max(self.compacted + 1, 1), self.story.space.revision
        if low <= high:
            self.story.space.compact(low + int(share * (high - low)), sweep=sweep)

    @rule(
        data=st.data(),
        key=KEYS,
        end=ENDS,
        start=STARTS,
        previous=st.booleans(),
        kinds=st.sampled_from([(True, True), (True, True), (True, False), (False, True)]),
    )
    def watch(
        self, data: st.DataObject, key: bytes, end: bytes, start: str, previous: bool, kinds: tuple[bool, bool]
    ) -> None:
        newest = self.story.space.revision
        first = {
            "now": 0,
            "first": 1,
            "compacted": max(self.compacted, 1),
            "newest": newest,
            "next": newest + 1,
            "later": newest + 4,
            "between": data.draw(st.integers(1, newest)),
        }[start]
        if end > b"\0" and end <= key:
            end = b""
        client = data.draw(st.sampled_from(self.clients))
        client.watch(key, end, first, previous=previous, puts=kinds[0], deletes=kinds[1], progress=previous)

    @rule()
    def another_client(self) -> None:
        if len(self.clients) < 4:
            self.clients.append(self.story.client())

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        if len(self.clients) > 1:
            client = data.draw(st.sampled_from(self.clients))
            self.clients.remove(client)
            self.story.hub.close(client.queue)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.clients))
        if client.accounts:
            number = data.draw(st.sampled_from(sorted(client.accounts)))
            if self.story.hub.remove(client.queue, number):
                del client.accounts[number]

    @rule(data=st.data(), budget=st.sampled_from([1, 5_000, 1 << 20]))
    def take(self, data: st.DataObject, budget: int) -> None:
        data.draw(st.sampled_from(self.clients)).take(budget)

    @rule(data=st.data())
    def ask_for_a_mark(self, data: st.DataObject) -> None:
        self.story.hub.ask_progress(data.draw(st.sampled_from(self.clients)).queue)

    @rule(data=st.data())
    def tick(self, data: st.DataObject) -> None:
        self.story.hub.tick(data.draw(st.sampled_from(self.clients)).queue)

    @rule(count=st.integers(1, 4))
    def step(self, count: int) -> None:
        for _ in range(count):
            self.story.step()

    @invariant()
    def the_counts_are_right(self) -> None:
        hub = self.story.hub
        assert hub.count == sum(len(client.queue.watchers) for client in self.clients)
        assert hub.behind == sum(client.queue.behind for client in self.clients)
        for client in self.clients:
            assert client.queue.pending >= 0
            assert client.queue.bytes >= 0
            assert set(client.queue.watchers) <= set(client.accounts)

    def teardown(self) -> None:
        """Everybody takes everything: nothing is missing."""
        asked = self.story.space.revision
        for client in self.clients:
            self.story.hub.ask_progress(client.queue)
        for _ in range(1000):
            self.story.settle()
            taken = [client.take() for client in self.clients]
            if not any(taken) and not self.story.hub.has_work:
                break
        assert self.story.hub.behind == 0
        for client in self.clients:
            for account in client.accounts.values():
                account.complete()
            if client.queue.watchers:
                assert client.marks[-1] >= asked
            self.story.hub.close(client.queue)
        assert self.story.hub.count == 0


Hub.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=60)
TestHub = Hub.TestCase
