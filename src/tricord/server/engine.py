# SPDX-License-Identifier: Apache-2.0
"""The one protocol that doors and embedded clients see.

No type here belongs to a door. A door decodes its bytes into ``base.operations``, calls, and encodes the outcome with
its stamp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from tricord.base.context import Context
from tricord.base.errors import TricordError
from tricord.base.levels import Stamp
from tricord.base.members import MemberRecord, MemberStatus
from tricord.base.message import message
from tricord.base.operations import Request, Result

__all__ = ["Context", "Encoded", "Engine", "HealthCheck", "MemberRecord", "MemberStatus", "Outcome", "Reply"]


@message
class Encoded:
    """A large result as the door's own bytes, made by ``context.encode``."""

    data: bytes


Outcome: TypeAlias = Result | Encoded | TricordError
Reply: TypeAlias = Callable[[Outcome, Stamp], None]


@message
class HealthCheck:
    """One reason to call the member healthy or not."""

    name: str
    ok: bool
    reason: str = ""


class Engine(Protocol):
    """What answers behind the doors."""

    def call(self, request: Request, context: Context, reply: Reply, body: bytes | None = None) -> None:
        """Carry out ``request``; ``reply(outcome, stamp)`` runs exactly once, on the loop, perhaps before this returns.

        Never raises. ``body`` is the request in canonical etcd protobuf where the door has it, so that it need not be
        encoded again. A write whose deadline passes after it was proposed replies OutcomeUnknown; one still queued,
        DeadlineExceeded.
        """

    async def ask(self, request: Request, context: Context) -> tuple[Result, Stamp]:
        """``call`` for coroutines. Raises TricordError."""

    def stamp(self) -> Stamp:
        """What an answer given now would say."""

    def status(self) -> MemberStatus:
        """This member's own state; needs no quorum."""

    def members(self) -> list[MemberRecord]:
        """The members of the cluster."""

    def health(self) -> list[HealthCheck]:
        """The checks behind /health, /livez and /readyz."""
