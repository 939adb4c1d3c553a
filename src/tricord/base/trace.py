# SPDX-License-Identifier: Apache-2.0
"""Typed trace events. Tests pin these, never log prose; printing them is somebody else's work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tricord.base.levels import Stamp
from tricord.base.message import message
from tricord.base.operations import Request, Result


@message
class TraceEvent:
    """The root of all trace events; each core defines its own."""


Tracer: TypeAlias = Callable[[TraceEvent], None]


@message
class Invoked(TraceEvent):
    """A client began an operation."""

    call: int
    operation: str
    request: Request | None = None


@message
class Completed(TraceEvent):
    """A client's operation ended: ``status`` is ok, fail (had no effect) or unknown (may take effect later)."""

    call: int
    operation: str
    status: str
    error: str = ""
    result: Result | None = None
    stamp: Stamp | None = None
