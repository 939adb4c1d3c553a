# SPDX-License-Identifier: Apache-2.0
"""The replica sets of causal and eventual keyspaces, as the log made them: records in META beside the catalogue's.

A set's own record has the epoch and the next number; each active replica has a record of its own, so that a change
writes two small ones. Every number below the next one that is not active was retired.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from tricord.base.errors import CorruptData, InvalidRequest, ResourceExhausted
from tricord.base.ordered import Table, View, Write
from tricord.base.replica_sets import (
    EDGE_BYTES,
    REPLICA_MAX,
    EdgeReplica,
    Holder,
    MemberReplica,
    ReplicaAttach,
    ReplicaRetire,
    ReplicaSet,
)
from tricord.mvcc.keys import KEYSPACE_BYTES, keyspace_prefix

META_SETS = b"catalogue/set/"
"""Before a keyspace's id (4 bytes, big endian) in META: its set's epoch and next number (absent: nobody ever came)."""
META_REPLICAS = b"catalogue/replica/"
"""Before a keyspace's id and a replica's number (4 bytes each) in META: who that is."""
MEMBER_MAX = (1 << 64) - 1

_FORMAT = 1
_SET = Struct(">BQQ")
_MEMBER = Struct(">BQ")
_IS_MEMBER, _IS_EDGE = 1, 2


class ReplicaSets:
    """The set of each keyspace. ``changes`` of the catalogue counts what happens here too."""

    __slots__ = ("_sets",)

    def __init__(self, view: View) -> None:
        active: dict[int, dict[int, Holder]] = {}
        for key, data in view.scan(Table.META, META_REPLICAS, META_REPLICAS[:-1] + b"0"):
            numbers = key[len(META_REPLICAS) :]
            keyspace, number = (int.from_bytes(part, "big") for part in (numbers[:4], numbers[4:]))
            active.setdefault(keyspace, {})[number] = decode_holder(keyspace, number, data)
        self._sets: dict[int, ReplicaSet] = {}
        for key, data in view.scan(Table.META, META_SETS, META_SETS[:-1] + b"0"):
            keyspace = int.from_bytes(key[len(META_SETS) :], "big")
            epoch, following = _decode_set(keyspace, data)
            self._sets[keyspace] = ReplicaSet(epoch, active.get(keyspace, {}), following)

    def of(self, keyspace: int) -> ReplicaSet:
        """The set of that keyspace."""
        return self._sets.get(keyspace) or ReplicaSet()

    def attach(self, request: ReplicaAttach) -> tuple[int, list[Write]]:
        """Give the holder a number, if it has none; the writes record it. Raises InvalidRequest, TooManyEdges,
        ResourceExhausted."""
        check_holder(request.holder)
        known = self.of(request.keyspace)
        number = known.number_of(request.holder)
        if number and number != request.former:
            return number, []
        active = dict(known.active)
        writes = [self._left(request.keyspace, active, number)] if number else []
        if type(request.holder) is EdgeReplica and not number:
            known.check_room()
        number = known.next_number
        if number > REPLICA_MAX:
            raise ResourceExhausted("every number that a replica can have was used")
        active[number] = request.holder
        record = encode_holder(request.holder)
        writes.append((Table.META, META_REPLICAS + _place(request.keyspace, number), record))
        writes.append(self._changed(request.keyspace, ReplicaSet(known.epoch + 1, active, number + 1)))
        return number, writes

    def retire(self, request: ReplicaRetire) -> list[Write]:
        """Take a replica out; the writes record it. Raises InvalidRequest where there never was one of that number, and
        for the last one: those that join would wait for its state for ever."""
        known = self.of(request.keyspace)
        if known.is_retired(request.number):
            return []
        if request.number not in known.active:
            raise InvalidRequest(f"the keyspace never had a replica {request.number}")
        if len(known.active) == 1:
            raise InvalidRequest(f"replica {request.number} is the only one that is left: drop the keyspace instead")
        active = dict(known.active)
        left = self._left(request.keyspace, active, request.number)
        return [left, self._changed(request.keyspace, ReplicaSet(known.epoch + 1, active, known.next_number))]

    def drop(self, keyspace: int) -> list[Write]:
        """The keyspace is gone; the writes forget its set."""
        known = self._sets.pop(keyspace, None)
        if known is None:
            return []
        gone = [META_REPLICAS + _place(keyspace, number) for number in known.active]
        return [(Table.META, key, None) for key in (*gone, META_SETS + keyspace_prefix(keyspace))]

    def _left(self, keyspace: int, active: dict[int, Holder], number: int) -> Write:
        del active[number]
        return Table.META, META_REPLICAS + _place(keyspace, number), None

    def _changed(self, keyspace: int, new: ReplicaSet) -> Write:
        self._sets[keyspace] = new
        return Table.META, META_SETS + keyspace_prefix(keyspace), _SET.pack(_FORMAT, new.epoch, new.next_number)


def check_holder(holder: Holder) -> None:
    """Raise InvalidRequest for what can hold no replica."""
    if type(holder) is MemberReplica:
        if not 0 < holder.member <= MEMBER_MAX:
            raise InvalidRequest("a member's id is a positive integer of 64 bits")
    elif type(holder) is not EdgeReplica or len(holder.identity) != EDGE_BYTES:
        raise InvalidRequest(f"an edge's identity has {EDGE_BYTES} bytes")


def encode_holder(holder: Holder) -> bytes:
    """As META has it."""
    if type(holder) is MemberReplica:
        return _MEMBER.pack(_IS_MEMBER, holder.member)
    assert type(holder) is EdgeReplica
    return bytes((_IS_EDGE,)) + holder.identity


def decode_holder(keyspace: int, number: int, data: bytes) -> Holder:
    """Raises CorruptData for what is none."""
    if len(data) == _MEMBER.size and data[0] == _IS_MEMBER:
        return MemberReplica(_MEMBER.unpack(data)[1])
    if len(data) == 1 + EDGE_BYTES and data[0] == _IS_EDGE:
        return EdgeReplica(data[1:])
    raise CorruptData("backend", 0, f"the record of replica {number} of keyspace {keyspace} is none that is known")


def _decode_set(keyspace: int, data: bytes) -> tuple[int, int]:
    try:
        version, epoch, following = _SET.unpack(data)
        if version == _FORMAT:
            return epoch, following
    except StructError:
        pass
    raise CorruptData("backend", 0, f"the replica set of keyspace {keyspace} is none that this version knows")


def _place(keyspace: int, number: int) -> bytes:
    return keyspace_prefix(keyspace) + number.to_bytes(KEYSPACE_BYTES, "big")
