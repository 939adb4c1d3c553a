# SPDX-License-Identifier: Apache-2.0
"""What the store costs by itself: append and sync, commit, get, and opening a directory that holds ``--keys`` keys of
256 bytes.

python -m bench.storage [--keys 1000000] [--directory DIR]
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time

from tricord.base.ordered import Backend, Table, Write
from tricord.runtime.disk import RealDisk
from tricord.storage.overlay import Overlay
from tricord.storage.wal import Wal
from tricord.storage.wal_format import Record

MAP_SIZE = 8 << 30
VALUE = random.Random(1).randbytes(256)


def head_key(number: int) -> bytes:
    """A key as the state machine makes it: keyspace, then the user's."""
    return b"\0\0\0\0key-%012d" % number


def put(number: int, revision: int) -> list[Write]:
    """What one put leaves in the tables."""
    revision_key = b"\0\0\0\0" + revision.to_bytes(8, "big") + b"\0\0\0\0"
    return [(Table.HEAD, head_key(number), VALUE), (Table.REVISIONS, revision_key, head_key(number))]


def append_and_sync(directory: str) -> None:
    """Batches as a turn makes them."""
    wal = Wal.create(RealDisk(), f"{directory}/wal", cluster=1, history=1)
    for size in (1, 30, 300):
        records = [Record(0, 1, VALUE)] * size
        times = []
        for _ in range(200):
            started = time.perf_counter()
            wal.append(records)
            times.append(time.perf_counter() - started)
        print(f"append and sync of {size:3} records of 256 bytes: {statistics.median(times) * 1e6:.0f} us")
    wal.close()


def commit(backend: Backend) -> None:
    """Batches of 3,000 puts over key spaces of several sizes; time of the thread is what the interpreter's lock may
    be held for."""
    choices = random.Random(2)
    revision = 0
    for name, space in (("new keys in order", 0), ("among 10,000 keys", 10_000), ("among 100,000 keys", 100_000)):
        walls, threads = [], []
        for _ in range(8):
            writes: list[Write] = []
            for _ in range(3000):
                revision += 1
                writes += put(choices.randrange(space) if space else revision, revision)
            started, thread = time.perf_counter(), time.thread_time()
            backend.commit(writes)
            walls.append(time.perf_counter() - started)
            threads.append(time.thread_time() - thread)
        print(
            f"commit of 3,000 puts, {name}: {statistics.median(walls) * 1e3:.1f} ms, "
            f"of it CPU {statistics.median(threads) * 1e3:.1f} ms"
        )


def get(backend: Backend) -> None:
    """Point reads through the overlay, and a write into it."""
    overlay = Overlay(backend)
    keys = [head_key(number) for number in range(1, 9001)]
    random.Random(3).shuffle(keys)
    started = time.perf_counter()
    for key in keys:
        assert overlay.get(Table.HEAD, key)
    print(f"get from the backend: {(time.perf_counter() - started) / len(keys) * 1e6:.2f} us")
    started = time.perf_counter()
    for key in keys:
        overlay.write([(Table.HEAD, key, VALUE)])
    print(f"write to the overlay: {(time.perf_counter() - started) / len(keys) * 1e6:.2f} us")
    started = time.perf_counter()
    for key in keys:
        overlay.get(Table.HEAD, key)
    print(f"get from the overlay: {(time.perf_counter() - started) / len(keys) * 1e6:.2f} us")
    overlay.close()


def fill(directory: str, keys: int) -> None:
    """Put ``keys`` keys in order."""
    backend = RealDisk().open_backend(directory, map_size=MAP_SIZE)
    for first in range(0, keys, 20_000):
        backend.commit(
            [write for number in range(first, min(keys, first + 20_000)) for write in put(number, number + 1)]
        )
    print(f"{keys} keys fill {backend.size_bytes() >> 20} MiB")
    backend.close()


def peak_kib() -> int:
    """The most memory this process held so far, mapped pages included (Linux; getrusage would show the parent's)."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def open_only(directory: str) -> None:
    """Open, seal; in a process of its own, so that its memory can be seen."""
    before = peak_kib()
    started = time.perf_counter()
    backend = RealDisk().open_backend(directory, map_size=MAP_SIZE)
    opened = time.perf_counter() - started
    peak = peak_kib() - before
    started = time.perf_counter()
    backend.seal()
    sealed = time.perf_counter() - started
    backend.close()
    print(f"  open {opened:.2f} s, memory at most {peak >> 10} MiB more; sealing it {sealed:.2f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the store costs by itself")
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--directory", help="where to make the data (default: a temporary directory)")
    parser.add_argument("--open", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        open_only(arguments.open)
        return
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        append_and_sync(directory)
        backend = RealDisk().open_backend(f"{directory}/backend", map_size=MAP_SIZE)
        commit(backend)
        get(backend)
        backend.close()
        fill(f"{directory}/full", arguments.keys)
        for state in ("without a seal (killed while writing)", "with a seal"):
            print(f"opening {arguments.keys} keys {state}:", flush=True)
            subprocess.run([sys.executable, "-m", "bench.storage", "--open", f"{directory}/full"], check=True)


if __name__ == "__main__":
    main()
