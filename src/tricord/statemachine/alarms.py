# SPDX-License-Identifier: Apache-2.0
"""The alarms that are raised, and what they refuse.

They are in META: every member has the same at the same index, restarts and snapshots included. An alarm refuses before
a request is proposed, and again where it is applied: what was proposed in time but comes behind the alarm in the log is
refused by all members alike.
"""

from __future__ import annotations

from struct import Struct

from tricord.base.alarms import AlarmKind
from tricord.base.errors import CorruptCluster, NoSpace, TricordError
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceDrop
from tricord.base.leases import LeaseExpire, LeaseGrant, LeaseRevoke
from tricord.base.operations import Compact, DeleteRange, Put, Request, Txn
from tricord.base.ordered import Table, View
from tricord.base.replica_sets import ReplicaAttach, ReplicaRetire

META_ALARMS = b"alarms"
"""Key in META: the alarms, as ``encode_alarms`` has them (absent: none)."""
ALARMS_MAX = 1000
"""More are not raised: a member id is whatever a client says."""

_FORMAT = 1
_ALARM = Struct(">QBB")

Alarms = dict[tuple[int, AlarmKind], bool]
"""(member, kind) -> whether the member's own measure raised it; such a one is cleared by the measure as well."""

_CHANGE_DATA: frozenset[type[Request]] = frozenset(
    (
        Put,
        DeleteRange,
        Txn,
        Compact,
        LeaseGrant,
        LeaseRevoke,
        LeaseExpire,
        KeyspaceCreate,
        KeyspaceDrop,
        ReplicaAttach,
        ReplicaRetire,
    )
)
"""What is refused while members' data differs: all that would change it. Reads are told apart before."""


def refusal_of(alarms: Alarms, request: Request) -> TricordError | None:
    """Why a write is refused under these alarms; None: it is not. Cost: the operations of a transaction."""
    kinds = {kind for _, kind in alarms}
    if AlarmKind.CORRUPT in kinds and type(request) in _CHANGE_DATA:
        return CorruptCluster()
    if AlarmKind.NOSPACE in kinds and grows(request):
        return NoSpace()
    return None


def grows(request: Request) -> bool:
    """Whether the request can make the store larger; deletes and compactions pass when space is short."""
    kind = type(request)
    if kind is Put or kind is LeaseGrant or kind is KeyspaceCreate or kind is ReplicaAttach:
        return True
    if type(request) is Txn:
        return any(map(grows, request.success)) or any(map(grows, request.failure))
    return False


def read_alarms(view: View) -> Alarms:
    """The alarms in ``view``."""
    record = view.get(Table.META, META_ALARMS)
    if not record:
        return {}
    assert record[0] == _FORMAT, f"the alarms in META have format {record[0]}"
    return {(member, AlarmKind(kind)): bool(automatic) for member, kind, automatic in _ALARM.iter_unpack(record[1:])}


def encode_alarms(alarms: Alarms) -> bytes:
    """Their record in META."""
    packed = [_ALARM.pack(member, kind, automatic) for (member, kind), automatic in sorted(alarms.items())]
    return bytes([_FORMAT]) + b"".join(packed)
