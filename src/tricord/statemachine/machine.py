# SPDX-License-Identifier: Apache-2.0
"""The state machine: a pure function of the log over an ordered store.

``apply`` takes committed entries in order. An operation's applier first decides, reading the store and gathering
effects; then the effects are recorded, which cannot fail. A refused entry has no effect but advances the applied index
like any other. Whatever is not a refusal (a damaged record, a broken invariant, an operation of a newer version) stops
before the entry has an effect. The marks (applied index and term, revisions, the chain) are written once a batch, with
nothing of a later entry before them. A configuration is recorded where the log has it; what it means is not this
machine's business.

The chain is a running 64-bit hash over what entries changed: equal on all members at an equal index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, TypeVar

from xxhash import xxh3_64_intdigest

from tricord.auth.authorise import authorise
from tricord.base.alarms import AlarmChange
from tricord.base.context import Context
from tricord.base.downgrading import DowngradeChangeResult
from tricord.base.errors import (
    ApplyFailed,
    InvalidRequest,
    KeyspaceNotFound,
    MalformedCommand,
    NoLeader,
    PermissionDenied,
    ResourceExhausted,
    TricordError,
)
from tricord.base.keyspaces import KeyspaceCreateResult, KeyspaceDropResult, Model
from tricord.base.log import Entry, EntryKind
from tricord.base.operations import Range, Request, Result, Txn, is_read
from tricord.base.ordered import OrderedStore, Table, Write
from tricord.base.reachable import reachable
from tricord.base.replica_sets import ReplicaAttachResult, ReplicaRetireResult
from tricord.lease.records import LeaseRecord, decode_lease, lease_id
from tricord.mvcc.attached import attached_keys
from tricord.mvcc.compaction import Compaction
from tricord.mvcc.dropping import Dropping
from tricord.mvcc.keys import KEYSPACE_BYTES, lease_key
from tricord.mvcc.keyspace import Keyspace
from tricord.mvcc.transaction import WriteTransaction
from tricord.mvcc.txn import run_txn
from tricord.statemachine.alarms import META_ALARMS, Alarms, encode_alarms, read_alarms, refusal_of
from tricord.statemachine.applied import Applied
from tricord.statemachine.apply_alarm import apply_alarm
from tricord.statemachine.apply_compact import apply_compact
from tricord.statemachine.apply_kv import apply_delete_range, apply_put, apply_txn
from tricord.statemachine.apply_lease import apply_checkpoint, apply_expire, apply_grant, apply_revoke
from tricord.statemachine.catalogue import Catalogue
from tricord.statemachine.command import Command, CommandOperation, decode_command, split_plain
from tricord.statemachine.marks import (
    META_DOWNGRADE,
    AppliedMark,
    applied_mark_writes,
    configuration_write,
    read_applied_mark,
    read_configuration,
)
from tricord.statemachine.validation import check_downgrade
from tricord.wire.etcd.alarms import decode_alarm, decode_downgrade
from tricord.wire.etcd.leases import decode_checkpoint, decode_expire, decode_grant, decode_revoke
from tricord.wire.etcd.requests import decode_compact, decode_delete_range, decode_put, decode_txn
from tricord.wire.native.keyspaces import decode_create, decode_drop
from tricord.wire.native.replica_sets import decode_attach, decode_retire

__all__ = ["Applied", "StateMachine"]

T = TypeVar("T")
Decoder = Callable[[bytes], tuple[Any, object]]
Applier = Callable[[Keyspace, WriteTransaction, Any], Result]

APPLIERS: dict[int, tuple[Decoder, Applier]] = {
    CommandOperation.PUT: (decode_put, apply_put),
    CommandOperation.DELETE_RANGE: (decode_delete_range, apply_delete_range),
    CommandOperation.TXN: (decode_txn, apply_txn),
    CommandOperation.COMPACT: (decode_compact, apply_compact),
    CommandOperation.LEASE_GRANT: (decode_grant, apply_grant),
    CommandOperation.LEASE_REVOKE: (decode_revoke, apply_revoke),
    CommandOperation.LEASE_EXPIRE: (decode_expire, apply_expire),
    CommandOperation.LEASE_CHECKPOINT: (decode_checkpoint, apply_checkpoint),
}
"""What each operation's body is and what it does."""
DECIDED_BY_LEADERS = frozenset({CommandOperation.LEASE_EXPIRE, CommandOperation.LEASE_CHECKPOINT})
"""Decided by a clock that counts in one term only: without effect in another."""

CHAINS_KEPT = 4096
"""Of how many entries the chain is remembered: another member that lags by as many can be compared. A power of two."""
_CHAINS_MASK = CHAINS_KEPT - 1

NORMAL = EntryKind.NORMAL
CONFIGURATION = EntryKind.CONFIGURATION
HEAD = Table.HEAD
_NOBODY = Context()


class StateMachine:
    """Applies entries and answers reads. One thread uses it."""

    __slots__ = (
        "_chains",
        "_chains_from",
        "_changed",
        "_keyspaces",
        "_store",
        "_sweep",
        "alarms",
        "applied_index",
        "applied_term",
        "catalogue",
        "chain",
        "configuration",
        "downgrade",
        "lease_changes",
    )

    def __init__(self, store: OrderedStore) -> None:
        self._store = store
        self.catalogue = Catalogue(store)
        self._keyspaces = {0: Keyspace(store, 0)}
        self._changed: dict[int, Keyspace] = {}
        """Those whose marks are still to be recorded."""
        self._sweep: Compaction | None = None
        self.applied_index = self.applied_term = self.chain = 0
        self._chains = [0] * CHAINS_KEPT
        self.configuration = b""
        """The cluster's configuration in force at the applied index, encoded; empty: none yet."""
        self.lease_changes: list[tuple[type[Result], list[tuple[int, bytes | None]]]] = []
        """(kind of result, the leases' new records or None) of what was applied; whoever keeps times takes it."""
        self.alarms: Alarms = {}
        """Those that are raised. Replaced when they change, never changed."""
        self.downgrade = ""
        """The version that the cluster is marked to go back to."""
        self._read_marks()

    def apply(self, entries: list[Entry]) -> list[Applied]:
        """Carry out entries; the first follows ``applied_index``. One answer each, in order.

        Raises ApplyFailed, naming the entry; those before it are applied, it is not, and the member must stop.
        """
        results: list[Applied] = []
        chains = self._chains
        try:
            for entry in entries:
                assert entry.index == self.applied_index + 1, f"{self.applied_index} is applied, not the one before"
                results.append(self._apply(entry))
                self.applied_index = index = entry.index
                self.applied_term = entry.term
                chains[index & _CHAINS_MASK] = self.chain
        except Exception as error:
            raise ApplyFailed(f"{describe(entry)} could not be applied: {type(error).__name__}: {error}") from error
        finally:
            self._record_marks()
        return results

    def reload(self) -> None:
        """The store holds another state now (a snapshot took its place): forget what was remembered of the old one."""
        self._sweep = None
        self.lease_changes = []
        self._changed = {}
        self.catalogue = Catalogue(self._store, self.catalogue.changes + 1)
        for space in self._keyspaces.values():
            space.reload()
        self._read_marks()

    def chain_at(self, index: int) -> int | None:
        """The chain after that entry; None where it is not applied, or not remembered any more, or since the start."""
        if not max(self._chains_from, self.applied_index - _CHAINS_MASK) <= index <= self.applied_index:
            return None
        return self._chains[index & _CHAINS_MASK]

    def read(self, request: Range | Txn, keyspace: int = 0, at_most: int = 0) -> Result:
        """Answer a read at the applied state. Raises InvalidRequest; CorruptData when the store is damaged.

        A Range over more than ``at_most`` keys raises TooWide (0: any number is fine).
        """
        space = self._keyspaces.get(keyspace)
        if space is None:
            raise KeyspaceNotFound
        if type(request) is Range:
            return space.range(request, at_most)
        assert type(request) is Txn and is_read(request), "only reads are read"
        return run_txn(space, WriteTransaction(space), request)

    def leases(self, after: int | None, limit: int) -> list[tuple[int, LeaseRecord]]:
        """Leases, those with negative ids last, behind that one (None: from the first); at most ``limit`` (0: all)."""
        start = b"\0" if after is None else lease_key(after) + b"\0"
        records = self._store.scan(Table.LEASES, start, None)
        return [(lease_id(key), decode_lease(data)) for key, data in islice(records, limit or None)]

    def lease_ids(self) -> list[int]:
        """Of all leases, ascending. Cost: about 1 us each."""
        return sorted([lease_id(key) for key, _ in self._store.scan(Table.LEASES, b"\0", None)])

    def lease_keys(self, lease: int, keyspace: int = 0) -> list[bytes]:
        """The keys of one keyspace that are attached to a lease, in order."""
        space = self._keyspaces.get(keyspace)
        if space is None:
            return []
        return [key[KEYSPACE_BYTES:] for key in attached_keys(self._store, lease, space.prefix, space.stop)]

    def revision(self, keyspace: int = 0) -> int:
        """The keyspace's newest revision."""
        return self._keyspaces[keyspace].revision

    def compacted(self, keyspace: int = 0) -> int:
        """The keyspace's compacted revision: the oldest that can be read; -1 before any compaction."""
        return self._keyspaces[keyspace].compacted

    def keyspace(self, keyspace: int = 0) -> Keyspace:
        """The keyspace itself, for those who hash or watch it."""
        return self._keyspaces[keyspace]

    def has_keyspace(self, keyspace: int) -> bool:
        """Whether that strong keyspace is there, and not dropped."""
        return keyspace in self._keyspaces

    @property
    def has_only_default(self) -> bool:
        """Whether there is no other strong keyspace."""
        return len(self._keyspaces) == 1

    @property
    def keyspaces(self) -> list[int]:
        """The ids of all strong keyspaces, ascending."""
        return sorted(self._keyspaces)

    def sweep(self, limit: int) -> bool:
        """Free what compactions and drops made unreachable, up to ``limit`` changes; True when nothing is left.

        Called between batches, when there is time. A physical compaction is done when ``swept`` says so.
        """
        dropped = self.catalogue.dropped
        if dropped:
            if Dropping(self._store, dropped[0]).step(limit):
                self._store.write([self.catalogue.swept(dropped[0])])
            return not self.has_to_sweep
        for space in self._keyspaces.values():
            if space.swept < space.compacted:
                sweep = self._sweep
                if sweep is None or sweep.done or sweep.space is not space or sweep.revision != space.compacted:
                    sweep = self._sweep = Compaction(space)
                sweep.step(limit)
                return not self.has_to_sweep
        return True

    @property
    def has_to_sweep(self) -> bool:
        """Whether ``sweep`` has something to do."""
        return bool(self.catalogue.dropped) or any(space.swept < space.compacted for space in self._keyspaces.values())

    def swept(self, revision: int, keyspace: int = 0) -> bool:
        """Whether everything that a compaction at ``revision`` made unreachable has been freed, or the keyspace is no
        more."""
        space = self._keyspaces.get(keyspace)
        return space is None or space.swept >= revision

    def _apply(self, entry: Entry) -> Applied:
        if entry.kind == CONFIGURATION:
            self._configure(entry.data)
        if entry.kind != NORMAL:
            return Applied(entry.index, None, self._keyspaces[0].revision, [])
        plain = split_plain(entry.data)
        if plain is not None:
            operation, keyspace, body = plain
            context = _NOBODY
            deciding_term = 0
        else:
            command = decode_command(entry.data)
            assert not command.session and not command.group, "not known to this version"
            operation, keyspace, body = command.operation, command.keyspace, command.body
            deciding_term = command.deciding_term
            context = Context(identity=command.identity)
        known = APPLIERS.get(operation)
        if known is None:
            if operation in _OF_THE_CLUSTER:
                return self._apply_of_the_cluster(entry)
            raise MalformedCommand(f"operation {operation} is not known to this version")
        decode, applier = known
        space = self._keyspaces.get(keyspace)
        if space is None:
            return Applied(entry.index, KeyspaceNotFound(), 0, [], keyspace)
        if deciding_term != entry.term and (deciding_term or operation in DECIDED_BY_LEADERS):
            reachable("what a leader of an older term decided was refused")
            refusal = NoLeader("the leader that decided this leads no more")
            return Applied(entry.index, refusal, space.revision, [], keyspace)
        transaction = WriteTransaction(space)
        try:
            request: Request = decode(body)[0]
            authorise(context, request)
            if self.alarms and (refused := refusal_of(self.alarms, request)) is not None:
                reachable("an alarm refused a write where it was applied")
                return Applied(entry.index, refused, space.revision, [], keyspace)
            outcome = applier(space, transaction, request)
        except (InvalidRequest, PermissionDenied) as refusal:
            return Applied(entry.index, _without_frames(refusal), space.revision, [], keyspace)
        others: Sequence[tuple[Keyspace, WriteTransaction]] = ()
        if transaction.leases:
            self.lease_changes.append((type(outcome), transaction.leases))
            others = self._ended_elsewhere(transaction, space)
        self._commit(space, transaction)
        if not others:
            return Applied(entry.index, outcome, space.revision, transaction.events, keyspace)
        for other, ended in others:
            self._commit(other, ended)
        elsewhere = [(other.identity, other.revision, ended.events) for other, ended in others]
        return Applied(entry.index, outcome, space.revision, transaction.events, keyspace, elsewhere)

    def _ended_elsewhere(
        self, transaction: WriteTransaction, space: Keyspace
    ) -> Sequence[tuple[Keyspace, WriteTransaction]]:
        """The deletion of keys that leases which end there have in other keyspaces: a transaction for each."""
        ended = [lease for lease, record in transaction.leases if record is None]
        if not ended or len(self._keyspaces) == 1:
            return ()
        found = []
        for other in self._keyspaces.values():
            if other is not space:
                there = WriteTransaction(other)
                for lease in ended:
                    there.delete_attached(lease)
                if there.writes:
                    found.append((other, there))
        return found

    def _commit(self, space: Keyspace, transaction: WriteTransaction) -> None:
        self._extend_chain(transaction)
        space.commit(transaction)
        self._changed[space.identity] = space

    def _apply_of_the_cluster(self, entry: Entry) -> Applied:
        """What belongs to no keyspace."""
        command = decode_command(entry.data)
        try:
            outcome: Result | TricordError = _OF_THE_CLUSTER[command.operation](self, command)
        except (InvalidRequest, PermissionDenied, ResourceExhausted) as refused:
            outcome = _without_frames(refused)
        return Applied(entry.index, outcome, self._keyspaces[0].revision, [])

    def _change_alarms(self, command: Command) -> Result:
        asked = decode_alarm(command.body)[0]
        request = AlarmChange(asked.member, asked.kind, asked.raised, command.deciding_term != 0)
        authorise(Context(identity=command.identity), request)
        alarms, result = apply_alarm(self.alarms, request)
        if result.changed:
            self._mark(META_ALARMS, encode_alarms(alarms))
            self.alarms = alarms
        return result

    def _change_downgrade(self, command: Command) -> Result:
        request = decode_downgrade(command.body)[0]
        check_downgrade(request)
        authorise(Context(identity=command.identity), request)
        self._mark(META_DOWNGRADE, request.target.encode())
        self.downgrade = request.target
        return DowngradeChangeResult()

    def _create_keyspace(self, command: Command) -> Result:
        request = _readable(decode_create, command.body)
        authorise(Context(identity=command.identity), request)
        record, writes = self.catalogue.create(request)
        self._record(writes)
        if record.model is Model.STRONG:
            self._keyspaces[record.id] = Keyspace(self._store, record.id)
        return KeyspaceCreateResult(record)

    def _drop_keyspace(self, command: Command) -> Result:
        request = decode_drop(command.body)
        authorise(Context(identity=command.identity), request)
        record, writes = self.catalogue.drop(request)
        self._record(writes)
        self._keyspaces.pop(record.id, None)
        self._changed.pop(record.id, None)
        return KeyspaceDropResult(record)

    def _attach_replica(self, command: Command) -> Result:
        request = _readable(decode_attach, command.body)
        authorise(Context(identity=command.identity), request)
        number, writes = self.catalogue.attach(request)
        self._record(writes)
        return ReplicaAttachResult(number, self.catalogue.replicas(request.keyspace).epoch)

    def _retire_replica(self, command: Command) -> Result:
        request = _readable(decode_retire, command.body)
        authorise(Context(identity=command.identity), request)
        self._record(self.catalogue.retire(request))
        return ReplicaRetireResult(self.catalogue.replicas(request.keyspace).epoch)

    def _record(self, writes: list[Write]) -> None:
        """Effects on META that belong to no keyspace's own marks."""
        self._store.write(writes)
        for _, key, value in writes:
            self.chain = xxh3_64_intdigest(value or b"", xxh3_64_intdigest(key, self.chain))

    def _mark(self, name: bytes, value: bytes) -> None:
        self._store.write([(Table.META, name, value)])
        self.chain = xxh3_64_intdigest(value, self.chain)

    def _configure(self, data: bytes) -> None:
        self._store.write([configuration_write(data)])
        self.configuration = data
        self.chain = xxh3_64_intdigest(data, self.chain)

    def _extend_chain(self, transaction: WriteTransaction) -> None:
        """Only the effects on HEAD and LEASES count: the others follow from them and from the state before."""
        chain = self.chain
        for table, key, record in transaction.writes:
            if table == HEAD:
                chain = xxh3_64_intdigest(key, chain)
                if record is not None:
                    chain = xxh3_64_intdigest(record, chain)
        for lease, lease_record in transaction.leases:
            chain = xxh3_64_intdigest(lease_key(lease), chain)
            if lease_record is not None:
                chain = xxh3_64_intdigest(lease_record, chain)
        if transaction.compacted is not None:
            chain = xxh3_64_intdigest(transaction.compacted.to_bytes(8, "big"), chain)
        self.chain = chain

    def _read_marks(self) -> None:
        """Chains before these marks are not known."""
        mark = read_applied_mark(self._store)
        self.applied_index = mark.index
        self.applied_term = mark.term
        self.chain = mark.chain
        self._chains_from = mark.index
        self._chains[mark.index & _CHAINS_MASK] = mark.chain
        self.configuration = read_configuration(self._store)
        self.alarms = read_alarms(self._store)
        strong = [record.id for record in self.catalogue.records if record.model is Model.STRONG]
        known = self._keyspaces
        self._keyspaces = {number: known.get(number) or Keyspace(self._store, number) for number in strong}
        self.downgrade = (self._store.get(Table.META, META_DOWNGRADE) or b"").decode()

    def _record_marks(self) -> None:
        # The default keyspace's are always written: they say that there is a state at all.
        writes: list[Write] = [self._keyspaces[0].marks_write()]
        if self._changed:
            writes += [space.marks_write() for identity, space in self._changed.items() if identity]
            self._changed = {}
        writes += applied_mark_writes(AppliedMark(self.applied_index, self.applied_term, self.chain))
        self._store.write(writes)


_OF_THE_CLUSTER: dict[int, Callable[[StateMachine, Command], Result]] = {
    CommandOperation.ALARM: StateMachine._change_alarms,
    CommandOperation.DOWNGRADE: StateMachine._change_downgrade,
    CommandOperation.KEYSPACE_CREATE: StateMachine._create_keyspace,
    CommandOperation.KEYSPACE_DROP: StateMachine._drop_keyspace,
    CommandOperation.REPLICA_ATTACH: StateMachine._attach_replica,
    CommandOperation.REPLICA_RETIRE: StateMachine._retire_replica,
}
"""Operations that belong to no keyspace, and what they do."""


def describe(entry: Entry) -> str:
    """The entry, for a message: never its data."""
    operation = "unreadable"
    try:
        command: Command = decode_command(entry.data)
        operation = CommandOperation(command.operation).name
    except (MalformedCommand, ValueError):
        pass
    return f"entry {entry.index} of term {entry.term} (kind {entry.kind}, {operation})"


def _readable(decode: Callable[[bytes], T], body: bytes) -> T:
    """The body of a command. Doors logged what they could read: to refuse it here alone would make this member
    differ, so what it cannot read stops it."""
    try:
        return decode(body)
    except InvalidRequest as error:
        raise MalformedCommand(str(error)) from None


def _without_frames(refusal: TricordError) -> TricordError:
    """A refusal is kept as a value: let go of the frames that raised it."""
    refusal.__context__ = None
    return refusal.with_traceback(None)
