# SPDX-License-Identifier: Apache-2.0
"""What the types that merge cost by themselves: microseconds of one core for each operation.

    .venv/bin/python bench/crdt.py

A put is its delta and the join where it is made; the same delta is then joined elsewhere. 1,000 keys, values of 256
bytes. No network, no log, no disk. Processor time, with the garbage collector off; the best of five rounds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial

from tricord.base.dots import Dot
from tricord.base.hybrid_clock import hybrid_time
from tricord.crdt import add_wins_set, counter, last_writer, register
from tricord.crdt.cell import Cell, Delta, Write
from tricord.crdt.digest import key_digest
from tricord.crdt.encoding import decode_delta, encode_delta
from tricord.crdt.keyspace_state import KeyspaceState

COUNT = 20_000
ROUNDS = 5
KEYS = [b"/carts/%08d" % number for number in range(1_000)]
VALUE = b"v" * 256
INCARNATION = 0x8000_0000_0005

Mutate = Callable[[Cell, Write, int], Delta]
Made = list[tuple[bytes, Delta]]

MUTATORS: dict[str, Mutate] = {
    "register put": lambda cell, write, number: register.put(cell, write, VALUE),
    "last-writer put": lambda cell, write, number: last_writer.put(cell, write, VALUE),
    "counter add": lambda cell, write, number: counter.add(cell, write, 1),
    "set add, 10 elements": lambda cell, write, number: add_wins_set.add(cell, write, b"%d" % (number // 1_000 % 10)),
}
LARGE = 1_000


def timed(name: str, work: Callable[[], object], count: int = COUNT) -> None:
    """Print the least time that one of ``count`` operations took in a round."""
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        gc.disable()
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
        gc.enable()
    print(f"{name:<40} {best / count * 1e6:>8.2f} us")


def write_all(mutate: Mutate) -> Made:
    """Write round and round over the keys, from one replica."""
    state, made = KeyspaceState(), []
    for number in range(COUNT):
        key = KEYS[number % len(KEYS)]
        write = Write(Dot(1, INCARNATION, number + 1), hybrid_time(number))
        one = (key, mutate(state.cell(key), write, number))
        state.apply((one,))
        made.append(one)
    return made


def grow_set() -> None:
    """One set, element by element: each addition rewrites what is there."""
    state = KeyspaceState()
    for number in range(LARGE):
        write = Write(Dot(1, INCARNATION, number + 1), hybrid_time(number))
        state.apply(((b"k", add_wins_set.add(state.cell(b"k"), write, b"%d" % number)),))


def hear_all(made: Made) -> KeyspaceState:
    """Join them elsewhere, one by one."""
    state = KeyspaceState()
    for one in made:
        state.apply((one,))
    return state


def main() -> None:
    for name, mutate in MUTATORS.items():
        timed(name, partial(write_all, mutate))
        timed("  joined elsewhere", partial(hear_all, write_all(mutate)))
    timed(f"set add, up to {LARGE:,} elements", grow_set, LARGE)
    made = write_all(MUTATORS["register put"])
    encoded = [encode_delta(delta) for _, delta in made]
    print(f"delta of a put beyond its value          {len(encoded[-1]) - len(VALUE):>8} bytes")
    timed("delta to bytes", lambda: [encode_delta(delta) for _, delta in made])
    timed("bytes to delta", lambda: [decode_delta(data) for data in encoded])
    cells = list(hear_all(made).cells.items()) * (COUNT // len(KEYS))
    timed("digest of a key", lambda: [key_digest(key, cell) for key, cell in cells])


if __name__ == "__main__":
    main()
