# SPDX-License-Identifier: Apache-2.0
"""How much a read must agree with the cluster, and what an answer says of itself."""

from __future__ import annotations

from enum import Enum

from tricord.base.message import message


class Level(Enum):
    """Read levels of a strong keyspace that this version serves. A level that was asked for is never lowered."""

    LINEARIZABLE = "linearizable"
    ANY = "any"


@message
class Stamp:
    """What every answer says of itself: who answered, in which term, at which revision, and at which level."""

    cluster: int
    member: int
    term: int
    revision: int
    level: Level = Level.LINEARIZABLE
    token: bytes = b""
