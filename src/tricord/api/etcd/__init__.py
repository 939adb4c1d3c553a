# SPDX-License-Identifier: Apache-2.0
"""etcd's door: its gRPC services, one module each, and their JSON gateway.

Unknown methods are refused by the server.
"""

from __future__ import annotations

from tricord.api.etcd import cluster, election, gateway, kv, lease, lock, maintenance, watch
from tricord.server.engine import Engine
from tricord.wire.grpc.service import Method
from tricord.wire.http.routes import Routes


def methods(engine: Engine, max_request_bytes: int = watch.MAX_REQUEST_BYTES) -> list[Method]:
    """Every gRPC method of etcd that this member serves; ``max_request_bytes`` is the member's bound."""
    services = (kv, lease, lock, election, cluster, maintenance)
    found = [method for service in services for method in service.methods(engine)]
    return found + watch.methods(engine, max_request_bytes)


def add_routes(engine: Engine, routes: Routes) -> None:
    """Add the JSON gateway of those methods under ``/v3``."""
    gateway.add_routes(methods(engine), routes)
