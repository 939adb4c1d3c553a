# SPDX-License-Identifier: Apache-2.0
"""/livez and /readyz: named checks for probes, in the form that etcd 3.6 and Kubernetes give them.

/livez asks whether a restart would help: can this member read its own state? /readyz asks whether to send it requests:
no damage was found, it has a vote, it reads alone and with the cluster, and its own checks hold. ``?verbose`` lists the
checks, ``?exclude=NAME`` leaves one out, and each can be asked alone: ``/readyz/linearizable_read``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import parse_qs

from tricord.api.ops.health import ALARM_PREFIX, NOSNIFF, read_failure
from tricord.base.levels import Level
from tricord.server.engine import Engine
from tricord.wire.http.routes import TEXT, HttpRequest, HttpResponse

Check: TypeAlias = Callable[[], Awaitable[str]]
"""Says what is wrong; empty for nothing."""


class Probes:
    """The checks below one path."""

    def __init__(self, path: str, engine: Engine, checks: dict[str, Check], *, with_own: bool) -> None:
        self.path = path
        self._engine = engine
        self._checks = checks
        self._with_own = with_own

    @classmethod
    def live(cls, engine: Engine) -> Probes:
        """The checks of /livez."""
        return cls("/livez", engine, {"serializable_read": _reads(engine, Level.ANY)}, with_own=False)

    @classmethod
    def ready(cls, engine: Engine) -> Probes:
        """The checks of /readyz; those that the member itself names are added to them."""

        async def data_corruption() -> str:
            return "alarm activated: CORRUPT" if any(alarm == "CORRUPT" for _, alarm in engine.status().alarms) else ""

        async def non_learner() -> str:
            return "not supported for learner" if engine.status().is_learner else ""

        checks: dict[str, Check] = {
            "data_corruption": data_corruption,
            "linearizable_read": _reads(engine, Level.LINEARIZABLE),
            "non_learner": non_learner,
            "serializable_read": _reads(engine, Level.ANY),
        }
        return cls("/readyz", engine, checks, with_own=True)

    def names(self) -> list[str]:
        """The checks that have a path of their own."""
        return sorted(self._checks)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """All checks but the excluded."""
        excluded = parse_qs(request.query).get("exclude", ())
        found = {name: await check() for name, check in self._checks.items() if name not in excluded}
        if self._with_own:
            for own in self._engine.health():
                # An alarm does not make a member unready: a full store still reads and deletes.
                if own.name not in excluded and not own.name.startswith(ALARM_PREFIX):
                    found[own.name] = found.get(own.name) or ("" if own.ok else own.reason or "failed")
        return _page(request, found)

    async def answer_one(self, request: HttpRequest) -> HttpResponse:
        """The check that the path names."""
        name = request.path.rpartition("/")[2]
        return _page(request, {name: await self._checks[name]()})


def _page(request: HttpRequest, found: dict[str, str]) -> HttpResponse:
    lines = "".join(
        f"[-]{name} failed: {failure}\n" if failure else f"[+]{name} ok\n" for name, failure in sorted(found.items())
    )
    if any(found.values()):
        return HttpResponse(503, [TEXT, NOSNIFF], lines.encode() + b"\n")
    verbose = "verbose" in parse_qs(request.query, keep_blank_values=True)
    return HttpResponse(200, [TEXT, NOSNIFF], (lines if verbose else "").encode() + b"ok\n")


def _reads(engine: Engine, level: Level) -> Check:
    async def check() -> str:
        return await read_failure(engine, level)

    return check
