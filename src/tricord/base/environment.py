# SPDX-License-Identifier: Apache-2.0
"""The outside worlds as protocols: clock, randomness, disk, network and tasks reach every part through one object.

A member given the real environment (``runtime``) talks to the kernel; given the twins it runs, unchanged, in memory,
with time that a test steps.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from tricord.base.message import message
from tricord.base.ordered import Backend

T = TypeVar("T")


class Clock(Protocol):
    """Time. The monotonic clock decides; the wall clock is only shown."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""


class Random(Protocol):
    """Randomness for ids and jitter."""

    def bits(self, count: int) -> int:
        """An integer of ``count`` random bits."""

    def uniform(self, low: float, high: float) -> float:
        """A float in [low, high)."""


class File(Protocol):
    """An open file. All offsets and sizes are bytes. Every method may raise OSError."""

    def pread(self, size: int, offset: int) -> bytes:
        """Up to ``size`` bytes from ``offset``; fewer only at the end of the file."""

    def pwrite(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write all of ``data``; durable only after a sync."""

    def datasync(self) -> None:
        """Make written data (and the size) durable."""

    def allocate(self, size: int) -> None:
        """Reserve disk space up to ``size``; the file grows to it, reading as zeros."""

    def truncate(self, size: int) -> None:
        """Cut or extend to ``size``."""

    def size(self) -> int:
        """Current size."""

    def close(self) -> None:
        """Close; a lock taken through this file is released."""


class Disk(Protocol):
    """A file system. Paths are absolute or relative strings. Every method may raise OSError."""

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> File:
        """Open for reading and writing; with ``create`` make it if absent; ``exclusive`` fails if present."""

    def lock(self, path: str) -> File:
        """Take the directory lock file, writing this process's pid. Raises DataDirectoryInUse (names the pid)."""

    def list(self, path: str) -> list[str]:
        """Names in a directory, sorted. FileNotFoundError if absent."""

    def exists(self, path: str) -> bool:
        """Whether the path is there."""

    def make_directory(self, path: str) -> None:
        """Make the directory and its parents; fine if present."""

    def rename(self, old: str, new: str) -> None:
        """Atomically replace; durable after ``sync_directory`` of the parent."""

    def remove(self, path: str) -> None:
        """Remove a file."""

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""

    def sync_directory(self, path: str) -> None:
        """Make creations, renames and removals in it durable."""

    def free_bytes(self, path: str) -> int:
        """Bytes that can still be written there."""

    def open_backend(self, path: str, *, map_size: int) -> Backend:
        """Open the ordered store in directory ``path``, verified. Raises CorruptData, NewerFormat."""


class Listener(Protocol):
    """A bound listener."""

    def addresses(self) -> list[tuple[str, int]]:
        """(host, port) pairs it is bound to."""

    def close(self) -> None:
        """Stop accepting; accepted connections live on."""


class Datagrams(Protocol):
    """A bound socket of datagrams (UDP): what is sent may be lost, doubled, reordered."""

    def address(self) -> tuple[str, int]:
        """The (host, port) that it is bound to."""

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send it or lose it, at once: never waits, never raises. While a host's name is being looked up, what is sent
        to it is lost."""

    def close(self) -> None:
        """Receive and send nothing more."""


class Network(Protocol):
    """Stream connections by asyncio's Protocol and Transport classes, and datagrams."""

    async def listen(
        self, host: str, port: int, factory: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None
    ) -> Listener:
        """Bind and accept. Raises OSError."""

    async def connect(
        self,
        host: str,
        port: int,
        factory: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """Dial. Raises OSError."""

    async def open_datagrams(self, host: str, port: int, receive: Callable[[bytes, str], None]) -> Datagrams:
        """Bind; port 0: any free one. ``receive(data, host of the sender)`` runs on the loop. Raises OSError."""


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Never run it, if it has not run."""


class Tasks(Protocol):
    """What runs later or elsewhere. Callbacks run on the loop that owns the member."""

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a coroutine; the environment keeps it alive."""

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """After the events at hand."""

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Timer:
        """After ``delay`` seconds."""

    def in_lane(self, lane: str, function: Callable[..., T], *args: Any) -> Awaitable[T]:
        """Run blocking work on the named lane: one thread each, in order. Lanes: "wal", "backend", "read"."""

    def in_lane_then(
        self,
        lane: str,
        function: Callable[..., T],
        args: tuple[Any, ...],
        done: Callable[[T | None, BaseException | None], None],
    ) -> None:
        """As ``in_lane``, without a future: ``done(result, error)`` is called on the loop."""


@message
class Environment:
    """All outside worlds of one member or client."""

    clock: Clock
    random: Random
    disk: Disk
    network: Network
    tasks: Tasks
