# SPDX-License-Identifier: Apache-2.0
"""Causal and eventual keyspaces on three real members that are cut from each other, and killed again and again.

Writers add elements of their own to sets, count, and put registers, at every member, in both keyspaces; they keep what
was acknowledged. First all members are cut from each other for a minute while they write; then the network is whole,
and within the bound that the eventual model states all three must show the same. Then `kill -9` hits one member after
the other under load, and at last all at once. At the end every acknowledged element is in its set at every member, a
counter is the sum of what was acknowledged (and at most what was asked besides), and all keys are equal everywhere.

python -m tests.e2e.soak_models [--seconds 60] [--kills 20] [--all 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import tricord
from tests.peers.clusters import Cluster
from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.client.asynchronous import AsyncClient

MODELS = ("causal", "eventual")
KEYS = 20
BOUND_SECONDS = 6.0
"""``convergence_seconds`` of three members with default settings (docs/eventual.md)."""
SLACK_SECONDS = 20.0
"""For members on a busy machine, which start, dial and fetch first. The time that it took is printed."""
PAUSE_SECONDS = 0.02


@dataclass
class Ledger:
    """What writers of one keyspace were told."""

    elements: dict[str, set[bytes]] = field(default_factory=dict)
    """Acknowledged, by key."""
    counted: dict[str, int] = field(default_factory=dict)
    """Acknowledged."""
    perhaps: dict[str, int] = field(default_factory=dict)
    """Of unknown outcome."""
    acknowledged: int = 0
    refused: int = 0


@dataclass
class Writer:
    """One that writes at one member into one keyspace until it is told to stop."""

    name: str
    store: AsyncClient
    ledger: Ledger
    draw: random.Random
    stopping: bool = False

    async def run(self) -> None:
        """Write on; what fails is counted, and the next one is tried."""
        number = 0
        while not self.stopping:
            number += 1
            key = f"{self.draw.randrange(KEYS):02}"
            try:
                await self._write(key, number)
                self.ledger.acknowledged += 1
            except TricordError:
                self.ledger.refused += 1
                await asyncio.sleep(0.1)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _write(self, key: str, number: int) -> None:
        kind = number % 3
        if kind == 0:
            await self.store.put(f"register/{key}", f"{self.name} {number}")
        elif kind == 1:
            element = f"{self.name} {number}".encode()
            await self.store.set(f"set/{key}").add(element)
            self.ledger.elements.setdefault(key, set()).add(element)
        else:
            try:
                await self.store.counter(f"counter/{key}").add(1)
                self.ledger.counted[key] = self.ledger.counted.get(key, 0) + 1
            except OutcomeUnknown:
                self.ledger.perhaps[key] = self.ledger.perhaps.get(key, 0) + 1
                raise


class Soak:
    """Members, clients of them, and what was acknowledged."""

    def __init__(self, cluster: Cluster, faults: Path, draw: random.Random) -> None:
        self.cluster = cluster
        self._faults = faults
        self._draw = draw
        self.ledgers = {model: Ledger() for model in MODELS}
        self.stores: dict[tuple[str, str], AsyncClient] = {}
        self._writers: list[Writer] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, stack: AsyncExitStack) -> None:
        """A client of each keyspace at each member."""
        for name, member in self.cluster.members.items():
            store = await stack.enter_async_context(tricord.aio.connect(member.endpoint, timeout=5.0))
            for model in MODELS:
                within = await stack.enter_async_context(store.keyspace(f"soak-{model}", model=model))
                await self._until_open(within)
                self.stores[name, model] = within

    async def _until_open(self, store: AsyncClient) -> None:
        async with asyncio.timeout(60):
            while True:
                try:
                    await store.put("here", b"")
                    return
                except TricordError:
                    await asyncio.sleep(0.05)

    def cut(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Drop all messages between these, and no others."""
        self._faults.with_suffix(".new").write_text(json.dumps({"cut": list(pairs)}))
        self._faults.with_suffix(".new").rename(self._faults)

    def write(self) -> None:
        """Writers begin everywhere."""
        for (name, model), store in self.stores.items():
            label = f"{name}-{len(self._tasks)}-{time.monotonic_ns()}"
            writer = Writer(label, store, self.ledgers[model], random.Random(self._draw.random()))
            self._writers.append(writer)
            self._tasks.append(asyncio.create_task(writer.run()))

    async def stop_writing(self) -> None:
        """They end, each after what it is about."""
        for writer in self._writers:
            writer.stopping = True
        await asyncio.gather(*self._tasks)
        self._writers.clear()
        self._tasks.clear()

    async def until_equal(self, seconds: float) -> float:
        """Wait until all members show the same; how long that took. Raises AssertionError."""
        started = time.monotonic()
        while True:
            shown = {(name, model): await self._all_of(name, model) for name, model in self.stores}
            different = [model for model in MODELS if len({shown[name, model] for name in self.cluster.members}) > 1]
            if not different:
                return time.monotonic() - started
            assert time.monotonic() - started < seconds, f"members differ after {seconds} s: {', '.join(different)}"
            await asyncio.sleep(0.1)

    async def _all_of(self, name: str, model: str) -> tuple[tuple[bytes, bytes], ...]:
        try:
            found = await self.stores[name, model].range(b"\0")
        except TricordError as error:
            return ((b"error", f"{name} {error}".encode()),)
        return tuple((each.key, each.value) for each in found)

    async def judge(self) -> None:
        """Nothing acknowledged is lost, at any member. Raises AssertionError."""
        for (name, model), store in self.stores.items():
            ledger = self.ledgers[model]
            for key, elements in ledger.elements.items():
                missing = elements - set(await store.set(f"set/{key}").get())
                assert not missing, f"{name}, {model}: set {key} lacks {len(missing)}, such as {min(missing)!r}"
            for key, counted in ledger.counted.items():
                found = await store.counter(f"counter/{key}").get()
                most = counted + ledger.perhaps.get(key, 0)
                assert counted <= found <= most, f"{name}, {model}: counter {key} is {found}, not {counted} to {most}"

    def told(self) -> str:
        """Counts."""
        return ", ".join(
            f"{model}: {one.acknowledged} acknowledged, {one.refused} not" for model, one in self.ledgers.items()
        )


async def soak(cluster: Cluster, faults: Path, *, seconds: float, kills: int, rounds: int) -> None:
    """All of it. Raises AssertionError."""
    draw = random.Random(1)
    names = list(cluster.members)
    async with AsyncExitStack() as stack:
        run = Soak(cluster, faults, draw)
        await run.open(stack)
        run.cut((one, other) for one in names for other in names if one != other)
        run.write()
        await asyncio.sleep(seconds)
        await run.stop_writing()
        say(f"cut from each other for {seconds:g} s: {run.told()}")
        run.cut([])
        took = await run.until_equal(BOUND_SECONDS + SLACK_SECONDS)
        await run.judge()
        say(f"healed: equal after {took:.2f} s (stated: {BOUND_SECONDS:g} s)")
        run.write()
        for number in range(kills):
            name = draw.choice(names)
            await asyncio.to_thread(cluster.kill, name)
            await asyncio.sleep(draw.uniform(0, 0.5))
            await asyncio.to_thread(cluster.start, [name])
            await asyncio.sleep(draw.uniform(0.2, 1.0))
            say(f"kill {number + 1} of {kills}, {name}: {run.told()}")
        for number in range(rounds):
            await asyncio.to_thread(cluster.kill_all)
            await asyncio.to_thread(cluster.start)
            await asyncio.sleep(1.0)
            say(f"all killed, {number + 1} of {rounds}: {run.told()}")
        await run.stop_writing()
        took = await run.until_equal(BOUND_SECONDS + SLACK_SECONDS)
        await run.judge()
        say(f"equal after {took:.2f} s; nothing acknowledged was lost: {run.told()}")


def say(text: str) -> None:
    """A line."""
    print(text, flush=True)


def main() -> int:
    """Run it with the arguments of this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="cut from each other (default: 60)")
    parser.add_argument("--kills", type=int, default=20, help="of one member (default: 20)")
    parser.add_argument("--all", type=int, default=5, dest="rounds", help="kills of all at once (default: 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = Path(folder) / "faults.json"
        faults.write_text('{"cut": []}')
        with Cluster("tricord", Path(folder) / "cluster", flags=[f"--unsafe-faults={faults}"]) as cluster:
            asyncio.run(soak(cluster, faults, seconds=options.seconds, kills=options.kills, rounds=options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
