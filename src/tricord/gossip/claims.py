# SPDX-License-Identifier: Apache-2.0
"""What members say about each other, and which of two claims holds.

Claims about a member are ordered by its incarnation first, then by how bad they are. The greater one holds. So it does
not matter in which order they come, or how often. Only the member itself begins a new incarnation, and so takes back
what was said of the one before.
"""

from __future__ import annotations

from enum import IntEnum

from tricord.base.message import message

INCARNATION_MAX = 2**63 - 1


class Standing(IntEnum):
    """Numbers are part of the protocol, and the order in which claims of one incarnation override each other."""

    ABSENT = 0
    """Listed, and never heard of. It is never said."""
    ALIVE = 1
    SUSPECT = 2
    """Somebody could not reach it. It counts as reachable until its time to refute is over."""
    DEAD = 3
    LEFT = 4
    """It said itself that it goes."""


LIVE = (Standing.ALIVE, Standing.SUSPECT)
LOST = (Standing.ABSENT, Standing.DEAD)
"""Listed members that may come (back): they are asked now and then."""


@message
class Claim:
    """``member`` has this standing, says ``source``."""

    standing: Standing
    member: int
    incarnation: int
    source: int
    metadata: bytes | None = None
    """What the member says of itself in this incarnation; None: not said here."""


def overrides(standing: int, incarnation: int, known_standing: int, known_incarnation: int) -> bool:
    """Whether a claim holds over what is known."""
    return (incarnation, standing) > (known_incarnation, known_standing)
