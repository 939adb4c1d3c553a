# SPDX-License-Identifier: Apache-2.0
"""What a read costs in the process that holds the store: microseconds of one core, by level and by interface.

    .venv/bin/python bench/embedded_reads.py

1,000 keys, values of 256 bytes, in memory. ``engine``: ``Engine.call``, what doors do. ``at hand``:
``Engine.read_now``, as a client in the process calls it. ``coroutine``: ``await store.get`` of ``tricord.aio.open``.
``blocking``: ``store.get`` of ``tricord.open``, whose loop runs on another thread. ``causal`` and ``eventual`` are
keyspaces of those models, read as they promise.
Processor time, with the garbage collector off; the best of twenty-five rounds.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

import tricord
from tricord import aio
from tricord.base.context import Context
from tricord.base.keyspaces import Model
from tricord.base.levels import Bounded, Level, ReadLevel, Stamp
from tricord.base.operations import Range
from tricord.embedded.member_caller import MemberCaller
from tricord.server.engine import Outcome
from tricord.server.member_engine import MemberEngine

COUNT = 1_000
ROUNDS = 25
KEYS = [f"/carts/{number:08}" for number in range(1_000)]
MODELS = (Model.CAUSAL, Model.EVENTUAL)
LEVELS: list[ReadLevel] = [Level.ANY, Level.SEQUENTIAL, Bounded(seconds=60.0), Level.LINEARIZABLE]


async def measured(work: Callable[[int], Awaitable[object]]) -> float:
    """Microseconds for each, of ``COUNT`` one after the other; the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        gc.disable()
        begun = time.process_time()
        for number in range(COUNT):
            await work(number)
        best = min(best, time.process_time() - begun)
        gc.enable()
    return best / COUNT * 1e6


async def engine_and_coroutines() -> dict[tuple[str, str], float]:
    """By interface and level."""
    figures: dict[tuple[str, str], float] = {}
    async with aio.open("memory://") as store:
        for key in KEYS:
            await store.put(key, b"v" * 256)
        caller = store._caller
        assert isinstance(caller, MemberCaller)
        engine = caller._engine
        assert isinstance(engine, MemberEngine)
        encoded = [key.encode() for key in KEYS]
        for level in LEVELS:
            await store.get(KEYS[0], at_least=level)

            async def coroutine(number: int, level: ReadLevel = level) -> None:
                await store.get(KEYS[number % 1_000], at_least=level)

            figures["coroutine", level.value] = await measured(coroutine)
            if level is Level.LINEARIZABLE:
                continue
            answers: list[Outcome] = []

            def reply(outcome: Outcome, stamp: Stamp, answers: list[Outcome] = answers) -> None:
                answers.append(outcome)

            best = float("inf")
            for _ in range(ROUNDS):
                answers.clear()
                gc.collect()
                gc.disable()
                begun = time.process_time()
                for number in range(COUNT):
                    engine.call(Range(encoded[number % 1_000]), Context("default", level), reply)
                best = min(best, time.process_time() - begun)
                gc.enable()
                assert len(answers) == COUNT
            figures["engine", level.value] = best / COUNT * 1e6
            figures["at hand", level.value] = at_hand(engine, Context("default", level), encoded)
        for model in MODELS:
            carts = store.keyspace(model.value, model=model.value)
            for key in KEYS:
                await carts.put(key, b"v" * 256)
            figures["at hand", model.value] = at_hand(engine, Context(model.value), encoded)

            async def of_keyspace(number: int, carts: aio.AsyncClient = carts) -> None:
                await carts.get(KEYS[number % 1_000])

            figures["coroutine", model.value] = await measured(of_keyspace)
    return figures


def at_hand(engine: MemberEngine, context: Context, keys: list[bytes]) -> float:
    """Microseconds for a read that waits for nothing; the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        gc.disable()
        begun = time.process_time()
        for number in range(COUNT):
            answer = engine.read_now(Range(keys[number % 1_000]), context)
        best = min(best, time.process_time() - begun)
        gc.enable()
        assert answer is not None
    return best / COUNT * 1e6


def blocking() -> dict[tuple[str, str], float]:
    """By interface and level; the time of a clock, since two threads take part."""
    figures = {}
    with tricord.open("memory://") as store:
        for key in KEYS:
            store.put(key, b"v" * 256)
        for level in LEVELS:
            store.get(KEYS[0], at_least=level)
            best = float("inf")
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                for number in range(COUNT):
                    store.get(KEYS[number % 1_000], at_least=level)
                best = min(best, time.perf_counter() - begun)
            figures["blocking", level.value] = best / COUNT * 1e6
    return figures


def main() -> None:
    """Measure, and print a table."""
    figures = asyncio.run(engine_and_coroutines()) | blocking()
    columns = [level.value for level in LEVELS] + [model.value for model in MODELS]
    print(f"{'us a read':14}" + "".join(f"{column:>16}" for column in columns))
    for interface in ("engine", "at hand", "coroutine", "blocking"):
        row = [figures.get((interface, column)) for column in columns]
        print(f"{interface:14}" + "".join(f"{'' if one is None else f'{one:.1f}':>16}" for one in row))


if __name__ == "__main__":
    main()
