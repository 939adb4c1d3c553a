# SPDX-License-Identifier: Apache-2.0
"""Maintenance/Downgrade: sets, checks and takes away the mark that the cluster is to go back by one minor version.

Only the mark: what etcd does next, letting older binaries join, has no counterpart here.
"""

from __future__ import annotations

import re

from tricord.api.etcd.headers import header
from tricord.base.context import Context
from tricord.base.downgrading import DowngradeChange
from tricord.base.operations import Range
from tricord.base.version import ETCD_VERSION
from tricord.server.engine import Engine
from tricord.wire.grpc.status import GrpcError, Status
from tricord.wire.schemas import maintenance

VALIDATE = maintenance.DowngradeRequest.VALIDATE
ENABLE = maintenance.DowngradeRequest.ENABLE
CANCEL = maintenance.DowngradeRequest.CANCEL

_MAJOR, _MINOR = (int(part) for part in ETCD_VERSION.split(".")[:2])
CLUSTER = f"{_MAJOR}.{_MINOR}"
ALLOWED = (_MAJOR, _MINOR - 1, 0)
_FORMAT = re.compile(r"(\d{1,18})\.(\d{1,18})(?:\.(\d{1,18}))?(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
# The cheapest linearizable read: the mark is as new as its answer.
_ROUND = Range(b"\0", count_only=True)


async def downgrade(engine: Engine, request: maintenance.DowngradeRequest, deadline: float | None) -> bytes:
    """The response. Raises GrpcError in etcd's words, TricordError."""
    context = Context(deadline=deadline)
    if request.action in (VALIDATE, ENABLE):
        target = _target(request.version)
        _, stamp = await engine.ask(_ROUND, context)
        if engine.status().downgrade:
            raise GrpcError(Status.FAILED_PRECONDITION, "etcdserver: cluster has a downgrade job in progress")
        if request.action == ENABLE:
            _, stamp = await engine.ask(DowngradeChange(target), context)
    elif request.action == CANCEL:
        _, stamp = await engine.ask(DowngradeChange(""), context)
    else:
        raise GrpcError(Status.UNKNOWN, "etcdserver: unknown method")
    return maintenance.DowngradeResponse(header=header(stamp), version=CLUSTER).SerializeToString()


def _target(version: str) -> str:
    """The version that is asked for, in full, where a cluster of this one may go there."""
    found = _FORMAT.fullmatch(version)
    if found is None:
        raise GrpcError(Status.INVALID_ARGUMENT, "etcdserver: wrong downgrade target version format")
    if (int(found[1]), int(found[2])) != ALLOWED[:2]:  # etcd drops the rest, too
        raise GrpcError(Status.INVALID_ARGUMENT, "etcdserver: invalid downgrade target version")
    return ".".join(map(str, ALLOWED))
