# SPDX-License-Identifier: Apache-2.0
"""Alarms: conditions of a member that the whole cluster knows of, because they are in the log."""

from __future__ import annotations

from enum import IntEnum

from tricord.base.message import message


class AlarmKind(IntEnum):
    """What is wrong; numbers as on etcd's wire."""

    NOSPACE = 1
    """A member's store reached its quota or its disk is full: writes that grow the store are refused by all."""
    CORRUPT = 2
    """A member's data differs from the others': nothing is written any more, reads and maintenance are served."""


@message
class AlarmChange:
    """Raise or clear one alarm of one member. Clearing what is not raised is fine.

    ``automatic``: the member's own measure asks, not a person. It clears only what a measure raised.
    """

    member: int
    kind: AlarmKind
    raised: bool
    automatic: bool = False


@message
class AlarmChangeResult:
    """Whether that changed anything."""

    changed: bool
