# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of requests and results: what doors, engine, client and state machine share.

Semantics are etcd v3's (KV API reference). Keys and values are bytes; revisions, versions and lease ids are integers
(0 means none). A range is ``[key, range_end)``: an empty ``range_end`` means the one key, ``b"\\0"`` means "from key
on".
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

from tricord.base.alarms import AlarmChange, AlarmChangeResult
from tricord.base.downgrading import DowngradeChange, DowngradeChangeResult
from tricord.base.keyspaces import (
    KeyspaceCreate,
    KeyspaceCreateResult,
    KeyspaceDrop,
    KeyspaceDropResult,
    KeyspaceList,
    KeyspaceListResult,
)
from tricord.base.leases import (
    LeaseCheckpoint,
    LeaseCheckpointResult,
    LeaseExpire,
    LeaseExpireResult,
    LeaseGrant,
    LeaseGrantResult,
    LeaseKeepAlive,
    LeaseKeepAliveResult,
    LeaseList,
    LeaseListResult,
    LeaseRevoke,
    LeaseRevokeResult,
    LeaseTimeToLive,
    LeaseTimeToLiveResult,
)
from tricord.base.message import message
from tricord.base.replica_sets import (
    KeyspaceDescribe,
    KeyspaceDescribeResult,
    ReplicaAttach,
    ReplicaAttachResult,
    ReplicaRetire,
    ReplicaRetireResult,
)
from tricord.base.typed import Fetch, TypedRequest, TypedResult


class SortOrder(IntEnum):
    """Order of a range's answer; numbers as on etcd's wire."""

    NONE = 0
    ASCEND = 1
    DESCEND = 2


class SortTarget(IntEnum):
    """What a range is sorted by; numbers as on etcd's wire."""

    KEY = 0
    VERSION = 1
    CREATE = 2
    MOD = 3
    VALUE = 4


class CompareResult(IntEnum):
    """The relation a compare asks for; numbers as on etcd's wire."""

    EQUAL = 0
    GREATER = 1
    LESS = 2
    NOT_EQUAL = 3


class CompareTarget(IntEnum):
    """What a compare looks at; numbers as on etcd's wire."""

    VERSION = 0
    CREATE = 1
    MOD = 2
    VALUE = 3
    LEASE = 4


class EventKind(IntEnum):
    """Kind of a change; numbers as on etcd's wire."""

    PUT = 0
    DELETE = 1


@message
class KeyValue:
    """One key at one revision."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int = 0

    @property
    def text(self) -> str:
        """The value as UTF-8 text. Raises UnicodeDecodeError where it is not."""
        return self.value.decode()


@message
class Event:
    """One change of one key. A DELETE's ``kv`` has only key and mod_revision (value empty, the others 0)."""

    kind: EventKind
    kv: KeyValue
    previous: KeyValue | None = None

    @property
    def key(self) -> bytes:
        """The key that changed."""
        return self.kv.key

    @property
    def value(self) -> bytes:
        """What it holds now; empty after a delete."""
        return self.kv.value

    @property
    def text(self) -> str:
        """The value as UTF-8 text. Raises UnicodeDecodeError where it is not."""
        return self.kv.value.decode()

    @property
    def revision(self) -> int:
        """The revision of the change."""
        return self.kv.mod_revision

    @property
    def deleted(self) -> bool:
        """Whether the key is gone."""
        return self.kind == EventKind.DELETE


@message
class Range:
    """Read a key or a range of keys."""

    key: bytes
    range_end: bytes = b""
    limit: int = 0
    revision: int = 0
    sort_order: int = SortOrder.NONE
    sort_target: int = SortTarget.KEY
    keys_only: bool = False
    count_only: bool = False
    min_mod_revision: int = 0
    max_mod_revision: int = 0
    min_create_revision: int = 0
    max_create_revision: int = 0


@message
class Put:
    """Write one key."""

    key: bytes
    value: bytes
    lease: int = 0
    previous: bool = False
    ignore_value: bool = False
    ignore_lease: bool = False


@message
class DeleteRange:
    """Delete a key or a range of keys."""

    key: bytes
    range_end: bytes = b""
    previous: bool = False


@message
class Compare:
    """One condition of a transaction; ``operand`` is bytes for VALUE and an integer for the other targets."""

    key: bytes
    target: int
    result: int
    operand: bytes | int
    range_end: bytes = b""


@message
class Txn:
    """If all compares hold then the ``success`` operations, else the ``failure`` operations, as one revision."""

    compares: list[Compare]
    success: list[Operation]
    failure: list[Operation]


@message
class Compact:
    """Forget what was superseded at or below ``revision``; ``physical`` answers after the space is free for use."""

    revision: int
    physical: bool = False


Operation: TypeAlias = Range | Put | DeleteRange | Txn
LeaseRequest: TypeAlias = (
    LeaseGrant | LeaseRevoke | LeaseExpire | LeaseCheckpoint | LeaseKeepAlive | LeaseTimeToLive | LeaseList
)
KeyspaceRequest: TypeAlias = (
    KeyspaceCreate | KeyspaceDrop | KeyspaceList | KeyspaceDescribe | ReplicaAttach | ReplicaRetire
)
Request: TypeAlias = (
    Range
    | Put
    | DeleteRange
    | Txn
    | Compact
    | LeaseRequest
    | KeyspaceRequest
    | AlarmChange
    | DowngradeChange
    | TypedRequest
)


@message
class RangeResult:
    """``count`` ignores the limit and the revision filters; ``more`` says that the limit cut."""

    kvs: list[KeyValue]
    more: bool
    count: int


@message
class PutResult:
    """``previous`` is None unless it was asked for and there was one."""

    previous: KeyValue | None = None


@message
class DeleteRangeResult:
    """How many keys were deleted, and what they held if that was asked for."""

    deleted: int
    previous: list[KeyValue]


@message
class TxnResult:
    """Which branch ran and what each of its operations answered, in order."""

    succeeded: bool
    results: list[OperationResult]


@message
class CompactResult:
    """Nothing to say but that it is done."""


OperationResult: TypeAlias = RangeResult | PutResult | DeleteRangeResult | TxnResult
LeaseResult: TypeAlias = (
    LeaseGrantResult
    | LeaseRevokeResult
    | LeaseExpireResult
    | LeaseCheckpointResult
    | LeaseKeepAliveResult
    | LeaseTimeToLiveResult
    | LeaseListResult
)
KeyspaceResult: TypeAlias = (
    KeyspaceCreateResult
    | KeyspaceDropResult
    | KeyspaceListResult
    | KeyspaceDescribeResult
    | ReplicaAttachResult
    | ReplicaRetireResult
)
Result: TypeAlias = (
    RangeResult
    | PutResult
    | DeleteRangeResult
    | TxnResult
    | CompactResult
    | LeaseResult
    | KeyspaceResult
    | AlarmChangeResult
    | DowngradeChangeResult
    | TypedResult
)


def is_read(request: Request) -> bool:
    """Whether the request cannot write, whatever branch it takes. Cost: its nested operations."""
    if type(request) is Range or type(request) is Fetch:
        return True
    if type(request) is Txn:
        return all(map(is_read, request.success)) and all(map(is_read, request.failure))
    return False
