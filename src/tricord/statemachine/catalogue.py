# SPDX-License-Identifier: Apache-2.0
"""The catalogue of keyspaces, as the log made it: records in META, the same on every member at the same index.

A dropped keyspace leaves a mark until its data is swept, which each member does at its own pace. Ids come from a
counter that only grows.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from tricord.base.errors import CorruptData, InvalidRequest, KeyspaceExists, KeyspaceNotFound, ResourceExhausted
from tricord.base.keyspaces import (
    DEFAULT_KEYSPACE,
    DEFAULT_RECORD,
    KEYSPACES_MAX,
    KeyspaceCreate,
    KeyspaceDrop,
    KeyspaceRecord,
    Model,
    check_name,
    check_type_of,
    in_words,
)
from tricord.base.ordered import Table, View, Write
from tricord.base.replica_sets import EdgeReplica, ReplicaAttach, ReplicaRetire, ReplicaSet
from tricord.base.values import DataType
from tricord.mvcc.keys import keyspace_prefix
from tricord.statemachine.replica_sets import ReplicaSets

META_NEXT = b"catalogue/next"
"""Key in META: the id of the next keyspace (4 bytes, big endian; absent: 1)."""
META_RECORDS = b"catalogue/keyspace/"
"""Before a keyspace's id (4 bytes, big endian) in META: its record."""
META_DROPPED = b"catalogue/dropped/"
"""Before an id in META: that keyspace is gone, and its data is not all swept."""
ID_MAX = 0xFFFF_FFFE

_FORMAT = 1
_RECORD = Struct(">BBB")
_NUMBERS = {Model.STRONG: 1, Model.CAUSAL: 2, Model.EVENTUAL: 3}
_MODELS = {number: model for model, number in _NUMBERS.items()}


class Catalogue:
    """Which keyspaces there are, and who holds them. ``dropped`` are the ids whose data is still to be swept.

    ``changes`` counts, in memory, how often anything here changed: whoever follows compares it once a turn. Another
    state that takes this one's place goes on from its ``changes``. ``attached`` gathers, in memory, (keyspace, number)
    of each edge that attached, again or anew; whoever keeps times takes it.
    """

    __slots__ = ("_sets", "attached", "by_name", "changes", "dropped", "next_id")

    def __init__(self, view: View, changes: int = 0) -> None:
        self.changes = changes
        self.attached: set[tuple[int, int]] = set()
        self._sets = ReplicaSets(view)
        self.by_name = {DEFAULT_KEYSPACE: DEFAULT_RECORD}
        for key, data in view.scan(Table.META, META_RECORDS, _after(META_RECORDS)):
            record = decode_record(_id(key, META_RECORDS), data)
            self.by_name[record.name] = record
        self.dropped = [_id(key, META_DROPPED) for key, _ in view.scan(Table.META, META_DROPPED, _after(META_DROPPED))]
        self.next_id = int.from_bytes(view.get(Table.META, META_NEXT) or b"\1", "big")

    @property
    def records(self) -> list[KeyspaceRecord]:
        """All of them, by id."""
        return sorted(self.by_name.values(), key=lambda record: record.id)

    def find(self, name: str) -> KeyspaceRecord:
        """The keyspace of that name. Raises KeyspaceNotFound."""
        record = self.by_name.get(name)
        if record is None:
            raise KeyspaceNotFound(f"no keyspace is called {name[:80]!r}")
        return record

    def replicas(self, keyspace: int) -> ReplicaSet:
        """Who holds the causal or eventual keyspace of that id. Raises KeyspaceNotFound, InvalidRequest."""
        record = next((record for record in self.by_name.values() if record.id == keyspace), None)
        if record is None:
            raise KeyspaceNotFound(f"no keyspace has the id {keyspace}")
        if record.model is Model.STRONG:
            raise InvalidRequest(f"keyspace {record.name!r} is strong: every member holds it, and nobody else")
        return self._sets.of(keyspace)

    def describe(self, name: str) -> tuple[KeyspaceRecord, ReplicaSet]:
        """The keyspace of that name, and who holds it (a strong one: no set). Raises KeyspaceNotFound."""
        record = self.find(name)
        return record, self._sets.of(record.id)

    def create(self, request: KeyspaceCreate) -> tuple[KeyspaceRecord, list[Write]]:
        """Add one; the writes record it. Raises InvalidRequest, KeyspaceExists, ResourceExhausted."""
        check_name(request.name)
        check_type_of(request.model, request.type)
        known = self.by_name.get(request.name)
        if known is not None:
            raise KeyspaceExists(f"keyspace {request.name!r} exists already: it is {in_words(known.model, known.type)}")
        if len(self.by_name) >= KEYSPACES_MAX:
            raise ResourceExhausted(f"there are {KEYSPACES_MAX} keyspaces already: drop some first")
        if self.next_id > ID_MAX:
            raise ResourceExhausted("every id that a keyspace can have was used")
        record = KeyspaceRecord(self.next_id, request.name, request.model, request.type)
        self.next_id += 1
        self.by_name[record.name] = record
        self.changes += 1
        return record, [
            (Table.META, META_NEXT, self.next_id.to_bytes(4, "big")),
            (Table.META, META_RECORDS + keyspace_prefix(record.id), encode_record(record)),
        ]

    def drop(self, request: KeyspaceDrop) -> tuple[KeyspaceRecord, list[Write]]:
        """Take one away; the writes record it. Raises InvalidRequest, KeyspaceNotFound."""
        if request.name == DEFAULT_KEYSPACE:
            raise InvalidRequest("the default keyspace is always there")
        record = self.find(request.name)
        del self.by_name[record.name]
        self.dropped.append(record.id)
        self.changes += 1
        return record, [
            (Table.META, META_RECORDS + keyspace_prefix(record.id), None),
            (Table.META, META_DROPPED + keyspace_prefix(record.id), b""),
            *self._sets.drop(record.id),
        ]

    def attach(self, request: ReplicaAttach) -> tuple[int, list[Write]]:
        """Give a holder its number; the writes record it, none where it had one. Raises KeyspaceNotFound,
        InvalidRequest, TooManyEdges, ResourceExhausted."""
        self.replicas(request.keyspace)
        number, writes = self._sets.attach(request)
        self.changes += bool(writes)
        if type(request.holder) is EdgeReplica:
            self.attached.add((request.keyspace, number))
        return number, writes

    def retire(self, request: ReplicaRetire) -> list[Write]:
        """Take a replica out; the writes record it, none where it was out already. Raises KeyspaceNotFound,
        InvalidRequest."""
        self.replicas(request.keyspace)
        writes = self._sets.retire(request)
        self.changes += bool(writes)
        return writes

    def swept(self, identity: int) -> Write:
        """A dropped keyspace's data is gone; the write records it."""
        self.dropped.remove(identity)
        return Table.META, META_DROPPED + keyspace_prefix(identity), None


def encode_record(record: KeyspaceRecord) -> bytes:
    """As META has it; the id is in the key."""
    return _RECORD.pack(_FORMAT, _NUMBERS[record.model], record.type or 0) + record.name.encode()


def decode_record(identity: int, data: bytes) -> KeyspaceRecord:
    """Raises CorruptData for what is none."""
    try:
        version, model, kind = _RECORD.unpack_from(data)
        if version == _FORMAT:
            name = data[_RECORD.size :].decode()
            return KeyspaceRecord(identity, name, _MODELS[model], DataType(kind) if kind else None)
    except (StructError, UnicodeDecodeError, KeyError, ValueError):
        pass
    raise CorruptData("backend", 0, f"the record of keyspace {identity} is none that this version knows")


def _after(prefix: bytes) -> bytes:
    return prefix[:-1] + bytes((prefix[-1] + 1,))


def _id(key: bytes, prefix: bytes) -> int:
    return int.from_bytes(key[len(prefix) :], "big")
