# SPDX-License-Identifier: Apache-2.0
"""What the state machine costs by itself: microseconds for each operation, over an overlay in memory.

    .venv/bin/python bench/mvcc.py

No network, no log, no disk. Batches of 100 entries, values of 256 bytes. Processor time, with the garbage collector
off, so that figures repeat. Decoding the command and its protobuf body is part of every write.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

from tricord.base.log import Entry, EntryKind
from tricord.base.operations import Compare, DeleteRange, Put, Range, Request, Txn
from tricord.statemachine.command import encode_command
from tricord.statemachine.machine import StateMachine
from tricord.storage.memory_backend import MemoryBackend, no_tables
from tricord.storage.overlay import Overlay

KEYS = 20_000
BATCH = 100
VALUE = b"v" * 256


def key(number: int) -> bytes:
    return b"/registry/pods/%08d" % number


def timed(name: str, count: int, work: Callable[[], None]) -> None:
    gc.collect()
    gc.disable()
    start = time.process_time()
    work()
    seconds = time.process_time() - start
    gc.enable()
    print(f"{name:<24} {count / seconds:>12,.0f} /s {seconds / count * 1e6:>10.2f} us")


class Bench:
    def __init__(self) -> None:
        self.backend = MemoryBackend(no_tables(), lambda tables: None, map_size=1 << 40)
        self.overlay = Overlay(self.backend)
        self.machine = StateMachine(self.overlay)

    def write(self, name: str, requests: list[Request]) -> None:
        index = self.machine.applied_index
        entries = [
            Entry(index + 1 + position, 1, EntryKind.NORMAL, encode_command(request, None))
            for position, request in enumerate(requests)
        ]
        batches = [entries[start : start + BATCH] for start in range(0, len(entries), BATCH)]

        def work() -> None:
            apply = self.machine.apply
            for batch in batches:
                apply(batch)

        timed(name, len(requests), work)

    def read(self, name: str, requests: list[Range]) -> None:
        def work() -> None:
            read = self.machine.read
            for request in requests:
                read(request, 0)

        timed(name, len(requests), work)

    def drain(self) -> None:
        self.backend.commit(self.overlay.take())
        self.overlay.drained()


def main() -> None:
    numbers = range(KEYS)
    bench = Bench()
    bench.write("put", [Put(key(number), VALUE) for number in numbers])
    bench.write("overwrite", [Put(key(number), VALUE) for number in numbers])
    bench.read("get, in the overlay", [Range(key(number)) for number in numbers])
    bench.drain()
    bench.read("get, in the backend", [Range(key(number)) for number in numbers])
    bench.write("overwrite, drained", [Put(key(number), VALUE) for number in numbers])
    bench.drain()
    hundred = [Range(key(number), key(number + 100)) for number in range(0, KEYS - 100, 100)]
    bench.read("range of 100 keys", hundred)
    bench.read("range, limit 100 of all", [Range(b"\x00", b"\x00", limit=100)] * 100)
    bench.read("count of all", [Range(b"\x00", b"\x00", count_only=True)] * 100)
    bench.read("past range of 100", [Range(r.key, r.range_end, revision=KEYS) for r in hundred])
    swap: list[Request] = [
        Txn([Compare(key(number), 0, 1, 0)], [Put(key(number), VALUE)], [Range(key(number))]) for number in numbers
    ]
    bench.write("txn: compare and put", swap)
    bench.write("delete", [DeleteRange(key(number)) for number in numbers])
    sys.stdout.flush()


if __name__ == "__main__":
    main()
