# SPDX-License-Identifier: Apache-2.0
"""One node of a PySyncObj cluster of three, with its journal file. See `dialogue.py`.

Its journal is written through a memory map that is flushed at the end of the process only: nothing waits for the disk.
As it comes, a proposal waits for the node's next tick, up to 50 ms; with --eager it goes out at once.
Usage: python -m bench.raft.pysyncobj_node INDEX DIRECTORY PORT PORT PORT [--eager]
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

from pysyncobj import FAIL_REASON, SyncObj, SyncObjConf, replicated

from bench.raft.dialogue import Load, Report, converse, report


class Counter(SyncObj):  # type: ignore[misc]
    """The replicated object: how many commands were applied, and how many bytes."""

    def __init__(self, own: str, others: list[str], conf: Any) -> None:
        super().__init__(own, others, conf)
        self.applied = 0
        self.bytes = 0

    @replicated  # type: ignore[untyped-decorator]
    def add(self, command: bytes) -> int:
        self.applied += 1
        self.bytes += len(command)
        return self.applied


class Proposals:
    """Keeps proposals outstanding from the library's own callbacks, which saves a thread for each."""

    def __init__(self, node: Counter, load: Load) -> None:
        self._node = node
        self._command = bytes(load.bytes)
        self._ends = time.perf_counter() + load.seconds
        self._left = load.outstanding
        self._done = threading.Event()
        self.latencies: list[float] = []
        self.failure: str | None = None

    def propose(self) -> None:
        """One proposal; its answer makes the next."""
        begun = time.perf_counter()

        def answered(_: object, reason: int) -> None:
            if reason != FAIL_REASON.SUCCESS:
                self.failure = f"a proposal failed: {reason}"
            now = time.perf_counter()
            self.latencies.append(now - begun)
            if now < self._ends and self.failure is None:
                self.propose()
                return
            self._left -= 1
            if self._left == 0:
                self._done.set()

        self._node.add(self._command, callback=answered)

    def wait(self) -> None:
        """Until the last is answered."""
        self._done.wait()


def run(node: Counter, load: Load) -> Report:
    """Carry out a load."""
    started = time.perf_counter()
    proposals = Proposals(node, load)
    for _ in range(load.outstanding):
        proposals.propose()
    proposals.wait()
    if proposals.failure is not None:
        raise RuntimeError(proposals.failure)
    return report(proposals.latencies, time.perf_counter() - started)


def main() -> None:
    """Start the node and converse."""
    eager = sys.argv[-1] == "--eager"
    index, directory, *ports = sys.argv[1:-1] if eager else sys.argv[1:]
    addresses = [f"127.0.0.1:{port}" for port in ports]
    own = addresses.pop(int(index))
    conf = SyncObjConf(journalFile=str(Path(directory) / "journal"), appendEntriesUseBatch=not eager)
    node = Counter(own, addresses, conf)
    converse(lambda: (bool(node._isLeader()), node.applied), lambda load: run(node, load))
    node.destroy()


if __name__ == "__main__":
    main()
