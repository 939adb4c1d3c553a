# SPDX-License-Identifier: Apache-2.0
"""Load on a cluster by the program `go-load`, and what must be true of the members' data after it."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.grpc_kv import GrpcKv
from tests.peers import paths
from tests.peers.processes import clean_environment
from tricord.wire.schemas import kv, mvcc

PAGE = 5_000


@dataclass
class Tally:
    """What happened between two questions. Times are in milliseconds."""

    acknowledged: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """Reads that lacked what was acknowledged before."""
    gap_ms: float = 0
    """The longest time in which no write was acknowledged."""
    slowest_ms: float = 0
    """The slowest acknowledged write."""


class Load:
    """Writers of unique keys in the background. The flags are those of `tests/e2e/go/load`."""

    def __init__(self, endpoints: str, *flags: str, record: Path | None = None) -> None:
        program = paths.find("go-load")
        assert program is not None, "go-load is not here: run make peers"
        command = [str(program), f"--endpoints={endpoints}", *flags]
        self.record = record
        self.total = Tally()
        if record is not None:
            command.append(f"--record={record}")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )

    def mark(self) -> Tally:
        """What happened since the last mark."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # then there is no answer either, and its last words are told
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        return self._answer()

    def finish(self) -> Tally:
        """Stop the writers: what happened since the last mark. ``total`` has everything then."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        last = self._answer()
        assert self._process.wait(timeout=60) == 0
        self._close_pipes()
        return last

    def _answer(self) -> Tally:
        assert self._process.stdout is not None and self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise AssertionError(f"go-load ended with {code}:\n{self._process.stderr.read()[-3000:]}")
        fields = json.loads(line)
        tally = Tally(**fields | {"errors": Counter(fields["errors"]), "wrong": fields["wrong"] or []})
        self.total.acknowledged += tally.acknowledged
        self.total.errors += tally.errors
        self.total.wrong += tally.wrong
        self.total.gap_ms = max(self.total.gap_ms, tally.gap_ms)
        self.total.slowest_ms = max(self.total.slowest_ms, tally.slowest_ms)
        return tally

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close_pipes()


def dump(endpoint: str, prefix: bytes = b"\0", end: bytes = b"\0") -> Iterator[mvcc.KeyValue]:
    """What one member has, by serializable ranges of its own, all at the revision of the first page."""
    with GrpcKv(endpoint) as store:
        start, revision = prefix, 0
        while True:
            request = kv.RangeRequest(key=start, range_end=end, limit=PAGE, revision=revision, serializable=True)
            page = store.range(request)
            revision = revision or page.header.revision
            yield from page.kvs
            if not page.more:
                return
            start = page.kvs[-1].key + b"\0"


def acknowledged_writes(record: Path, prefix: str = "load") -> dict[bytes, tuple[bytes, int]]:
    """What `go-load` was promised: key -> (beginning of the value, revision)."""
    writes = {}
    with record.open() as lines:
        for line in lines:
            writer, number, revision = map(int, line.split())
            writes[b"%s/%03d/%09d" % (prefix.encode(), writer, number)] = (b"%d-%d" % (writer, number), revision)
    return writes


def assert_nothing_lost(record: Path, endpoints: str, prefix: str = "load") -> int:
    """Every member has every acknowledged write at its revision, and all have the same. The number of keys."""
    promised = acknowledged_writes(record, prefix)
    first: list[bytes] | None = None
    members = endpoints.split(",")
    for endpoint in members:
        pairs = list(dump(endpoint))
        found = {pair.key: (pair.value.rstrip(b"."), pair.mod_revision) for pair in pairs}
        lost = [key for key, write in promised.items() if found.get(key) != write]
        assert not lost, f"{endpoint}: {len(lost)} of {len(promised)} acknowledged writes lost or changed: {lost[:5]}"
        content = [pair.SerializeToString(deterministic=True) for pair in pairs]
        first = first or content
        assert content == first, f"{endpoint} holds other data than {members[0]}"
    return len(first or ())
