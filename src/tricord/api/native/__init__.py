# SPDX-License-Identifier: Apache-2.0
"""tricord's own door: the gRPC services of ``proto/tricord``, for what etcd's cannot express."""

from __future__ import annotations

from tricord.api.native import keyspaces, membership, replication
from tricord.server.engine import Engine
from tricord.wire.grpc.service import Method


def methods(engine: Engine, version: str) -> list[Method]:
    """Every method of this door. ``version`` is tricord's."""
    return [*membership.methods(engine, version), *keyspaces.methods(engine), *replication.methods(engine)]
