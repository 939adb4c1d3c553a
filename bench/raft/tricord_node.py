# SPDX-License-Identifier: Apache-2.0
"""One node of a tricord.raft_node cluster of three, each append synced, over TCP. See `dialogue.py`.

Usage: python -m bench.raft.tricord_node INDEX DIRECTORY PORT PORT PORT
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import BinaryIO

from bench.raft.dialogue import Load, Report, converse, report
from tricord.base.environment import Environment
from tricord.base.log import Entry
from tricord.raft import Role
from tricord.raft_node import Committed, Node, NodeConfig, Outcome
from tricord.runtime import run


class Counter:
    """The state machine: how many commands were applied, and how many bytes."""

    def __init__(self) -> None:
        self.applied = 0
        self.bytes = 0

    def apply(self, batch: list[Entry]) -> list[int]:
        first = self.applied + 1
        self.applied += len(batch)
        self.bytes += sum([len(entry.data) for entry in batch])
        return list(range(first, first + len(batch)))

    def snapshot(self, stream: BinaryIO) -> None:
        stream.write(f"{self.applied} {self.bytes}".encode())

    def restore(self, stream: BinaryIO) -> None:
        self.applied, self.bytes = map(int, stream.read().split())


async def carry_out(node: Node, load: Load) -> Report:
    """Keep proposals outstanding: each outcome makes the next one."""
    command = bytes(load.bytes)
    started = time.perf_counter()
    ends = started + load.seconds
    latencies: list[float] = []
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = load.outstanding

    def propose() -> None:
        begun = time.perf_counter()

        def answered(future: asyncio.Future[Outcome]) -> None:
            nonlocal left
            outcome = future.result()
            now = time.perf_counter()
            latencies.append(now - begun)
            if not isinstance(outcome, Committed):
                if not done.done():
                    done.set_exception(outcome.error)
            elif now < ends:
                propose()
            else:
                left -= 1
                if not left and not done.done():
                    done.set_result(None)

        node.submit(command).add_done_callback(answered)

    for _ in range(load.outstanding):
        propose()
    await done
    return report(latencies, time.perf_counter() - started)


async def serve(environment: Environment) -> None:
    """Run the node, and converse on a thread: stdin blocks."""
    index, directory, *ports = sys.argv[1:]
    voters = {str(place): f"127.0.0.1:{port}" for place, port in enumerate(ports)}
    machine = Counter()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    node = Node(NodeConfig(index, voters), machine, directory, environment=environment)

    def talk() -> None:
        def wait_for(load: Load) -> Report:
            return asyncio.run_coroutine_threadsafe(carry_out(node, load), loop).result()

        try:
            converse(lambda: (node.state is Role.LEADER, machine.applied), wait_for)
        finally:
            loop.call_soon_threadsafe(ended.set)

    async with node:
        threading.Thread(target=talk, daemon=True).start()
        await ended.wait()


if __name__ == "__main__":
    run(serve)
