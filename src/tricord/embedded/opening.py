# SPDX-License-Identifier: Apache-2.0
"""``tricord.open``: starts a whole member in this process and gives a client of it.

A directory is opened with the same log, checks and formats as a server's, so either may open it after the other (not at
the same time). ``memory://`` is a member on the twins of disk and backend: new and empty at each open, gone at close.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tricord.base.errors import ConfigurationError
from tricord.base.trace import Tracer
from tricord.client.asynchronous import AsyncClient
from tricord.client.blocking import Client
from tricord.client.connecting import checked_metadata
from tricord.client.endpoints import parse_endpoints
from tricord.client.options import tls_context
from tricord.embedded.location import checked_location

if TYPE_CHECKING:
    import ssl

    from tricord.base.environment import Environment
    from tricord.client.caller import Caller


def open(
    location: str | os.PathLike[str],
    *,
    timeout: float = 5.0,
    quota_bytes: int | None = None,
    observer: Tracer | None = None,
    replicate_with: str | Iterable[str] | None = None,
    tls: ssl.SSLContext | None = None,
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    server_name: str | None = None,
    metadata: Mapping[str, str | bytes] | None = None,
) -> Client:
    """The store in directory ``location`` (made if absent), or a new one in memory with ``memory://``.

    With ``replicate_with`` (endpoints, as ``connect`` takes them, and its options for TLS and ``metadata``) it is an
    edge: causal and eventual keyspaces here, read and written with no network, that replicate with that cluster
    whenever it can be reached (docs/edges.md). ``timeout`` in seconds is for each call. Raises ConfigurationError;
    DataDirectoryInUse (it names the process), CorruptData (it names file and offset), NewerFormat and other
    StorageErrors. Close it, or use ``with``.
    """
    from tricord.runtime import new_event_loop

    where = checked_location(location)

    def make() -> AsyncClient:
        return open_async(
            where,
            timeout=timeout,
            quota_bytes=quota_bytes,
            observer=observer,
            replicate_with=replicate_with,
            tls=tls,
            ca=ca,
            cert=cert,
            key=key,
            server_name=server_name,
            metadata=metadata,
        )

    return Client(make, new_event_loop)


def open_async(
    location: str | os.PathLike[str],
    *,
    timeout: float = 5.0,
    quota_bytes: int | None = None,
    observer: Tracer | None = None,
    replicate_with: str | Iterable[str] | None = None,
    tls: ssl.SSLContext | None = None,
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    server_name: str | None = None,
    metadata: Mapping[str, str | bytes] | None = None,
    environment: Environment | None = None,
) -> AsyncClient:
    """``open`` for coroutines, as ``tricord.aio.open``: opened by ``async with``, ``await`` or the first call.

    ``environment``: another world than the real one; then ``location`` is a path on its disk.
    """
    where = checked_location(location)
    if timeout <= 0:
        raise ConfigurationError("timeout must be above 0 seconds: no call waits for ever, none for nothing")

    async def opener() -> Caller:
        from tricord.embedded.member_caller import start

        return await start(where, quota_bytes, environment)

    if replicate_with is None:
        if tls is not None or ca or cert or key or server_name or metadata:
            raise ConfigurationError("TLS and metadata are for replicate_with, which was not given")
        return AsyncClient(opener, timeout=timeout, observer=observer)
    endpoints = parse_endpoints(replicate_with)
    context = tls_context(endpoints, tls, ca, cert, key)
    fields = checked_metadata(metadata)

    async def edge_opener() -> Caller:
        from tricord.embedded.edge_opening import start_edge

        return await start_edge(where, quota_bytes, environment, endpoints, context, server_name, fields)

    return AsyncClient(edge_opener, timeout=timeout, observer=observer)
