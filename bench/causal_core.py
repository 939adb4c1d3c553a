# SPDX-License-Identifier: Apache-2.0
"""What a put into a causal keyspace costs in the core: microseconds of one core for each put.

    .venv/bin/python bench/causal_core.py

Puts are made and logged at one replica, 20 in an operation as a host with 20 busy clients gathers them, or each by
itself; taken apart from their bytes at another, delivered and logged there. 1,000 keys, values of 256 bytes.
The overlay is the store; no network, no disk. Processor time, collector off; the best of three.
"""

from __future__ import annotations

import gc
import time
from functools import partial

from tricord.causal.operation import decode_operation
from tricord.causal.replica import CausalReplica, Change
from tricord.crdt import register
from tricord.crdt.plain import PlainPut
from tricord.storage.memory_backend import MemoryBackend, no_tables
from tricord.storage.overlay import Overlay

COUNT = 10_000
KEYS = [b"/carts/%08d" % number for number in range(1_000)]
PUT = partial(register.put, value=b"v" * 256)
PLAIN = PlainPut(b"v" * 256, (register.TAG,))


def replica(number: int) -> CausalReplica:
    """One of two, with nothing in it."""
    made = CausalReplica(Overlay(MemoryBackend(no_tables(), lambda tables: None, map_size=1 << 30)), 1, number)
    made.change_set(1, (1, 2), ())
    made.start(1 << 28)
    return made


def operation(one: CausalReplica, first: int, puts: int) -> bytes:
    """Puts of one request each, gathered."""
    gathering = one.gather(1_000)
    for number in range(first, first + puts):
        gathering.add([Change(KEYS[number % 1_000], PUT, plain=PLAIN)])
    return one.write_gathered(gathering).operations[0].data


def measured(puts: int) -> tuple[float, float, int]:
    """Seconds of the puts and of the deliveries, and the bytes of all operations."""
    one, two = replica(1), replica(2)
    gc.collect()
    gc.disable()
    start = time.process_time()
    sent = [operation(one, first, puts) for first in range(0, COUNT, puts)]
    made = time.process_time()
    for data in sent:
        two.receive(1, [decode_operation(data)], 1_000)
    delivered = time.process_time()
    gc.enable()
    return made - start, delivered - made, sum(map(len, sent))


def main() -> None:
    """Print a table."""
    for puts in (1, 20):
        rounds = [measured(puts) for _ in range(3)]
        print(f"{puts} puts in an operation")
        for name, place in (("  put and log", 0), ("  delivery at a peer", 1)):
            print(f"{name:<24} {min(one[place] for one in rounds) / COUNT * 1e6:>8.2f} us")
        print(f"{'  bytes of a put':<24} {rounds[0][2] / COUNT:>8.1f}")


if __name__ == "__main__":
    main()
