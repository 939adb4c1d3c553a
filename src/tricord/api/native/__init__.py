# SPDX-License-Identifier: Apache-2.0
"""tricord's own door: the gRPC services of ``proto/tricord``, for what etcd's cannot express, and an HTTP API."""

from __future__ import annotations

from tricord.api.native import keyspaces, membership, replication, values
from tricord.api.native.http import add_routes
from tricord.server.engine import Engine
from tricord.wire.grpc.service import Method

__all__ = ["add_routes", "methods"]


def methods(engine: Engine, version: str) -> list[Method]:
    """Every method of this door. ``version`` is tricord's."""
    return [
        *membership.methods(engine, version),
        *keyspaces.methods(engine),
        *values.methods(engine),
        *replication.methods(engine),
    ]
