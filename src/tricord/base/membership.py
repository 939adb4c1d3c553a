# SPDX-License-Identifier: Apache-2.0
"""The configuration of a cluster: who votes, who only listens, and what hosts keep about each member.

A CONFIGURATION entry's data is one whole configuration, so the newest one in a log is the one in force (section 4.1 of
the dissertation: it takes effect on append). While two sets of voters are in force together it is joint (section 4.3).
``info`` is the host's business: names, addresses, incarnations. It has one encoding, so equal configurations have equal
bytes.
"""

from __future__ import annotations

from dataclasses import field
from struct import Struct
from typing import TypeAlias

from tricord.base.message import message

FORMAT = 1
_HEADER = Struct(">BBIIII")
_ID = Struct(">Q")
_INFO = Struct(">QI")
_LEAVE = 1


@message
class Configuration:
    """One configuration. All tuples are ascending, without doubles; ids are 1 or more."""

    voters: tuple[int, ...]
    """Who votes; while joint, the new set."""
    outgoing: tuple[int, ...] = ()
    """While joint, the old set of voters; else empty."""
    learners: tuple[int, ...] = ()
    """Who gets the log and has no vote."""
    learners_next: tuple[int, ...] = ()
    """Voters of the old set who become learners when the joint configuration is left."""
    leave_automatically: bool = True
    """While joint: whether the leader leaves it by itself once it is committed."""
    info: dict[int, bytes] = field(default_factory=dict)
    """What the host keeps about each member, by id, in ascending order of ids."""

    @property
    def is_joint(self) -> bool:
        """Whether two sets of voters are in force."""
        return bool(self.outgoing)

    def is_voter(self, member: int) -> bool:
        """Whether its vote counts in one of the sets."""
        return member in self.voters or member in self.outgoing

    def is_learner(self, member: int) -> bool:
        """Whether it is a learner now; one that is only to become one is a voter still."""
        return member in self.learners

    def members(self) -> tuple[int, ...]:
        """Everybody who gets the log, ascending."""
        return tuple(sorted({*self.voters, *self.outgoing, *self.learners, *self.learners_next}))


@message
class AddVoter:
    """A new voter; or, of a learner, the same as Promote."""

    id: int
    info: bytes = b""


@message
class AddLearner:
    """A new member without a vote. Of a voter: refused, see Demote."""

    id: int
    info: bytes = b""


@message
class Promote:
    """A learner becomes a voter."""

    id: int


@message
class Demote:
    """A voter becomes a learner."""

    id: int


@message
class Remove:
    """A voter or learner leaves."""

    id: int


@message
class UpdateInfo:
    """What the host keeps about a member changes; who votes does not."""

    id: int
    info: bytes


Change: TypeAlias = AddVoter | AddLearner | Promote | Demote | Remove | UpdateInfo


def encode_configuration(configuration: Configuration) -> bytes:
    """The data of a CONFIGURATION entry."""
    sets = (configuration.voters, configuration.outgoing, configuration.learners, configuration.learners_next)
    parts = [_HEADER.pack(FORMAT, _LEAVE if configuration.leave_automatically else 0, *map(len, sets))]
    parts += [_ID.pack(member) for ids in sets for member in ids]
    for member, info in sorted(configuration.info.items()):
        parts += (_INFO.pack(member, len(info)), info)
    return b"".join(parts)


def decode_configuration(data: bytes) -> Configuration:
    """The configuration in an entry's data. Raises ValueError for any bytes that are none."""
    if len(data) < _HEADER.size:
        raise ValueError("a configuration is cut short")
    version, flags, *counts = _HEADER.unpack_from(data)
    if version != FORMAT or flags & ~_LEAVE:
        raise ValueError(f"configuration format {version} with flags {flags:#x} is not known")
    offset = _HEADER.size
    if len(data) - offset < _ID.size * sum(counts):
        raise ValueError("a configuration is cut short")
    sets: list[tuple[int, ...]] = []
    for count in counts:
        ids = tuple(_ID.unpack_from(data, offset + _ID.size * place)[0] for place in range(count))
        if list(ids) != sorted(set(ids)) or 0 in ids:
            raise ValueError("ids of a configuration must be ascending and not 0")
        sets.append(ids)
        offset += _ID.size * count
    info: dict[int, bytes] = {}
    last = 0
    while offset < len(data):
        if len(data) - offset < _INFO.size:
            raise ValueError("a configuration is cut short")
        member, size = _INFO.unpack_from(data, offset)
        offset += _INFO.size
        if member <= last or len(data) - offset < size:
            raise ValueError("what a configuration says of its members is damaged")
        info[member] = data[offset : offset + size]
        offset += size
        last = member
    return Configuration(sets[0], sets[1], sets[2], sets[3], bool(flags & _LEAVE), info)
