# SPDX-License-Identifier: Apache-2.0
"""What a queue says it holds: nothing when it is empty, never less, however it is emptied."""

from __future__ import annotations

import random

import pytest

from tricord.base.operations import Event, EventKind, KeyValue
from tricord.base.watching import SharedEvent, WatchSpec
from tricord.mvcc.watch_queue import WatchQueue, size_of
from tricord.mvcc.watchers import Watcher


@pytest.mark.parametrize("value", [0, 1, 100, 10_000])
def test_a_queue_that_is_taken_little_by_little_holds_nothing_in_the_end(value: int) -> None:
    queue = WatchQueue(lambda: None)
    watchers = [Watcher(queue, number, WatchSpec(b"k"), 1) for number in range(20)]
    chance = random.Random(value)
    for revision in range(2, 200):
        shared = SharedEvent(Event(EventKind.PUT, KeyValue(b"k", bytes(value), 1, revision, 1)))
        for watcher in chance.sample(watchers, chance.randrange(20)):
            queue.tell(watcher, shared, size_of(shared.event), revision, 0)
        if chance.random() < 0.3:
            queue.mark(None, revision)
        if chance.random() < 0.1:
            queue.take_marks_back()
        assert queue.bytes >= 0
        if chance.random() < 0.2:
            queue.take(1)
            assert queue.bytes >= 0
    while queue.pending or queue.marks:
        queue.take(1)
        assert queue.bytes >= 0
    assert queue.bytes == 0
