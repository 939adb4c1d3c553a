# SPDX-License-Identifier: Apache-2.0
"""How much a read must agree with the cluster, and what an answer says of itself.

``ReadLevel`` is closed: a ``Level``, or a ``Bounded`` with how far behind the answer may be. As text, in metadata and
on the command line: ``linearizable``, ``sequential``, ``any``, ``bounded:2s``, ``bounded:500ms``, ``bounded:10r``;
``causal`` and ``eventual`` for keyspaces of those models.
"""

from __future__ import annotations

from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

from tricord.base.errors import InvalidRequest
from tricord.base.message import message

if TYPE_CHECKING:
    from tricord.base.dots import VersionVector
    from tricord.base.token import Token

CLOCK_RATE_ERROR = 1 / 1000
"""By how much a member's monotonic clock may run too fast or too slow: what bounded staleness assumes of it."""


class Level(Enum):
    """How much a read sees. A level that was asked for is never lowered.

    Of a strong keyspace: LINEARIZABLE sees every write that was answered before the read began. SEQUENTIAL is the state
    of the member that answers, never older than what the caller has seen (its token). Of any keyspace: ANY is that
    member's state, however old. CAUSAL is what causal keyspaces promise: the state of the replica that answers, a
    causal cut, never older than what the caller has seen. EVENTUAL is what eventual ones promise: what a replica has.
    """

    LINEARIZABLE = "linearizable"
    SEQUENTIAL = "sequential"
    ANY = "any"
    CAUSAL = "causal"
    EVENTUAL = "eventual"


@message
class Bounded:
    """The state of the member that answers, behind the cluster's by at most so much when the read was asked.

    Give one of ``seconds`` (0 or more) and ``revisions`` (0 or more). Raises InvalidRequest.
    """

    seconds: float | None = None
    revisions: int | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) is (self.revisions is None):
            raise InvalidRequest("a bounded read has either seconds or revisions")
        if self.seconds is not None and not (isfinite(self.seconds) and self.seconds >= 0):
            raise InvalidRequest(f"a bounded read may be 0 seconds behind, or more, not {self.seconds}")
        if self.revisions is not None and not isinstance(self.revisions, int):
            raise InvalidRequest(f"a bounded read is behind by whole revisions, not {self.revisions!r}")
        if self.revisions is not None and not 0 <= self.revisions < 1 << 63:
            raise InvalidRequest(f"a bounded read may be 0 revisions behind, or more, not {self.revisions}")

    @property
    def value(self) -> str:
        """As text, as a ``Level`` has one."""
        if self.seconds is None:
            return f"bounded:{self.revisions}r"
        return f"bounded:{self.seconds:.9f}".rstrip("0").rstrip(".") + "s"


ReadLevel: TypeAlias = Level | Bounded
"""What ``at_least`` takes."""


def check_level(level: ReadLevel) -> ReadLevel:
    """The level itself. Raises InvalidRequest for what is none, text among that: ``level_of`` reads it."""
    if isinstance(level, (Level, Bounded)):
        return level
    raise InvalidRequest(f"at_least takes a tricord.Level or a tricord.Bounded, not {level!r}")


_LEVELS = {level.value: level for level in Level}
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0}


def level_of(text: str) -> ReadLevel:
    """The level that a text names. Raises InvalidRequest."""
    if (plain := _LEVELS.get(text)) is not None:
        return plain
    word, colon, amount = text.strip().lower().partition(":")
    try:
        if not colon:
            return Level(word)
        digits = amount.rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = amount[len(digits) :]
        if word == "bounded" and unit == "r" and digits.isdecimal():
            return Bounded(revisions=int(digits))
        if word == "bounded" and "_" not in digits:
            return Bounded(seconds=float(digits) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        pass
    raise InvalidRequest(
        f"{text[:80]!r} is no read level: say linearizable, sequential, any, bounded:2s (also ms and m), or bounded:10r"
        " for revisions; causal or eventual in a keyspace of that model"
    )


@message
class Stamp:
    """What every answer says of itself: who answered, in which term, at which revision, and at which level.

    ``age`` bounds how stale the answer was when it was asked for, in seconds: 0 when linearizable, None where nobody
    can say. ``history`` and ``index`` (0: not told) are where the member that answered stood: see ``token``. Of
    causal and eventual keyspaces ``revision`` is the replica's delivery sequence; ``vectors`` has what a causal one (by
    id) held there, and is nobody's to change; ``siblings`` counts concurrent values that stand beside those shown.
    """

    cluster: int
    member: int
    term: int
    revision: int
    level: ReadLevel = Level.LINEARIZABLE
    age: float | None = 0.0
    history: int = 0
    index: int = 0
    vectors: dict[int, VersionVector] | None = None
    siblings: int = 0

    @property
    def token(self) -> Token | None:
        """What a caller has seen who has this answer; None where the answer did not say. Made when it is asked for."""
        from tricord.base.token import Token

        if not self.history:
            return None
        return Token(self.cluster, self.history, {0: self.index} if self.index else {}, self.vectors or {})
