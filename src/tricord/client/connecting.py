# SPDX-License-Identifier: Apache-2.0
"""Makes clients of stores behind a network: the arguments of ``connect`` become endpoints, options and a dialler.

Nothing is dialled before the first call, so a client can be made before its servers are up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tricord.base.errors import ConfigurationError
from tricord.base.trace import Tracer
from tricord.client.asynchronous import AsyncClient
from tricord.client.blocking import Client
from tricord.client.caller import Caller
from tricord.client.endpoints import Endpoint, parse_endpoints
from tricord.client.options import Options, tls_context

if TYPE_CHECKING:
    import ssl

    from tricord.base.environment import Environment
    from tricord.client.channel import Channel, Dial


def connect(
    endpoints: str | Iterable[str] = "localhost:2379",
    *,
    timeout: float = 5.0,
    dial_timeout: float = 5.0,
    attempts: int = 5,
    tls: ssl.SSLContext | None = None,
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    server_name: str | None = None,
    metadata: Mapping[str, str | bytes] | None = None,
    observer: Tracer | None = None,
) -> Client:
    """A client of tricord or etcd at ``host:port``, ``http://host:port``, ``https://host:port``, or a list of such.

    Times are seconds: ``timeout`` for each call with all its attempts, ``dial_timeout`` for opening a connection.
    ``attempts`` bounds how many rounds over the endpoints a call takes where that is safe. ``ca``, ``cert`` and ``key``
    name PEM files, or give ``tls``; ``server_name`` is whom the certificate must name if not the endpoint's host.
    ``metadata`` travels with every call. ``observer`` is called with Invoked and Completed on the client's loop thread.
    The first call dials. Raises ConfigurationError.
    """
    from tricord.runtime import new_event_loop

    def make() -> AsyncClient:
        return connect_async(
            endpoints,
            timeout=timeout,
            dial_timeout=dial_timeout,
            attempts=attempts,
            tls=tls,
            ca=ca,
            cert=cert,
            key=key,
            server_name=server_name,
            metadata=metadata,
            observer=observer,
        )

    return Client(make, new_event_loop)


def connect_async(
    endpoints: str | Iterable[str] = "localhost:2379",
    *,
    timeout: float = 5.0,
    dial_timeout: float = 5.0,
    attempts: int = 5,
    tls: ssl.SSLContext | None = None,
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    server_name: str | None = None,
    metadata: Mapping[str, str | bytes] | None = None,
    observer: Tracer | None = None,
    environment: Environment | None = None,
) -> AsyncClient:
    """``connect`` for coroutines, as ``tricord.aio.connect``. ``environment``: another world than the real one."""
    parsed = parse_endpoints(endpoints)
    options = Options(timeout=timeout, dial_timeout=dial_timeout, attempts=attempts)
    context = tls_context(parsed, tls, ca, cert, key)
    fields = checked_metadata(metadata)

    async def opener() -> Caller:
        return _remote_caller(parsed, options, context, server_name, fields, environment)

    return AsyncClient(opener, timeout=timeout, observer=observer)


def _remote_caller(
    endpoints: list[Endpoint],
    options: Options,
    tls: ssl.SSLContext | None,
    server_name: str | None,
    metadata: list[tuple[str, str | bytes]],
    given: Environment | None,
) -> Caller:
    from tricord import runtime
    from tricord.client.remote import RemoteCaller

    environment = given if given is not None else runtime.open_environment()

    def closing() -> None:
        if given is None:
            runtime.close_environment(environment)

    dialler = dial_with(environment, tls, server_name, metadata)
    return RemoteCaller(environment, endpoints, dialler, options, closing)


def dial_with(
    environment: Environment,
    tls: ssl.SSLContext | None,
    server_name: str | None,
    metadata: list[tuple[str, str | bytes]],
) -> Dial:
    """How endpoints are dialled; ``metadata`` travels with every call."""
    from tricord.transport.client_connection import dial

    async def dial_endpoint(endpoint: Endpoint) -> Channel:
        return await dial(
            environment,
            endpoint.host,
            endpoint.port,
            tls=tls if endpoint.secure is not False else None,
            server_name=server_name,
            metadata=metadata,
        )

    return dial_endpoint


def checked_metadata(metadata: Mapping[str, str | bytes] | None) -> list[tuple[str, str | bytes]]:
    if not metadata:
        return []
    from tricord.wire.grpc.metadata import encode_metadata

    items = list(metadata.items())
    try:
        encode_metadata(items)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"metadata: {error}") from None
    return items
