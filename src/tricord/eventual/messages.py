# SPDX-License-Identifier: Apache-2.0
"""What replicas of a keyspace say to each other. Each may be lost, late, doubled and out of order."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from typing import TypeAlias

from tricord.base.dots import Dot
from tricord.base.errors import TricordError
from tricord.base.message import message
from tricord.crdt.cell import Cell, Delta
from tricord.eventual.known import Known


class Rejection(IntEnum):
    """Why a replica does not hear another. Numbers are part of the protocol."""

    NOT_ACTIVE = 1
    """It does not belong, or not any more."""
    SUPERSEDED = 2
    """It ran under a higher incarnation before."""


@message
class Unread:
    """What the sender has under a key and this version cannot read: a later one wrote it, or it is damaged. Never sent:
    the reader of a message puts it there, so that one key does not cost the others."""

    key: bytes
    error: TricordError


@message
class Head:
    """Who speaks to whom, of what."""

    cluster: int
    keyspace: int
    sender: int
    incarnation: int
    receiver: int
    receiver_incarnation: int = 0
    """In an answer that of the question, so that a later start does not take it for one to itself; 0: any."""


@message
class Deltas:
    """Writes: key, delta, and the delta's bytes. ``number`` is the batch's of its sender; 0 where nobody waits for it.
    They may be passed on ``hops`` times. ``awaited``: a client waits until they are durable elsewhere."""

    number: int
    hops: int
    awaited: bool
    deltas: list[tuple[bytes, Delta, bytes]]
    unread: list[Unread] = field(default_factory=list)


@message
class Stored:
    """The batch is durable here."""

    number: int


@message
class AskRoot:
    """Begin a round of repair."""

    number: int


@message
class Root:
    """All that the sender has seen, and the sums over the parts of all its keys, at one moment. ``joined``: it
    has had the state of the others. ``ages``: replica, and how many milliseconds ago it had nothing that the sender
    has not."""

    number: int
    known: Known
    sums: list[int]
    joined: bool = True
    ages: list[tuple[int, int]] = field(default_factory=list)


@message
class AskParts:
    """The sums of the parts of some ranges of a level."""

    number: int
    level: int
    ranges: list[int]


@message
class Parts:
    """16 sums for each range asked for, in their order."""

    number: int
    sums: list[list[int]]


@message
class AskCells:
    """What keys of these leaves hold; of the first, from behind ``after`` (place and key) on."""

    number: int
    leaves: list[int]
    after: bytes


@message
class Cells:
    """All cells of the first ``finished`` leaves asked for, and of the next one up to ``last`` (b"": none of it)."""

    number: int
    finished: int
    last: bytes
    cells: list[tuple[bytes, Cell]]
    unread: list[Unread] = field(default_factory=list)


@message
class Have:
    """Of the receiver's writes these are durable here: all up to ``floor`` and of later incarnations so many each."""

    floor: int
    counters: list[tuple[int, int]]


@message
class AskKeys:
    """What some keys hold, and which of the dots that stand there at the sender are known."""

    number: int
    keys: list[tuple[bytes, tuple[Dot, ...]]]


@message
class Keys:
    """For each key asked for: what it holds, and which of those dots were seen."""

    number: int
    keys: list[tuple[bytes, Cell, tuple[Dot, ...]]]
    unread: list[Unread] = field(default_factory=list)


@message
class Rejected:
    """The sender's messages are not heard. ``incarnation``: the highest known of it."""

    why: Rejection
    incarnation: int


Message: TypeAlias = (
    Deltas | Stored | AskRoot | Root | AskParts | Parts | AskCells | Cells | Have | AskKeys | Keys | Rejected
)
