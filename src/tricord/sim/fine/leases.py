# SPDX-License-Identifier: Apache-2.0
"""Leases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster


class Leases:
    """Of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def clock_changed(self, rate: float) -> None:
        """A member's clock runs at another speed."""

    def clock_jumped(self, seconds: float) -> None:
        """A member's clock was set forward."""

    def burst(self, count: int, took_hold: Callable[[], None]) -> None:
        """Grant leases."""
