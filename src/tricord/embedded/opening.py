# SPDX-License-Identifier: Apache-2.0
"""``tricord.open``: starts a whole member in this process and gives a client of it.

A directory is opened with the same log, checks and formats as a server's, so either may open it after the other (not at
the same time). ``memory://`` is a member on the twins of disk and backend: new and empty at each open, gone at close.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tricord.base.errors import ConfigurationError
from tricord.base.trace import Tracer
from tricord.client.asynchronous import AsyncClient
from tricord.client.blocking import Client

if TYPE_CHECKING:
    from tricord.base.environment import Environment
    from tricord.client.caller import Caller

MEMORY = "memory://"


def open(
    location: str | os.PathLike[str],
    *,
    timeout: float = 5.0,
    quota_bytes: int | None = None,
    observer: Tracer | None = None,
) -> Client:
    """The store in directory ``location`` (made if absent), or a new one in memory with ``memory://``.

    ``timeout`` in seconds is for each call. Raises ConfigurationError; DataDirectoryInUse (it names the process),
    CorruptData (it names file and offset), NewerFormat and other StorageErrors. Close it, or use ``with``.
    """
    from tricord.runtime import new_event_loop

    where = _checked(location)
    return Client(
        lambda: open_async(where, timeout=timeout, quota_bytes=quota_bytes, observer=observer), new_event_loop
    )


def open_async(
    location: str | os.PathLike[str],
    *,
    timeout: float = 5.0,
    quota_bytes: int | None = None,
    observer: Tracer | None = None,
    environment: Environment | None = None,
) -> AsyncClient:
    """``open`` for coroutines, as ``tricord.aio.open``: opened by ``async with``, ``await`` or the first call.

    ``environment``: another world than the real one; then ``location`` is a path on its disk.
    """
    where = _checked(location)
    if timeout <= 0:
        raise ConfigurationError("timeout must be above 0 seconds: no call waits for ever, none for nothing")

    async def opener() -> Caller:
        from tricord.embedded.member_caller import start

        return await start(where, quota_bytes, environment)

    return AsyncClient(opener, timeout=timeout, observer=observer)


def _checked(location: str | os.PathLike[str]) -> str:
    where = os.fspath(location)
    if where != MEMORY and "://" in where:
        raise ConfigurationError(f"{where}: open a directory or {MEMORY}; for a server use tricord.connect")
    if not where:
        raise ConfigurationError(f"no location was given: name a directory, or {MEMORY}")
    return where
