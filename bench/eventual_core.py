# SPDX-License-Identifier: Apache-2.0
"""What the core of an eventual keyspace costs by itself: microseconds of one core for each put.

    .venv/bin/python -m bench.eventual_core

A put is made, logged as effects and sent as a delta to two peers, 100 in a turn; then one peer takes the deltas in.
1,000 keys, values of 256 bytes, no network and no disk. Processor time, garbage collector off; the best of five rounds.
"""

from __future__ import annotations

import gc
import time

from tricord.base.changes import Put
from tricord.base.ordered import Table
from tricord.eventual.config import EventualConfig
from tricord.eventual.replica import EventualReplica
from tricord.eventual.turn import Input, WriteRequest
from tricord.storage.memory_backend import MemoryBackend, no_tables
from tricord.storage.overlay import Overlay

TURNS = 100
BATCH = 100
ROUNDS = 5
KEYS = 1_000
VALUE = b"v" * 256
ACTIVE = (1, 2, 3)
READER = 2


def replica(number: int) -> EventualReplica:
    """One with nothing in it."""
    store = Overlay(MemoryBackend(no_tables(), lambda tables: None, map_size=1 << 30))
    config = EventualConfig(cluster=1, keyspace=1, replica=number, incarnation=1, unconfirmed_bytes=1 << 26)
    return EventualReplica(config, store, Table.HEAD)


def one_round() -> tuple[float, float]:
    """Seconds of all puts, and of taking them in elsewhere."""
    writer, reader = replica(1), replica(READER)
    requests = [
        [WriteRequest(turn * BATCH + n, b"/carts/%08d" % ((turn * BATCH + n) % KEYS), Put(VALUE)) for n in range(BATCH)]
        for turn in range(TURNS)
    ]
    sent: list[bytes] = []
    start = time.process_time()
    for turn, writes in enumerate(requests):
        output = writer.turn(Input(turn / 1000, turn, writes=writes, persisted=turn, active=ACTIVE))
        sent += [data for receiver, data in output.messages if receiver == READER]
    middle = time.process_time()
    for turn, data in enumerate(sent):
        reader.turn(Input(turn / 1000, turn, received=[data], persisted=turn, active=ACTIVE))
    return middle - start, time.process_time() - middle


def main() -> None:
    """Print both figures."""
    gc.disable()
    rounds = [one_round() for _ in range(ROUNDS)]
    count = TURNS * BATCH
    print(f"put, with its delta to two peers   {min(put for put, _ in rounds) / count * 1e6:6.1f} us")
    print(f"taking a delta in                  {min(taken for _, taken in rounds) / count * 1e6:6.1f} us")


if __name__ == "__main__":
    main()
