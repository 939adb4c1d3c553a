# SPDX-License-Identifier: Apache-2.0
"""Puts and gets a second of tricord's own client: over a socket to a member, and on stores in its own process.

Values of 256 bytes, linearizable gets. `callers` are coroutines of the async client, or the one thread of the blocking
one. Client and member share this machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.peers.processes import MemberProcess

import tricord

VALUE = bytes(256)
KEYS = [f"bench/{number:05}" for number in range(10_000)]
MOST_CALLERS = 1000


def blocking_rate(call: Callable[[str], object], seconds: float) -> float:
    """Calls a second of one thread."""
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        for key in KEYS[count % 9_000 :][:50]:
            call(key)
        count += 50
    return count / (time.perf_counter() - started)


async def async_rate(call: Callable[[str], Awaitable[object]], callers: int, seconds: float) -> float:
    """Calls a second of so many coroutines."""
    started = time.perf_counter()
    end = started + seconds
    counts = [0] * callers

    async def worker(place: int) -> None:
        while time.perf_counter() < end:
            await call(KEYS[(place * 7 + counts[place]) % len(KEYS)])
            counts[place] += 1

    await asyncio.gather(*(worker(place) for place in range(callers)))
    return sum(counts) / (time.perf_counter() - started)


def show(name: str, callers: int, puts: float, gets: float) -> None:
    """One line."""
    print(f"{name:32} {callers:6} {puts:10,.0f} {gets:10,.0f}")


def measure_blocking(name: str, store: tricord.Client, seconds: float) -> None:
    """The blocking client."""
    with store as db:
        puts = blocking_rate(lambda key: db.put(key, VALUE), seconds)
        show(name, 1, puts, blocking_rate(db.get, seconds))


def measure_async(name: str, make: Callable[[], tricord.AsyncClient], seconds: float) -> None:
    """The async client, at 1, 64 and 1,000 callers."""

    async def main() -> None:
        async with make() as store:
            for callers in (1, 64, MOST_CALLERS):
                puts = await async_rate(lambda key: store.put(key, VALUE), callers, seconds)
                show(name, callers, puts, await async_rate(store.get, callers, seconds))

    from tricord.runtime import new_event_loop

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    seconds = parser.parse_args().seconds
    print(f"{'store':32} {'callers':>6} {'puts/s':>10} {'gets/s':>10}")
    with tempfile.TemporaryDirectory() as directory:
        with MemberProcess(Path(directory) / "member") as member:
            measure_blocking("member, blocking", tricord.connect(member.endpoint), seconds)
            measure_async("member, async", lambda: tricord.aio.connect(member.endpoint), seconds)
        measure_blocking("directory, blocking", tricord.open(f"{directory}/embedded"), seconds)
        measure_async("directory, async", lambda: tricord.aio.open(f"{directory}/embedded"), seconds)
    measure_blocking("memory, blocking", tricord.open("memory://"), seconds)
    measure_async("memory, async", lambda: tricord.aio.open("memory://"), seconds)


if __name__ == "__main__":
    main()
