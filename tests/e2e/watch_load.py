# SPDX-License-Identifier: Apache-2.0
"""Thousands of watchers of one real server, told of a million changes over several connections: none missing, none
twice, none out of order.

Half of the watchers watch one key, half a prefix of ten. A third of them come in the middle and begin in the past; one
connection reads in pauses, so that the server has to tell it later. Writers put the keys meanwhile. Every watcher keeps
every revision that it was told, which at the end must be just those that the writers were answered.

python -m tests.e2e.watch_load [--watchers 10000] [--events 1000000] [--server etcd]
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from array import array
from dataclasses import dataclass
from pathlib import Path

from tests.peers.processes import EtcdProcess, MemberProcess, ServerProcess
from tricord.base.environment import Environment
from tricord.runtime import run
from tricord.transport.client_connection import ClientConnection, dial
from tricord.transport.client_stream import ClientStream
from tricord.wire.schemas import kv, watch

PUT, WATCH = "/etcdserverpb.KV/Put", "/etcdserverpb.Watch/Watch"
KEYS = 1000
IN_A_PREFIX = 10
VALUE_BYTES = 64
SILENT_SECONDS = 60.0
"""So long without any event while some are missing is a failure."""


@dataclass
class Plan:
    """How much. Ten watches of a key are told of each put of it for each watch of the key's prefix, and so on."""

    watchers: int = 10_000
    events: int = 1_000_000
    connections: int = 8
    streams: int = 4
    """Of each connection."""
    writers: int = 64

    @property
    def puts(self) -> int:
        """How many puts make so many events: half of the watchers stand at one key each, half at ten."""
        each = self.watchers / 2 / KEYS + self.watchers / 2 * IN_A_PREFIX / KEYS
        # Those that come in the middle are told of everything too.
        return max(round(self.events / each), KEYS)


class Watcher:
    """What one was told."""

    __slots__ = ("first_key", "keys", "revisions")

    def __init__(self, number: int) -> None:
        at = number // 2
        if number % 2:
            self.first_key, self.keys = at % (KEYS // IN_A_PREFIX) * IN_A_PREFIX, IN_A_PREFIX
        else:
            self.first_key, self.keys = at % KEYS, 1
        self.revisions = array("q")

    def request(self, watch_id: int, start_revision: int) -> bytes:
        key = name(self.first_key)
        key, end = (key, b"") if self.keys == 1 else (key[:-1], key[:-2] + bytes((key[-2] + 1,)))
        create = watch.WatchCreateRequest(key=key, range_end=end, start_revision=start_revision, watch_id=watch_id)
        return watch.WatchRequest(create_request=create).SerializeToString()

    def tell(self, response: watch.WatchResponse) -> None:
        revisions = self.revisions
        for event in response.events:
            key = int(event.kv.key[1:])
            assert self.first_key <= key < self.first_key + self.keys, f"{event.kv.key!r} is of no interest here"
            revision = event.kv.mod_revision
            assert not revisions or revisions[-1] < revision, f"{revision} was told after {revisions[-1]}"
            revisions.append(revision)


def name(key: int) -> bytes:
    """``k0000`` and so on: a prefix is all but the last digit."""
    return b"k%04d" % key


class Load:
    """One run."""

    def __init__(self, plan: Plan, environment: Environment, port: int) -> None:
        self.plan = plan
        self._environment = environment
        self._port = port
        self.watchers = [Watcher(number) for number in range(plan.watchers)]
        self.written: list[list[int]] = [[] for _ in range(KEYS)]
        self.told = 0
        self.responses = 0
        self._created = 0
        self._streams: list[ClientStream] = []
        self._readers: list[asyncio.Task[None]] = []
        self._connections: list[ClientConnection] = []

    async def play(self) -> str:
        """All of it; what came of it, in a line."""
        plan = self.plan
        await self._open()
        late = plan.watchers // 3
        await self._watch(range(late, plan.watchers), 0)
        began = time.monotonic()
        await self._write(0, plan.puts // 2)
        await self._watch(range(late), 1)
        await self._write(plan.puts // 2, plan.puts)
        written = time.monotonic() - began
        expected = self._expected()
        await self._until_told(sum(map(len, expected)))
        took = time.monotonic() - began
        for reader in self._readers:
            reader.cancel()
        for connection in self._connections:
            connection.close()
        await asyncio.wait(self._readers)
        for watcher, right in zip(self.watchers, expected, strict=True):
            assert list(watcher.revisions) == right, "a watcher was told something else than what was written"
        return (
            f"{plan.watchers} watchers on {len(self._streams)} streams of {plan.connections} connections:"
            f" {self.told} events of {plan.puts} puts in {self.responses} answers,"
            f" none missing, none twice, none out of order; written in {written:.1f} s, told in {took:.1f} s"
            f" ({self.told / took:,.0f} events a second)"
        )

    async def _open(self) -> None:
        for at in range(self.plan.connections):
            connection = await dial(self._environment, "127.0.0.1", self._port)
            self._connections.append(connection)
            for _ in range(self.plan.streams):
                stream = await connection.stream(WATCH)
                self._streams.append(stream)
                pause = 0.3 if at == 0 else 0.0
                self._readers.append(asyncio.create_task(self._read(stream, pause)))

    async def _watch(self, numbers: range, start_revision: int) -> None:
        goal = self._created + len(numbers)
        for number in numbers:
            stream = self._streams[number % len(self._streams)]
            await stream.send(self.watchers[number].request(number + 1, start_revision))
        while self._created < goal:
            await asyncio.sleep(0.01)
            self._check()

    async def _read(self, stream: ClientStream, pause: float) -> None:
        parse = watch.WatchResponse.FromString
        count = 0
        async for data in stream:
            response = parse(data)
            if response.created:
                assert not response.canceled, response.cancel_reason
                self._created += 1
            self.watchers[response.watch_id - 1].tell(response)
            self.told += len(response.events)
            self.responses += 1
            count += 1
            if pause and count % 2000 == 0:
                await asyncio.sleep(pause)

    async def _write(self, first: int, last: int) -> None:
        connection = await dial(self._environment, "127.0.0.1", self._port)
        places = iter(range(first, last))

        async def writer() -> None:
            for place in places:
                key = place * 7 % KEYS
                request = kv.PutRequest(key=name(key), value=b"%0*d" % (VALUE_BYTES, place))
                answer = await connection.unary(PUT, request.SerializeToString(), 60.0)
                self.written[key].append(kv.PutResponse.FromString(answer).header.revision)
                self._check()

        await asyncio.gather(*(writer() for _ in range(self.plan.writers)))
        connection.close()

    def _expected(self) -> list[list[int]]:
        of_keys = [sorted(revisions) for revisions in self.written]
        of_prefixes = [
            sorted(revision for revisions in of_keys[first : first + IN_A_PREFIX] for revision in revisions)
            for first in range(0, KEYS, IN_A_PREFIX)
        ]
        return [
            of_keys[one.first_key] if one.keys == 1 else of_prefixes[one.first_key // IN_A_PREFIX]
            for one in self.watchers
        ]

    async def _until_told(self, events: int) -> None:
        told, since = self.told, time.monotonic()
        while self.told < events:
            await asyncio.sleep(0.02)
            self._check()
            if self.told > told:
                told, since = self.told, time.monotonic()
            silent = time.monotonic() - since
            assert silent < SILENT_SECONDS, f"{events - self.told} events are missing, and none comes"
        await asyncio.sleep(0.2)  # what comes twice comes now
        self._check()

    def _check(self) -> None:
        for reader in self._readers:
            if reader.done():
                reader.result()
                raise AssertionError("the server ended a stream")


def load(server: ServerProcess, plan: Plan) -> str:
    """Run it against a server that runs. The figures, in a line."""

    async def main(environment: Environment) -> str:
        return await Load(plan, environment, server.port).play()

    before = server.cpu_seconds()
    figures = run(main)
    mebibytes = server.resident_bytes() >> 20
    return f"{figures}; the server used {server.cpu_seconds() - before:.1f} s of processor and holds {mebibytes} MiB"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watchers", type=int, default=Plan.watchers)
    parser.add_argument("--events", type=int, default=Plan.events)
    parser.add_argument("--server", choices=["tricord", "etcd"], default="tricord")
    wanted = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "data"
        server = MemberProcess(place) if wanted.server == "tricord" else EtcdProcess(Path(".peers/bin/etcd"), place)
        with server:
            print(load(server, Plan(wanted.watchers, wanted.events)), flush=True)


if __name__ == "__main__":
    main()
