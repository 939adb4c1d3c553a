# SPDX-License-Identifier: Apache-2.0
"""What a snapshot costs: writing one of ``--keys`` keys with values of 256 bytes, verifying it, and installing it.

python -m bench.snapshot [--keys 200000] [--directory DIR]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from typing import TypeVar

from bench.storage import MAP_SIZE, put
from tricord.base.ordered import META_APPLIED_INDEX, META_APPLIED_TERM, Backend, Table
from tricord.runtime.disk import RealDisk
from tricord.storage.snapshot_format import SnapshotInfo
from tricord.storage.snapshot_install import prepare_install
from tricord.storage.snapshot_reader import verify_snapshot
from tricord.storage.snapshot_writer import write_snapshot

T = TypeVar("T")


def filled(directory: str, keys: int) -> Backend:
    """A backend as a member leaves it."""
    backend = RealDisk().open_backend(directory, map_size=MAP_SIZE)
    for first in range(0, keys, 20_000):
        backend.commit(
            [write for number in range(first, min(keys, first + 20_000)) for write in put(number, number + 1)]
        )
    backend.commit(
        [
            (Table.META, META_APPLIED_INDEX, keys.to_bytes(8, "big")),
            (Table.META, META_APPLIED_TERM, (1).to_bytes(8, "big")),
        ]
    )
    return backend


def timed(what: str, size: Callable[[T], int], action: Callable[[], T]) -> T:
    """Run it and print how long it took, of wall and of CPU."""
    started, thread = time.perf_counter(), time.thread_time()
    result = action()
    seconds, cpu = time.perf_counter() - started, time.thread_time() - thread
    mebibytes = size(result) / (1 << 20)
    print(f"{what}: {seconds:.2f} s, {mebibytes / seconds:.0f} MiB/s (CPU {cpu:.2f} s)")
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a snapshot costs")
    parser.add_argument("--keys", type=int, default=200_000)
    parser.add_argument("--directory", help="where to make the data (default: a temporary directory)")
    arguments = parser.parse_args()
    disk = RealDisk()

    def size_of(info: SnapshotInfo) -> int:
        return info.size

    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        backend = filled(f"{directory}/backend", arguments.keys)
        view = backend.view()
        path = f"{directory}/a.snap"
        info = timed("write", size_of, lambda: write_snapshot(disk, path, view, cluster=1, history=1))
        view.close()
        print(f"{arguments.keys} keys: {backend.size_bytes() >> 20} MiB of backend, {info.size >> 20} MiB of snapshot")
        timed("verify", size_of, lambda: verify_snapshot(disk, path))
        timed(
            "install",
            size_of,
            lambda: prepare_install(disk, directory, path, cluster=1, history=1, map_size=MAP_SIZE),
        )
        backend.close()
        started = time.perf_counter()
        disk.open_backend(f"{directory}/backend.new", map_size=MAP_SIZE).close()
        print(f"open what was installed: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
