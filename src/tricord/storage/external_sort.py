# SPDX-License-Identifier: Apache-2.0
"""Sorts more byte strings than memory holds: sorted runs go to a file, and are merged from there."""

from __future__ import annotations

import errno
import heapq
from collections.abc import Iterator
from struct import Struct

from tricord.base.environment import Disk, File

RUN_BYTES = 8 << 20
"""Gathered in memory before a run is written; strings beside it are counted as ``OVERHEAD_BYTES`` each."""
OVERHEAD_BYTES = 60
READ_BYTES = 64 << 10

_LENGTH = Struct(">I")


class ExternalSort:
    """One sort, and its file, which is made only when it is needed. Every method blocks; one thread at a time."""

    def __init__(self, disk: Disk, path: str, *, run_bytes: int = RUN_BYTES) -> None:
        self._disk = disk
        self._path = path
        self._run_bytes = run_bytes
        self._file: File | None = None
        self._runs: list[tuple[int, int]] = []

    def sort(self, strings: Iterator[bytes]) -> Iterator[bytes]:
        """Give them in order. Costs about 2 us each. Raises OSError; ``close`` it in any case."""
        gathered: list[bytes] = []
        size = 0
        for string in strings:
            gathered.append(string)
            size += len(string) + OVERHEAD_BYTES
            if size >= self._run_bytes:
                self._spill(gathered)
                gathered, size = [], 0
        gathered.sort()
        if not self._runs:
            yield from gathered
            return
        yield from heapq.merge(gathered, *(self._read(start, end) for start, end in self._runs))

    def close(self) -> None:
        """Remove the file. Raises OSError."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._disk.remove(self._path)

    def _spill(self, strings: list[bytes]) -> None:
        strings.sort()
        if self._file is None:
            self._file = self._disk.open(self._path, create=True)
            self._file.truncate(0)
        start = at = self._runs[-1][1] if self._runs else 0
        for first in range(0, len(strings), 1000):
            parts = [part for string in strings[first : first + 1000] for part in (_LENGTH.pack(len(string)), string)]
            data = b"".join(parts)
            self._file.pwrite(data, at)
            at += len(data)
        self._runs.append((start, at))

    def _read(self, start: int, end: int) -> Iterator[bytes]:
        assert self._file is not None
        data, at = b"", 0
        while True:
            if len(data) - at < _LENGTH.size or len(data) - at - _LENGTH.size < _LENGTH.unpack_from(data, at)[0]:
                left = len(data) - at
                if start == end:
                    assert not left, "a run ends with a whole string"
                    return
                # A string may be longer than what is read at once: then more is read, until it is whole.
                more = self._file.pread(min(max(READ_BYTES, left), end - start), start)
                if not more:
                    raise OSError(errno.EIO, f"{self._path} is cut short")
                start += len(more)
                data, at = data[at:] + more, 0
                continue
            (length,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size
            yield data[at : at + length]
            at += length
