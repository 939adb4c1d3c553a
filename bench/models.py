# SPDX-License-Identifier: Apache-2.0
"""Puts into a strong, a causal and an eventual keyspace of one cluster, with and without 50 ms between its members.

Three members in processes of their own; clients are coroutines of tricord's async client in this process, spread over
the members, with values of 256 bytes on 10,000 keys. In the second part every connection between members goes through a
relay that holds each byte for 50 ms, each way. Models take turns in one run. Beside them the same puts on Redis: a
primary and two replicas (asynchronous replication) with `appendonly yes` and `appendfsync always`, driven by an
equally plain client in this process. Needs `redis-server` (Debian: redis-server); without it that line is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from tests.peers.clusters import Cluster, TricordMember, eventually
from tests.peers.ports import free_port

import tricord
from tricord.runtime import new_event_loop

MODELS = ("strong", "causal", "eventual")
MEMBERS = 3
DELAY_SECONDS = 0.05
VALUE = bytes(256)
KEYS = 10_000

Put = Callable[[str], Awaitable[object]]


class Delayed:
    """A relay before each member's port, which its peers dial."""

    def __init__(self, cluster: Cluster) -> None:
        self._links: list[str] = []
        words = []
        for name, member in cluster.members.items():
            assert isinstance(member, TricordMember)
            port = free_port()
            words.append(f"{name}=127.0.0.1:{port}={member.endpoint}")
            member.flags = [*member.flags, "--advertise-peer", f"127.0.0.1:{port}"]
            self._links += [f"all>{name}", f"{name}>all"]
            for other in cluster.members.values():
                other.initial[name] = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tests.e2e.faults.relay", "all", *words]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._until_ok()

    def hold(self, seconds: float) -> None:
        """From now on every byte waits so long."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({link: {"delay": seconds} for link in self._links}) + "\n")
        self._process.stdin.flush()
        self._until_ok()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def _until_ok(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ok\n", "the relay ended"


class Redis:
    """A primary and two replicas of it; its clients speak to the primary, since replicas take no writes."""

    def __init__(self, folder: Path) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self.ports = [free_port() for _ in range(MEMBERS)]
        for number, port in enumerate(self.ports):
            place = folder / f"redis{number}"
            place.mkdir()
            words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(place), "--save", ""]
            words += ["--appendonly", "yes", "--appendfsync", "always", "--logfile", str(place / "log")]
            if number:
                words += ["--replicaof", "127.0.0.1", str(self.ports[0])]
            self._processes.append(subprocess.Popen(words))
        for port in self.ports:
            eventually(lambda port=port: self._answers(port), "redis")  # type: ignore[misc]
        eventually(lambda: b"connected_slaves:2" in self._ask(self.ports[0], b"INFO replication\r\n"), "its replicas")

    def _answers(self, port: int) -> bool:
        with contextlib.suppress(OSError):
            return self._ask(port, b"PING\r\n").startswith(b"+PONG")
        return False

    def _ask(self, port: int, words: bytes) -> bytes:
        import socket

        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(words)
            return connection.recv(65536)

    def close(self) -> None:
        """End all."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=30)


class RedisClient:
    """SETs over one connection, as many at a time as are asked for, answered in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self._task = asyncio.create_task(self._read(reader))

    async def put(self, key: str) -> None:
        """One SET, answered."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(done)
        name = key.encode()
        self._writer.write(b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(name), name, len(VALUE), VALUE))
        await done

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            assert line == b"+OK\r\n", line
            self._waiting.get_nowait().set_result(None)

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def load(puts: Sequence[Put], clients: int, seconds: float) -> tuple[float, list[float]]:
    """So many coroutines that put one after the other: puts a second, and the time of each in milliseconds, sorted."""
    times: list[float] = []
    started = time.perf_counter()
    end = started + seconds

    async def client(number: int) -> None:
        put, count = puts[number % len(puts)], number * 7919
        while (before := time.perf_counter()) < end:
            await put(f"bench/{count % KEYS:05}")
            times.append((time.perf_counter() - before) * 1000)
            count += 1

    await asyncio.gather(*(client(number) for number in range(clients)))
    return len(times) / (time.perf_counter() - started), sorted(times)


def line(name: str, clients: int, rates: list[float], times: list[float]) -> None:
    """One line of the table."""
    rate, half, most = statistics.median(rates), times[len(times) // 2], times[int(len(times) * 0.99)]
    print(f"{name:12}{clients:8}{rate:12,.0f}{half:12.2f}{most:12.2f}", flush=True)


async def measure(cluster: Cluster, redis: Redis | None, clients: Sequence[int], seconds: float, rounds: int) -> None:
    """All models in turns, at each number of clients."""
    puts: dict[str, list[Put]] = {model: [] for model in MODELS}
    async with contextlib.AsyncExitStack() as stack:
        for member in cluster.members.values():
            store = await stack.enter_async_context(tricord.aio.connect(member.endpoint, timeout=30.0))
            for model in MODELS:
                within = await stack.enter_async_context(store.keyspace(f"bench-{model}", model=model))
                await within.put("warm", b"")
                puts[model].append(lambda key, within=within: within.put(key, VALUE))  # type: ignore[misc]
        if redis is not None:
            client = RedisClient(*await asyncio.open_connection("127.0.0.1", redis.ports[0]))
            stack.push_async_callback(client.close)
            puts["redis"] = [client.put]
        for count in clients:
            rates: dict[str, list[float]] = {name: [] for name in puts}
            times: dict[str, list[float]] = {name: [] for name in puts}
            for _ in range(rounds):
                for name, ways in puts.items():
                    rate, each = await load(ways, count, seconds)
                    rates[name].append(rate)
                    times[name] += each
            for name in puts:
                line(name, count, rates[name], sorted(times[name]))


@contextlib.contextmanager
def world(folder: Path) -> Iterator[tuple[Cluster, Delayed, Redis | None]]:
    """Members, the relay between them, and Redis."""
    with contextlib.ExitStack() as stack:
        cluster = Cluster("tricord", folder / "cluster", MEMBERS)
        relay = Delayed(cluster)
        stack.callback(relay.close)
        stack.enter_context(cluster)
        redis = Redis(folder) if shutil.which("redis-server") else None
        if redis is not None:
            stack.callback(redis.close)
        yield cluster, relay, redis


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement (default: 3)")
    parser.add_argument("--rounds", type=int, default=3, help="each in turns so often; medians are shown (default: 3)")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 64])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as (cluster, relay, redis):
        for delay in (0.0, DELAY_SECONDS):
            relay.hold(delay)
            print(f"\n{delay * 1000:.0f} ms each way between members")
            print(f"{'':12}{'clients':>8}{'puts/s':>12}{'p50 ms':>12}{'p99 ms':>12}")
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                beside = redis if not delay else None  # its clients speak to the primary alone: nothing would be held
                runner.run(measure(cluster, beside, options.clients, options.seconds, options.rounds))


if __name__ == "__main__":
    main()
