# SPDX-License-Identifier: Apache-2.0
"""What operators and probes ask over HTTP: /health, /livez, /readyz, /version and /metrics, as etcd answers them."""

from tricord.api.ops.routes import add_metrics_routes, add_routes

__all__ = ["add_metrics_routes", "add_routes"]
