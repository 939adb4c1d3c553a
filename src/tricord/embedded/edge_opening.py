# SPDX-License-Identifier: Apache-2.0
"""Starts an edge and gives the embedded client's caller of it."""

from __future__ import annotations

import ssl

from tricord.base.environment import Environment
from tricord.base.errors import StorageError
from tricord.client.connecting import dial_with
from tricord.client.connector import Connector
from tricord.client.endpoints import Endpoint
from tricord.embedded.edge import Edge, open_edge
from tricord.embedded.location import MEMORY
from tricord.embedded.member_caller import MemberCaller
from tricord.embedded.memory_world import memory_world
from tricord.runtime import close_environment, open_environment
from tricord.server.configuration import Configuration

DIAL_SECONDS = 5.0


async def start_edge(
    location: str,
    quota_bytes: int | None,
    given: Environment | None,
    endpoints: list[Endpoint],
    tls: ssl.SSLContext | None,
    server_name: str | None,
    metadata: list[tuple[str, str | bytes]],
) -> MemberCaller:
    """Open the edge in ``location``; it looks for a member from then on. Raises StorageError, ConfigurationError."""
    in_memory = location == MEMORY
    environment = given if given is not None else memory_world() if in_memory else open_environment()
    defaults = Configuration()
    connector = Connector(environment, endpoints, dial_with(environment, tls, server_name, metadata), DIAL_SECONDS)
    edge: Edge | None = None
    try:
        try:
            edge = open_edge(
                environment,
                "memory" if in_memory else location,
                connector,
                quota_bytes=quota_bytes or defaults.quota_bytes,
                map_bytes=max(defaults.map_bytes, 2 * (quota_bytes or 0)),
            )
            await edge.start()
        except OSError as error:
            raise StorageError(f"{location}: {error.strerror or error}") from error
    except BaseException:
        if edge is not None:
            await edge.stop()
        if given is None:
            close_environment(environment)
        raise
    return MemberCaller(edge, environment, owns_environment=given is None)
