# SPDX-License-Identifier: Apache-2.0
"""TLS contexts that follow their files: certificates are replaced on disk while a process goes on, as with etcd.

Files are looked at when a connection begins. A pair that does not fit, since it is just being replaced, leaves the one
before it in use.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable

Stamp = tuple[int, int, int] | None


class RenewedContext:
    """``make`` reads the files and makes a context; it is called anew when one of ``paths`` is another file."""

    def __init__(self, make: Callable[[], ssl.SSLContext], paths: Iterable[str]) -> None:
        """Raises what ``make`` does."""
        self._make = make
        self._paths = [path for path in paths if path]
        self._seen = self._stamps()
        self._current = make()

    def current(self) -> ssl.SSLContext:
        """What the files say now. Costs a look at each; reading them blocks, after a change."""
        stamps = self._stamps()
        if stamps != self._seen:
            try:
                self._current = self._make()
                self._seen = stamps
            except (OSError, ssl.SSLError, ValueError):
                pass  # half of it is written: looked at again with the next connection
        return self._current

    def for_listener(self) -> ssl.SSLContext:
        """A context for a listener, whose connections get the current one."""
        listening = self._make()

        def choose(connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self.current()

        listening.sni_callback = choose
        return listening

    def _stamps(self) -> list[Stamp]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
