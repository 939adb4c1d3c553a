# SPDX-License-Identifier: Apache-2.0
"""The command: what a log entry's data is. An envelope, then the request in etcd's protobuf schema.

::

    1 format version   1 operation   1 flags   4 group id   4 keyspace id   8 auth revision   8 deciding term
    [flag IDENTITY:  2 size, the user's name]
    [flag SESSION:   8 client session, 8 sequence]
    body

Numbers are big endian. A flag that this version does not know makes the command unreadable: its meaning could change
the outcome. (Flag 4 is free: it meant a guard, which is a compare of the request's own now, and nobody ever wrote it.)
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from struct import Struct
from typing import Any

from tricord.base.alarms import AlarmChange
from tricord.base.downgrading import DowngradeChange
from tricord.base.errors import InvalidRequest, MalformedCommand
from tricord.base.keyspaces import KeyspaceCreate, KeyspaceDrop
from tricord.base.leases import LeaseCheckpoint, LeaseExpire, LeaseGrant, LeaseRevoke
from tricord.base.message import message
from tricord.base.operations import Compact, DeleteRange, Put, Request, Txn
from tricord.base.replica_sets import ReplicaAttach, ReplicaRetire
from tricord.wire.etcd.requests import encode_request

FORMAT = 1
IDENTITY_BYTES_MAX = 0xFFFF

_HEADER = Struct(">BBBIIQQ")
_IDENTITY = Struct(">H")
_SESSION = Struct(">QQ")
_HEADER_SIZE = _HEADER.size
_pack = _HEADER.pack
_unpack = _HEADER.unpack_from


class CommandOperation(IntEnum):
    """What a command does. Numbers are part of the format and never reused."""

    PUT = 1
    DELETE_RANGE = 2
    TXN = 3
    COMPACT = 4
    LEASE_GRANT = 5
    LEASE_REVOKE = 6
    LEASE_EXPIRE = 7
    LEASE_CHECKPOINT = 8
    ALARM = 9
    DOWNGRADE = 10
    KEYSPACE_CREATE = 11
    KEYSPACE_DROP = 12
    REPLICA_ATTACH = 13
    REPLICA_RETIRE = 14


class CommandFlag(IntFlag):
    """Which optional parts an envelope has."""

    IDENTITY = 1
    SESSION = 2


_KNOWN_FLAGS = int(CommandFlag.IDENTITY | CommandFlag.SESSION)

OPERATION_OF: dict[type[Request], int] = {
    Put: CommandOperation.PUT,
    DeleteRange: CommandOperation.DELETE_RANGE,
    Txn: CommandOperation.TXN,
    Compact: CommandOperation.COMPACT,
    LeaseGrant: CommandOperation.LEASE_GRANT,
    LeaseRevoke: CommandOperation.LEASE_REVOKE,
    LeaseExpire: CommandOperation.LEASE_EXPIRE,
    LeaseCheckpoint: CommandOperation.LEASE_CHECKPOINT,
    AlarmChange: CommandOperation.ALARM,
    DowngradeChange: CommandOperation.DOWNGRADE,
    KeyspaceCreate: CommandOperation.KEYSPACE_CREATE,
    KeyspaceDrop: CommandOperation.KEYSPACE_DROP,
    ReplicaAttach: CommandOperation.REPLICA_ATTACH,
    ReplicaRetire: CommandOperation.REPLICA_RETIRE,
}
"""The operation of each request that may be logged."""


@message
class Command:
    """An envelope and its body. 0 and empty mean none."""

    operation: int
    body: bytes
    keyspace: int = 0
    group: int = 0
    auth_revision: int = 0
    deciding_term: int = 0
    identity: str = ""
    session: int = 0
    sequence: int = 0


def encode_command(
    request: Request, body: bytes | None, *, keyspace: int = 0, identity: str = "", deciding_term: int = 0
) -> bytes:
    """The command that asks for ``request``; ``body`` is its canonical protobuf where that is at hand.

    ``deciding_term`` is the term in which a member decided on the request by itself; 0: a client did.

    Raises InvalidRequest where a field is of a wrong type or over 64 bits.
    """
    operation = OPERATION_OF[type(request)]
    if body is None:
        try:
            body = encode_request(request)
        except (ValueError, TypeError) as error:
            raise InvalidRequest(f"the request cannot be encoded: {error}") from None
    if not identity:
        return _pack(FORMAT, operation, 0, 0, keyspace, 0, deciding_term) + body
    return encode_envelope(Command(operation, body, keyspace, deciding_term=deciding_term, identity=identity))


def encode_envelope(command: Command) -> bytes:
    """The bytes of any command. Raises InvalidRequest where the identity is over 65,535 bytes."""
    flags = 0
    parts: list[bytes] = [b""]
    if command.identity:
        name = command.identity.encode()
        if len(name) > IDENTITY_BYTES_MAX:
            raise InvalidRequest(f"a user's name has at most {IDENTITY_BYTES_MAX} bytes")
        flags |= CommandFlag.IDENTITY
        parts += (_IDENTITY.pack(len(name)), name)
    if command.session:
        flags |= CommandFlag.SESSION
        parts.append(_SESSION.pack(command.session, command.sequence))
    parts[0] = _pack(
        FORMAT,
        command.operation,
        flags,
        command.group,
        command.keyspace,
        command.auth_revision,
        command.deciding_term,
    )
    parts.append(command.body)
    return b"".join(parts)


def split_plain(data: bytes) -> tuple[int, int, bytes] | None:
    """(operation, keyspace, body) of a command without optional parts; None where ``decode_command`` must look."""
    if len(data) < _HEADER_SIZE:
        return None
    version, operation, flags, group, keyspace, _, deciding_term = _unpack(data)
    if flags or group or deciding_term or version != FORMAT:
        return None
    return operation, keyspace, data[_HEADER_SIZE:]


def decode_command(data: bytes) -> Command:
    """The command in ``data``. Raises MalformedCommand for any bytes that are none."""
    if len(data) < _HEADER_SIZE:
        raise MalformedCommand(f"a command has at least {_HEADER_SIZE} bytes, this has {len(data)}")
    version, operation, flags, group, keyspace, auth_revision, deciding_term = _unpack(data)
    if version != FORMAT:
        raise MalformedCommand(f"command format {version} is not known, only {FORMAT}")
    if not flags:
        return Command(operation, data[_HEADER_SIZE:], keyspace, group, auth_revision, deciding_term)
    if flags & ~_KNOWN_FLAGS:
        raise MalformedCommand(f"command flags {flags:#x} are not all known")
    optional: dict[str, Any] = {}
    offset = _optional_parts(data, flags, optional)
    return Command(operation, data[offset:], keyspace, group, auth_revision, deciding_term, **optional)


def _optional_parts(data: bytes, flags: int, into: dict[str, Any]) -> int:
    offset = _HEADER_SIZE
    if flags & CommandFlag.IDENTITY:
        size = int.from_bytes(_take(data, offset, 2), "big")
        try:
            into["identity"] = _take(data, offset + 2, size).decode()
        except UnicodeDecodeError:
            raise MalformedCommand("the user's name is not UTF-8") from None
        offset += 2 + size
    if flags & CommandFlag.SESSION:
        into["session"], into["sequence"] = _SESSION.unpack(_take(data, offset, _SESSION.size))
        offset += _SESSION.size
    return offset


def _take(data: bytes, offset: int, size: int) -> bytes:
    part = data[offset : offset + size]
    if len(part) != size:
        raise MalformedCommand("the command is cut short")
    return part
