# SPDX-License-Identifier: Apache-2.0
"""Puts the pages of operators and probes on the routes of a server."""

from __future__ import annotations

import json
import resource

from tricord.api.ops.health import Health
from tricord.api.ops.probes import Probes
from tricord.base.metrics import Metrics
from tricord.base.version import ETCD_CLUSTER_VERSION, ETCD_STORAGE_VERSION, ETCD_VERSION
from tricord.server.engine import Engine
from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes

VERSION_PAGE = json.dumps(
    {"etcdserver": ETCD_VERSION, "etcdcluster": ETCD_CLUSTER_VERSION, "storage": ETCD_STORAGE_VERSION},
    separators=(",", ":"),
).encode()


def add_routes(engine: Engine, metrics: Metrics, routes: Routes) -> None:
    """Answer /health, /livez, /readyz (and each check below the two), /version, /debug/vars and /metrics from
    ``engine``."""
    routes.add("GET", "/version", version)
    routes.add("GET", "/debug/vars", Variables(engine).answer)
    add_metrics_routes(engine, metrics, routes)


def add_metrics_routes(engine: Engine, metrics: Metrics, routes: Routes) -> None:
    """The same without /version and /debug/vars: what a port for whoever watches the member answers."""
    routes.add("GET", "/health", Health(engine, metrics).answer)
    for probes in Probes.live(engine), Probes.ready(engine):
        routes.add("GET", probes.path, probes.answer)
        for name in probes.names():
            routes.add("GET", f"{probes.path}/{name}", probes.answer_one)

    async def metrics_page(_: HttpRequest) -> HttpResponse:
        # Here, since the library loads a web server and more that nobody needs before the first scrape.
        from tricord.api.ops.metrics_page import CONTENT_TYPE, render

        return HttpResponse(200, [(b"content-type", CONTENT_TYPE)], render(engine, metrics))

    routes.add("GET", "/metrics", metrics_page)


async def version(_: HttpRequest) -> HttpResponse:
    """Which etcd this member presents itself as."""
    return HttpResponse(200, [(b"content-type", b"application/json")], VERSION_PAGE)


class Variables:
    """Answers /debug/vars, which Go's programs have: the names that etcd gives there and a Python process can fill. The
    command line is left empty, since flags may hold secrets; what Go's memory does is nothing here."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def answer(self, _: HttpRequest) -> HttpResponse:
        """200 with a JSON object."""
        status, member = self._engine.status(), self._engine.stamp().member
        role = "StateLeader" if status.leader == member else "StateFollower"
        variables = {
            "cmdline": [],
            "file_descriptor_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "memstats": {},
            "raft.status": {
                "id": f"{member:x}",
                "term": status.raft_term,
                "commit": status.raft_index,
                "lead": f"{status.leader:x}",
                "raftState": role,
                "applied": status.raft_applied_index,
            },
        }
        return HttpResponse(
            200, [(b"content-type", b"application/json; charset=utf-8")], json.dumps(variables).encode()
        )
