# SPDX-License-Identifier: Apache-2.0
"""A lease as an argument: its number, or the object that keeps it alive."""

from __future__ import annotations

from typing import Protocol, TypeAlias


class KeptLease(Protocol):
    """A lease that somebody here renews."""

    @property
    def id(self) -> int:
        """Its number. Raises LeaseLost when it is known to be lost."""


LeaseArgument: TypeAlias = int | KeptLease
"""0: none."""


def lease_id(lease: LeaseArgument) -> int:
    """The number of a lease. Raises LeaseLost when its keeper knows already that it is lost."""
    if isinstance(lease, int):
        return lease
    if hasattr(lease, "id"):
        return lease.id
    return lease  # type: ignore[return-value]  # what is neither is refused where it is encoded
