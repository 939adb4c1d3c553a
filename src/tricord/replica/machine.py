# SPDX-License-Identifier: Apache-2.0
"""The state machine as a replica sees it."""

from __future__ import annotations

from typing import Protocol, TypeVar

from tricord.base.log import Entry

AppliedT = TypeVar("AppliedT")


class AppliesEntries(Protocol[AppliedT]):
    """A pure function of the log: the same entries give the same answers and the same state, everywhere."""

    @property
    def applied_index(self) -> int:
        """The last entry that the state holds."""

    def apply(self, entries: list[Entry]) -> list[AppliedT]:
        """Take the entries, which follow ``applied_index`` without a gap; one answer for each, in order.

        An exception stops the member.
        """
