# SPDX-License-Identifier: Apache-2.0
"""Who asks, for which keyspace, at which level, until when: travels beside every request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tricord.base.levels import Level, ReadLevel, Stamp
from tricord.base.operations import Result


@dataclass(slots=True)
class Context:
    """The circumstances of one call.

    ``level`` is what reads ask for; ``level_named``: by its name, where a protocol's default may mean as much as the
    keyspace's model promises. ``token`` is what their caller has seen (encoded; empty: nothing). ``deadline`` is in
    seconds on the member's monotonic clock, None for none.
    ``cancelled`` is set by the door when the caller is gone: a request still queued is then dropped. ``encode`` is how
    the door makes its answer of a result: a large one is encoded off the loop, and the reply is then ``Encoded``.
    """

    keyspace: str = "default"
    level: ReadLevel = Level.LINEARIZABLE
    identity: str = ""
    deadline: float | None = None
    token: bytes = b""
    cancelled: bool = False
    encode: Callable[[Result, Stamp], bytes] | None = None
    level_named: bool = False

    def cancel(self) -> None:
        """The caller is gone."""
        self.cancelled = True
