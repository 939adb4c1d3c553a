# SPDX-License-Identifier: Apache-2.0
"""Clients, one at each host. Their history has registers that one of them writes and all read; besides they change keys
that are everybody's, for the ledger."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tricord.base.changes import Add, AddElement, Change, ChangeField, Put, PutLast, Remove, RemoveElement
from tricord.check.history import OK, UNKNOWN, History, Operation
from tricord.crdt.shown import show
from tricord.eventual.turn import Output, ReadRequest, WriteRequest
from tricord.sim.eventual.world import Host, World

SHARED = 8
NANOSECONDS = 1_000_000_000


class Clients:
    """``history`` is for the checkers. A replica whose disk is gone has acknowledged nothing."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self._count = 0
        self._open: dict[int, tuple[Host, Operation]] = {}
        self._by_host: dict[int, list[Operation]] = {}
        self._operations: list[Operation] = []

    def history(self) -> History:
        """In the order of the calls."""
        return History(self._operations)

    def act(self, host: Host) -> None:
        """One thing at random."""
        if host.core is None or host.formers:
            return
        kind = self._random.random()
        if kind < 0.25:
            self._put(host)
        elif kind < 0.65:
            self.read(host, self._register(self._random.choice(sorted(self._world.hosts))))
        else:
            self._share(host)

    def read(self, host: Host, key: bytes) -> None:
        """Read one register there."""
        self._request(host, "get", key, None, lambda ticket: ReadRequest(ticket, [key]))

    def read_all(self) -> None:
        """Everybody reads all registers: what the check of convergence judges."""
        for host in list(self._world.hosts.values()):
            if host.core is not None:
                for number in sorted(self._world.hosts):
                    self.read(host, self._register(number))

    def take(self, host: Host, output: Output, now: float) -> None:
        """Answers of a turn."""
        for answer in output.writes:
            found = self._open.pop(answer.ticket, None)
            if found is not None and not answer.error:
                found[1].status, found[1].return_ns = OK, round(now * NANOSECONDS)
        for read in output.reads:
            found = self._open.pop(read.ticket, None)
            if found is not None:
                shown = show(read.cells[0], self._world.wall(host))
                value = None if shown is None else shown.value
                found[1].output = value.decode() if isinstance(value, bytes) else None
                found[1].status, found[1].return_ns = OK, round(now * NANOSECONDS)

    def excuse(self, number: int) -> None:
        """Its disk is gone: nobody knows what became of what was written there."""
        for one in self._by_host.get(number, ()):
            if one.op == "put":
                one.status = UNKNOWN

    def _register(self, number: int) -> bytes:
        return b"register of %d" % number

    def _put(self, host: Host) -> None:
        value = b"%d.%d" % (host.number, self._count)
        key = self._register(host.number)
        self._request(host, "put", key, value.decode(), lambda ticket: WriteRequest(ticket, key, Put(value)))

    def _share(self, host: Host) -> None:
        self._count += 1
        key, change = self._shared(b"%d" % self._count)
        acks = self._random.choice((1, 1, 1, 2))
        ttl = self._random.choice((0, 0, 500)) if isinstance(change, Put | AddElement) else 0
        deadline = self._world.now + 2.0
        host.requests.append(WriteRequest(-self._count, key, change, ttl=ttl, acks=acks, deadline=deadline))
        self._world.wake(host)

    def _shared(self, value: bytes) -> tuple[bytes, Change]:
        kind = self._random.randrange(SHARED)
        choices: list[Change] = [
            Put(value),
            PutLast(value),
            Add(int(value)),
            AddElement(value),
            RemoveElement(b"%d" % self._random.randrange(self._count)),
            ChangeField(b"field", Put(value)),
            Remove(),
        ]
        change = choices[min(kind, len(choices) - 1)]
        if isinstance(change, Remove):
            return self._random.choice((b"register", b"last", b"map", b"set")), change
        names = {Put: b"register", PutLast: b"last", Add: b"total", ChangeField: b"map"}
        return names.get(type(change), b"set"), change

    def _request(
        self, host: Host, op: str, key: bytes, value: str | None, make: Callable[[int], WriteRequest | ReadRequest]
    ) -> None:
        self._count += 1
        operation = Operation(
            host.number, op, key.decode(), value, None, round(self._world.now * NANOSECONDS), None, UNKNOWN
        )
        self._open[self._count] = host, operation
        self._by_host.setdefault(host.number, []).append(operation)
        self._operations.append(operation)
        host.requests.append(make(self._count))
        self._world.wake(host)
