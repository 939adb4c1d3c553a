# SPDX-License-Identifier: Apache-2.0
"""What clients notice while a store is defragmented or saved: a member and a real etcd, half of whose file is unused.

python -m bench.defragment [--keys 300000] [--seconds 10] [--callers 8] [--server tricord]

Callers put and get in turns, with a pause of 5 ms after each, so that the server is busy and not overloaded. Times are
milliseconds of one call. `etcdctl defrag` and `etcdctl snapshot save` run one after the other for as long as it takes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.peers import paths
from tests.peers.processes import EtcdProcess, MemberProcess, ServerProcess

import tricord

VALUE = bytes(256)
BATCH = 100
PAUSE_SECONDS = 0.005


async def fill(store: tricord.AsyncClient, keys: int) -> None:
    """Write keys, delete every second one, compact."""
    for first in range(0, keys, BATCH * 16):
        starts = range(first, min(first + BATCH * 16, keys), BATCH)
        puts = ([tricord.txn.put(name(number), VALUE) for number in range(start, start + BATCH)] for start in starts)
        await asyncio.gather(*(store.txn(then=batch) for batch in puts))
    for first in range(0, keys, BATCH * 16):
        starts = range(first, min(first + BATCH * 16, keys), BATCH)
        deletes = ([tricord.txn.delete(name(number)) for number in range(start, start + BATCH, 2)] for start in starts)
        await asyncio.gather(*(store.txn(then=batch) for batch in deletes))
    await store.compact((await store.put("revision", b"")).revision, physical=True, timeout=300)


def name(number: int) -> str:
    """Keys are spread over the whole range of puts."""
    return f"bench/{number:08}"


class Callers:
    """They go on until told to stop, and note how long each call took."""

    def __init__(self, store: tricord.AsyncClient, keys: int) -> None:
        self._store = store
        self._keys = keys
        self.times: list[float] = []

    async def run(self, seed: int) -> None:
        """One caller."""
        choices = random.Random(seed)
        while True:
            key = name(choices.randrange(self._keys))
            for call in (partial(self._store.put, key, VALUE), partial(self._store.get, key)):
                started = time.perf_counter()
                await call()
                self.times.append(time.perf_counter() - started)
                await asyncio.sleep(PAUSE_SECONDS)

    def show(self, what: str, extra: str = "") -> None:
        """One line of what was noted since the last one."""
        times, self.times = sorted(self.times), []
        p50, p99, worst = (1000 * times[int(share * (len(times) - 1))] for share in (0.5, 0.99, 1.0))
        print(
            f"  {what:12} {len(times):8} calls  p50 {p50:7.2f}  p99 {p99:7.2f}  max {worst:8.2f}  {extra}", flush=True
        )


async def repeated(seconds: float, *command: str) -> str:
    """Run a command again and again; gives how often, and how long it took."""
    started, took = time.perf_counter(), []
    while time.perf_counter() - started < seconds:
        before = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        _, said = await process.communicate()
        if process.returncode:
            raise RuntimeError(said.decode())
        took.append(time.perf_counter() - before)
    return f"{len(took)} times, {sum(took) / len(took):.2f} s each"


async def measure(server: ServerProcess, etcdctl: Path, folder: Path, arguments: argparse.Namespace) -> None:
    """Fill, then idle, defragment and save, under load."""
    async with tricord.aio.connect(server.endpoint) as store:
        await fill(store, arguments.keys)
        await asyncio.sleep(2)
        callers = Callers(store, arguments.keys)
        tasks = [asyncio.ensure_future(callers.run(seed)) for seed in range(arguments.callers)]
        await asyncio.sleep(1)
        callers.times = []
        for round_ in range(arguments.rounds):
            await asyncio.sleep(arguments.seconds)
            callers.show("idle")
            common = (str(etcdctl), f"--endpoints={server.endpoint}", "--command-timeout=300s")
            before = (await store.status()).size_bytes
            said = await repeated(arguments.seconds, *common, "defrag")
            after = (await store.status()).size_bytes
            callers.show("defragment", f"{said}; {before >> 20} -> {after >> 20} MiB")
            said = await repeated(arguments.seconds, *common, "snapshot", "save", str(folder / f"{round_}.db"))
            callers.show("save", said)
        for task in tasks:
            task.cancel()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=300_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--server", choices=("tricord", "etcd", "both"), default="both")
    arguments = parser.parse_args()
    etcdctl, etcd = paths.find("etcdctl"), paths.find("etcd")
    assert etcdctl is not None and etcd is not None, "etcd is not here: run make peers"
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        servers: list[ServerProcess] = [
            MemberProcess(folder / "tricord", "--auto-defragment=false"),
            EtcdProcess(etcd, folder / "etcd"),
        ]
        for server in servers:
            if arguments.server in (server.name, "both"):
                print(server.name)
                with server:
                    asyncio.run(measure(server, etcdctl, folder, arguments))


if __name__ == "__main__":
    main()
