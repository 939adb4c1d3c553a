# SPDX-License-Identifier: Apache-2.0
"""What the engine of a member needs of the member behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tricord.base.export import Export, ExportForm
from tricord.base.members import MemberStatus
from tricord.server.engine import HealthCheck


class Host(Protocol):
    """The member behind the engine."""

    def refuses_growth(self) -> str:
        """Why writes that make the store larger are refused; empty when they are not."""

    def compacted(self, keyspace: int, revision: int, then: Callable[[], None] | None) -> None:
        """Begin to free what a compaction made unreachable; ``then`` runs when that is done."""

    def report(self, error: BaseException, where: str) -> None:
        """Something failed that should not, and that others need not suffer for."""

    async def open_snapshot(self, form: ExportForm) -> Export:
        """See ``Engine``."""

    async def defragment(self) -> None:
        """See ``Engine``."""

    def status(self) -> MemberStatus:
        """See ``Engine``."""

    def health(self) -> list[HealthCheck]:
        """See ``Engine``."""
