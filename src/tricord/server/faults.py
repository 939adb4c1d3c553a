# SPDX-License-Identifier: Apache-2.0
"""Faults on purpose, as a file says that is read again and again.

``{"cut": [["n1", "n2"]]}`` drops what n1 sends to n2, at both of them. ``{"disk": [{"operations": ["datasync"],
"path": "*/wal/*", "delay": 0.2}]}`` makes syncs of the log slow (``storage.faulty_disk.DiskRule`` has the fields). No
file, or an empty one: nothing is dropped, slow or failing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

import msgspec

from tricord.base.environment import Disk, Environment, Timer
from tricord.base.membership import Configuration
from tricord.server.membership_rules import member_info
from tricord.server.telling import Tells
from tricord.storage.faulty_disk import DiskRule, FaultyDisk
from tricord.transport.peer.cuts import Cuts

READ_SECONDS = 0.1


class KnowsMembers(Protocol):
    """Who can name the members."""

    @property
    def configuration(self) -> Configuration:
        """The one in force."""


class _File(msgspec.Struct):
    cut: list[tuple[str, str]] = []
    disk: list[DiskRule] = []


def with_faulty_disk(environment: Environment, path: str, sleep: Callable[[float], object]) -> Environment:
    """The same with a disk that obeys the file from the first call on. ``sleep(seconds)`` blocks its thread.

    A file that cannot be read says nothing here; the member tells of it when it has started.
    """
    disk = FaultyDisk(environment.disk, sleep)
    try:
        disk.replace(_parsed(_read(environment.disk, path)).disk)
    except (OSError, msgspec.MsgspecError):
        pass
    return dataclasses.replace(environment, disk=disk)


class Faults:
    """Keeps ``cuts`` and the rules of a faulty disk as the file has them."""

    def __init__(self, environment: Environment, path: str, members: KnowsMembers, tells: Tells) -> None:
        """``path`` is empty where there is no such file, ever."""
        self.cuts = Cuts()
        disk = environment.disk
        self._faulty_disk = disk if isinstance(disk, FaultyDisk) else None
        self._disk = disk.disk if isinstance(disk, FaultyDisk) else disk
        self._tasks = environment.tasks
        self._path = path
        self._members = members
        self._tells = tells
        self._last: tuple[bytes, Configuration | None] = (b"", None)
        self._said = _File()
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._path:
            self._tells.warning("UNSAFE: messages are dropped and the disk fails as a file says", file=self._path)
            self._look()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self._tasks.call_later(READ_SECONDS, self._look)
        try:
            seen = (_read(self._disk, self._path), self._members.configuration)
            if seen == self._last:
                return
            self._last = seen
            said = _parsed(seen[0])
        except (OSError, msgspec.MsgspecError) as error:
            self._tells.warning("the file of faults cannot be read", file=self._path, reason=str(error))
            return
        self._obey(said, seen[1])

    def _obey(self, said: _File, configuration: Configuration) -> None:
        ids = {member_info(configuration, member).name: member for member in configuration.members()}
        self.cuts.replace((ids[one], ids[other]) for one, other in said.cut if one in ids and other in ids)
        before, self._said = self._said, said
        if said.cut != before.cut:
            told = ", ".join(f"{one} to {other}" for one, other in said.cut) or "none"
            self._tells.warning("messages are dropped", cut=told)
        if self._faulty_disk is not None and said.disk != before.disk:
            self._faulty_disk.replace(said.disk)
            self._tells.warning("the disk is slow or fails", rules=", ".join(map(str, said.disk)) or "no more")


def _parsed(text: bytes) -> _File:
    return msgspec.json.decode(text, type=_File) if text.strip() else _File()


def _read(disk: Disk, path: str) -> bytes:
    if not disk.exists(path):
        return b""
    file = disk.open(path)
    try:
        return file.pread(file.size(), 0)
    finally:
        file.close()
