# SPDX-License-Identifier: Apache-2.0
"""The disk's twin in memory. It can lose what was not synced, and fail any one call.

What a power cut leaves (each choice drawn from the seed):

* of a file, what the last ``datasync`` covered, plus any of the writes since, each whole, not at all, or some of its
  sectors;
* of a directory, what the last ``sync_directory`` covered, plus the first few of the changes since, in order.

A ``datasync`` that fails loses what it should have made durable, though it reads back until the power goes: later
syncs do not bring it back. This is how Linux behaves (Rebello et al., "Can Applications Recover from fsync
Failures?", 2020).
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Iterator
from typing import TypeAlias

from tricord.base.errors import DataDirectoryInUse
from tricord.storage.memory_backend import MemoryBackend, Tables, no_tables

SECTOR_BYTES = 512


class PowerLost(Exception):
    """The power went during this call; the disk answers nothing until ``power_on``."""


class _Content:
    """A file's bytes: as read now, as durable, and the changes that lie between."""

    def __init__(self) -> None:
        self.now = bytearray()
        self.durable = bytearray()
        # (offset, data) of a write, or (size, None) of a change of size
        self.changes: list[tuple[int, bytes | None]] = []
        self.tables: Tables | None = None

    def change(self, at: int, data: bytes | None) -> None:
        _apply(self.now, at, data)
        self.changes.append((at, data))

    def sync(self) -> None:
        for at, data in self.changes:
            _apply(self.durable, at, data)
        self.changes.clear()

    def lose(self, choices: random.Random) -> None:
        for at, data in self.changes:
            kept = choices.randrange(3)
            if kept == 1:
                _apply(self.durable, at, data)
            elif kept == 2 and data is not None:
                for start, part in _sectors(at, data):
                    if choices.randrange(2):
                        _apply(self.durable, start, part)
        self.changes.clear()
        self.now = bytearray(self.durable)


class _Directory:
    """Names, as seen now and as durable.

    A change is a list of (name, what it names or None): a rename is two at once.
    """

    def __init__(self) -> None:
        self.now: dict[str, _Node] = {}
        self.durable: dict[str, _Node] = {}
        self.changes: list[list[tuple[str, _Node | None]]] = []

    def change(self, names: list[tuple[str, _Node | None]]) -> None:
        _rename(self.now, names)
        self.changes.append(names)

    def sync(self) -> None:
        for names in self.changes:
            _rename(self.durable, names)
        self.changes.clear()

    def lose(self, choices: random.Random) -> None:
        for names in self.changes[: choices.randint(0, len(self.changes))]:
            _rename(self.durable, names)
        self.changes.clear()
        self.now = dict(self.durable)


_Node: TypeAlias = _Content | _Directory


class MemoryFile:
    """An open file of a ``MemoryDisk``."""

    def __init__(self, disk: MemoryDisk, content: _Content, locked: str | None = None) -> None:
        self._disk = disk
        self._content = content
        self._locked = locked
        self._power = disk.power_cuts
        self._open = True

    def pread(self, size: int, offset: int) -> bytes:
        self._call("pread")
        return bytes(self._content.now[offset : offset + size])

    def pwrite(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        data = bytes(data)
        # A write that fails may have written some of it.
        self._call("pwrite", lambda part: self._content.change(offset, data[: int(len(data) * part)]))
        self._content.change(offset, data)

    def datasync(self) -> None:
        self._call("datasync", lambda part: self._content.changes.clear())
        self._content.sync()

    def allocate(self, size: int) -> None:
        self._call("allocate")
        if size > len(self._content.now):
            self._disk.reserve(size - len(self._content.now))
            self._content.change(size, None)

    def truncate(self, size: int) -> None:
        self._call("truncate")
        self._content.change(size, None)

    def size(self) -> int:
        self._call("size")
        return len(self._content.now)

    def close(self) -> None:
        self._open = False
        if self._locked is not None and self._power == self._disk.power_cuts:
            self._disk.locked.discard(self._locked)

    def _call(self, name: str, failing: Callable[[float], None] | None = None) -> None:
        if not self._open:
            raise OSError(errno.EBADF, "the file is closed")
        if self._power != self._disk.power_cuts:
            raise PowerLost
        self._disk.call(name, failing)


class MemoryDisk:
    """A file system in memory.

    ``calls`` counts every call of it and of its files, but ``close``. ``fail_at`` maps such a number to the errno
    with which that call fails; ``cut_at`` is the number of the call during which the power goes. While it ``is_full``,
    no file is given more room and no commit of a backend succeeds. ``trace`` holds the calls' names, if asked for (it
    grows).
    """

    def __init__(self, seed: int = 0, *, capacity: int = 1 << 40, traced: bool = False) -> None:
        self._choices = random.Random(seed)
        self._root = _Directory()
        self._free = capacity
        self._off = False
        self.locked: set[str] = set()
        self.power_cuts = 0
        self.calls = 0
        self.fail_at: dict[int, int] = {}
        self.is_full = False
        self.cut_at: int | None = None
        self.trace: list[str] | None = [] if traced else None

    def power_cut(self) -> None:
        """Lose what was not synced, forget locks and open files, and come back on."""
        for node in list(self._nodes(self._root)):
            node.lose(self._choices)
        self.locked.clear()
        self.power_cuts += 1
        self._off = False
        self.cut_at = None

    def kill(self) -> None:
        """The process dies; what it wrote stays in the kernel's cache. Its locks and open files are gone."""
        self.locked.clear()
        self.power_cuts += 1

    def call(self, name: str, failing: Callable[[float], None] | None = None) -> None:
        """Count a call, and make it fail when its time has come.

        ``failing(part)`` does what a failing call still does.
        """
        if self._off:
            raise PowerLost
        self.calls += 1
        if self.trace is not None:
            self.trace.append(name)
        if self.calls == self.cut_at:
            self._off = True
            # The call was on its way when the power went: its effect is as uncertain as any other since the last sync.
            if failing is not None and name != "datasync":
                failing(1.0)
            raise PowerLost
        code = self.fail_at.pop(self.calls, None)
        if code is not None:
            if failing is not None:
                failing(self._choices.random())
            raise OSError(code, f"{name}: made to fail")

    def reserve(self, size: int) -> None:
        """Take disk space. Raises OSError (ENOSPC)."""
        if size > self._free or self.is_full:
            raise OSError(errno.ENOSPC, "no space left in memory disk")
        self._free -= size

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> MemoryFile:
        self.call("open")
        parent, name = self._parent(path)
        node = parent.now.get(name)
        if node is None:
            if not (create or exclusive):
                raise FileNotFoundError(errno.ENOENT, "no such file", path)
            node = _Content()
            parent.change([(name, node)])
        elif exclusive:
            raise FileExistsError(errno.EEXIST, "the file is there", path)
        if isinstance(node, _Directory):
            raise IsADirectoryError(errno.EISDIR, "a directory", path)
        return MemoryFile(self, node)

    def lock(self, path: str) -> MemoryFile:
        if path in self.locked:
            raise DataDirectoryInUse(f"{path.rpartition('/')[0] or '.'} is in use by this process")
        file = self.open(path, create=True)
        self.locked.add(path)
        file._locked = path
        return file

    def list(self, path: str) -> list[str]:
        self.call("list")
        return sorted(self._directory(path).now)

    def exists(self, path: str) -> bool:
        self.call("exists")
        node: _Node | None = self._root
        for name in _names(path):
            node = node.now.get(name) if isinstance(node, _Directory) else None
        return node is not None

    def make_directory(self, path: str) -> None:
        self.call("make_directory")
        directory = self._root
        for name in _names(path):
            node = directory.now.get(name)
            if node is None:
                node = _Directory()
                directory.change([(name, node)])
            elif not isinstance(node, _Directory):
                raise FileExistsError(errno.EEXIST, "a file is there", path)
            directory = node

    def rename(self, old: str, new: str) -> None:
        self.call("rename")
        parent, old_name = self._parent(old)
        to, new_name = self._parent(new)
        if old_name not in parent.now:
            raise FileNotFoundError(errno.ENOENT, "no such file", old)
        assert parent is to, "the store renames within a directory only"
        parent.change([(new_name, parent.now[old_name]), (old_name, None)])

    def remove(self, path: str) -> None:
        self.call("remove")
        parent, name = self._parent(path)
        if name not in parent.now:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        node = parent.now[name]
        if isinstance(node, _Directory):
            raise IsADirectoryError(errno.EISDIR, "a directory", path)
        self._free += len(node.now)
        parent.change([(name, None)])

    def remove_directory(self, path: str) -> None:
        self.call("remove_directory")
        parent, name = self._parent(path)
        if self._directory(path).now:
            raise OSError(errno.ENOTEMPTY, "not an empty directory", path)
        parent.change([(name, None)])

    def sync_directory(self, path: str) -> None:
        self.call("sync_directory")
        self._directory(path).sync()

    def free_bytes(self, path: str) -> int:
        self.call("free_bytes")
        return self._free

    def open_backend(self, path: str, *, map_size: int) -> MemoryBackend:
        self.make_directory(path)
        file = self.open(f"{path}/tables", create=True)
        self.sync_directory(path)
        content, power = file._content, self.power_cuts
        if content.tables is None:
            content.tables = no_tables()

        def keep(tables: Tables) -> None:
            if power != self.power_cuts:
                raise PowerLost

            def failing(part: float) -> None:
                # Cut off in the middle, a commit may have become durable; one that reports an error has not.
                if self._off and self._choices.randrange(2):
                    content.tables = tables

            self.call("commit", failing)
            self.reserve(0)
            content.tables = tables

        return MemoryBackend(content.tables, keep, map_size=map_size)

    def flip(self, path: str, bit: int) -> None:
        """Turn one bit of a file's durable content around."""
        parent, name = self._parent(path)
        content = parent.now[name]
        assert isinstance(content, _Content)
        content.sync()
        content.now[bit // 8] ^= 1 << bit % 8
        content.durable[bit // 8] ^= 1 << bit % 8

    def _directory(self, path: str) -> _Directory:
        node: _Node = self._root
        for name in _names(path):
            if not isinstance(node, _Directory) or name not in node.now:
                raise FileNotFoundError(errno.ENOENT, "no such directory", path)
            node = node.now[name]
        if not isinstance(node, _Directory):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", path)
        return node

    def _parent(self, path: str) -> tuple[_Directory, str]:
        *above, name = _names(path)
        return self._directory("/".join(above)), name

    def _nodes(self, node: _Node) -> Iterator[_Node]:
        yield node
        if isinstance(node, _Directory):
            # What either side names: a file that is durable under an old name may have lost it only in the cache.
            for child in {id(child): child for child in [*node.now.values(), *node.durable.values()]}.values():
                yield from self._nodes(child)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _apply(data: bytearray, at: int, change: bytes | None) -> None:
    if change is None:
        if at < len(data):
            del data[at:]
        else:
            data.extend(bytes(at - len(data)))
        return
    if at > len(data):
        data.extend(bytes(at - len(data)))
    data[at : at + len(change)] = change


def _sectors(at: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    end = at + len(data)
    start = at
    while start < end:
        stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        yield start, data[start - at : stop - at]
        start = stop


def _rename(names: dict[str, _Node], change: list[tuple[str, _Node | None]]) -> None:
    for name, node in change:
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node
