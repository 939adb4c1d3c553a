# SPDX-License-Identifier: Apache-2.0
"""/health: one verdict on the member, as etcd gives it and load balancers read it.

No alarm is raised (``?exclude=NOSPACE`` overlooks one), there is a leader, none of the member's own checks fails, and a
read through the engine answers. ``?serializable=true`` asks about this member alone: it needs no leader, nor that the
cluster knows where the member is.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from tricord.base.context import Context
from tricord.base.errors import CorruptCluster, NotForLearners, PermissionDenied, TricordError
from tricord.base.levels import Level
from tricord.base.metrics import Metrics
from tricord.base.operations import Range
from tricord.server.engine import PUBLISHED, Engine
from tricord.wire.http.routes import TEXT, HttpRequest, HttpResponse

NOSNIFF = (b"x-content-type-options", b"nosniff")
ALARM_PREFIX = "alarm_"
ASKED = {"serializable_read", "linearizable_read"}
"""Checks of the member's that are not taken on trust: a read is made."""
PROBE = Range(b"\0", limit=1, keys_only=True)


class Health:
    """Answers /health."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """200 with ``{"health":"true","reason":""}``, or 503 with the reason."""
        query = parse_qs(request.query)
        reason = await self._reason(set(query.get("exclude", ())), query.get("serializable", [""])[0] == "true")
        verdict = {"health": "false" if reason else "true", "reason": reason}
        body = json.dumps(verdict, separators=(",", ":"), ensure_ascii=False).encode()
        if reason:
            self._metrics.health_failures += 1
            return HttpResponse(503, [TEXT, NOSNIFF], body + b"\n")
        self._metrics.health_success += 1
        return HttpResponse(200, [TEXT], body)

    async def _reason(self, excluded: set[str], serializable: bool) -> str:
        """Why the member is not healthy; empty when it is."""
        status = self._engine.status()
        for _, alarm in status.alarms:
            if alarm not in excluded:
                return f"ALARM {alarm}"
        if not serializable and not status.leader:
            return "RAFT NO LEADER"
        overlooked = excluded | ASKED | ({PUBLISHED} if serializable else set())
        for check in self._engine.health():
            if not check.ok and check.name not in overlooked and not check.name.startswith(ALARM_PREFIX):
                return f"{check.name.upper()}: {check.reason}"
        failure = await read_failure(self._engine, Level.ANY if serializable else Level.LINEARIZABLE)
        return f"RANGE ERROR:{failure}" if failure else ""


async def read_failure(engine: Engine, level: Level) -> str:
    """Read at ``level`` through the engine: what went wrong, empty for nothing. Who may read is not the question,
    alarms are asked for by name, and a learner that leaves such reads to others is well."""
    try:
        await engine.ask(PROBE, Context(level=level))
    except (PermissionDenied, CorruptCluster, NotForLearners):
        return ""
    except TricordError as error:
        return str(error)
    return ""
