# SPDX-License-Identifier: Apache-2.0
"""Faults on purpose, as a file says that is read again and again: whose messages to whom are dropped.

``{"cut": [["n1", "n2"]]}`` drops what n1 sends to n2, at both of them. No file, or an empty one: nothing is dropped.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from tricord.base.environment import Environment, Timer
from tricord.base.membership import Configuration
from tricord.server.membership_rules import member_info
from tricord.server.telling import Tells
from tricord.transport.peer.cuts import Cuts

READ_SECONDS = 0.1


class KnowsMembers(Protocol):
    """Who can name the members."""

    @property
    def configuration(self) -> Configuration:
        """The one in force."""


class _File(msgspec.Struct):
    cut: list[tuple[str, str]] = []


class Faults:
    """Keeps ``cuts`` as the file has them."""

    def __init__(self, environment: Environment, path: str, members: KnowsMembers, tells: Tells) -> None:
        """``path`` is empty where there is no such file, ever."""
        self.cuts = Cuts()
        self._environment = environment
        self._path = path
        self._members = members
        self._tells = tells
        self._last: tuple[bytes, Configuration | None] = (b"", None)
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._path:
            self._tells.warning("messages are dropped as a file says", file=self._path)
            self._look()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self._environment.tasks.call_later(READ_SECONDS, self._look)
        seen = (self._read(), self._members.configuration)
        if seen == self._last:
            return
        self._last = seen
        text, configuration = seen
        assert configuration is not None
        try:
            cut = msgspec.json.decode(text, type=_File).cut if text.strip() else []
        except msgspec.MsgspecError as error:
            self._tells.warning("the file of faults cannot be read", file=self._path, reason=str(error))
            return
        ids = {member_info(configuration, member).name: member for member in configuration.members()}
        self.cuts.replace((ids[one], ids[other]) for one, other in cut if one in ids and other in ids)
        self._tells.warning("messages are dropped", cut=", ".join(f"{one} to {other}" for one, other in cut) or "none")

    def _read(self) -> bytes:
        disk = self._environment.disk
        try:
            if not disk.exists(self._path):
                return b""
            file = disk.open(self._path)
            try:
                return file.pread(file.size(), 0)
            finally:
                file.close()
        except OSError as error:
            self._tells.warning("the file of faults cannot be read", file=self._path, reason=str(error))
            return self._last[0]
