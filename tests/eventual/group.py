# SPDX-License-Identifier: Apache-2.0
"""Replicas that speak to each other in turns of a tenth of a second, with links that a test cuts."""

from __future__ import annotations

from collections.abc import Sequence

from tests.mvcc.memory_store import MemoryStore
from tricord.base.changes import Change
from tricord.base.ordered import Table
from tricord.base.values import Value
from tricord.crdt.shown import show
from tricord.eventual.config import EventualConfig
from tricord.eventual.replica import EventualReplica
from tricord.eventual.returning import Former, formers_in
from tricord.eventual.turn import Input, Output, ReadRequest, WriteRequest

START = 1_700_000_000_000
STEP = 0.1


class Group:
    """``cut`` has the pairs (from, to) whose messages are lost."""

    def __init__(self, *replicas: int, ending_seconds: float = 3600.0) -> None:
        self.ending_seconds = ending_seconds
        self.now = 0.0
        self.stores: dict[int, MemoryStore] = {}
        self.replicas: dict[int, EventualReplica] = {}
        self.inboxes: dict[int, list[bytes]] = {}
        self.persisted: dict[int, int] = {}
        self.outputs: dict[int, Output] = {}
        self.cut: set[tuple[int, int]] = set()
        self.ahead: dict[int, int] = {}
        for replica in replicas:
            self.start(replica, 1)

    def start(self, replica: int, incarnation: int, formers: Sequence[Former] = ()) -> None:
        """Start it on the store that it had, or on an empty one."""
        store = self.stores.setdefault(replica, MemoryStore())
        config = EventualConfig(
            cluster=7, keyspace=3, replica=replica, incarnation=incarnation, ending_seconds=self.ending_seconds
        )
        self.replicas[replica] = EventualReplica(config, store, Table.HEAD, formers)
        self.inboxes[replica] = []
        self.persisted[replica] = 0

    def formers(self, *replicas: int) -> list[Former]:
        """What replicas left on their disks."""
        return formers_in([(replica, self.stores[replica]) for replica in replicas], Table.HEAD)

    def retire(self, replica: int) -> None:
        """It belongs no more."""
        del self.replicas[replica]

    def turn(self, replica: int, *requests: WriteRequest | ReadRequest) -> Output:
        """A turn of one."""
        received, self.inboxes[replica] = self.inboxes[replica], []
        output = self.replicas[replica].turn(
            Input(
                self.now,
                START + round(self.now * 1000) + self.ahead.get(replica, 0),
                writes=[each for each in requests if isinstance(each, WriteRequest)],
                reads=[each for each in requests if isinstance(each, ReadRequest)],
                received=received,
                persisted=self.persisted[replica],
                active=tuple(self.replicas),
            )
        )
        self.persisted[replica] = output.turn
        for receiver, data in output.messages:
            if (replica, receiver) not in self.cut and receiver in self.inboxes:
                self.inboxes[receiver].append(data)
        return output

    def change(self, replica: int, key: bytes, change: Change, ttl: int = 0) -> None:
        """A client's write, which must be taken."""
        answers = self.turn(replica, WriteRequest(1, key, change, ttl=ttl)).writes
        assert [each.error for each in answers if each.error] == []

    def run(self, seconds: float) -> list[Output]:
        """All take turns."""
        outputs = []
        for _ in range(round(seconds / STEP)):
            self.now += STEP
            outputs += [self.turn(replica) for replica in list(self.replicas)]
        return outputs

    def part(self) -> None:
        """Cut everybody from everybody."""
        self.cut = {(one, other) for one in self.replicas for other in self.replicas}

    def heal(self) -> None:
        """All links work."""
        self.cut = set()

    def value(self, replica: int, key: bytes) -> Value | None:
        """What a client reads there."""
        wall = START + round(self.now * 1000) + self.ahead.get(replica, 0)
        shown = show(self.replicas[replica].cell(key), wall)
        return None if shown is None else shown.value

    def values(self, key: bytes) -> list[Value | None]:
        """At each replica."""
        return [self.value(replica, key) for replica in self.replicas]

    def equal(self) -> bool:
        """Whether all replicas hold the same."""
        return len({replica.digest for replica in self.replicas.values()}) == 1
