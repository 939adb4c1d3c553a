# SPDX-License-Identifier: Apache-2.0
"""Results of etcd's KV service <-> ``base.operations``, with the stamp as etcd's response header.

Encoding builds the hot messages by hand: their header is the same but for the revision, so its ends are kept. Tests
hold every byte against protobuf's own encoding. Decoding is protobuf's.

Inside a transaction's answer each operation has a header with a revision alone: the transaction's own once an operation
up to and including it has changed something, the one before until then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tricord.base.errors import ServerFault
from tricord.base.leases import LeaseKeepAliveResult
from tricord.base.levels import Level, Stamp
from tricord.base.operations import (
    CompactResult,
    DeleteRangeResult,
    KeyValue,
    OperationResult,
    PutResult,
    RangeResult,
    Result,
    TxnResult,
)
from tricord.wire.etcd.answers import answer_of, stamp_of
from tricord.wire.etcd.leases import LEASE_BODIES
from tricord.wire.etcd.varint import SMALL, varint
from tricord.wire.schemas import kv, mvcc


class _HeaderParts:
    """The bytes of a header around its revision, for one member in one term."""

    __slots__ = ("back", "cluster", "fronts", "member", "term", "unrevised")

    def __init__(self, cluster: int, member: int, term: int) -> None:
        self.cluster = cluster
        self.member = member
        self.term = term
        ids = (b"\x08" + varint(cluster) if cluster else b"") + (b"\x10" + varint(member) if member else b"")
        self.back = b"\x20" + varint(term) if term else b""
        fixed = len(ids) + len(self.back)
        # By the size of the revision's varint: it counts in the header's own size, which is one byte (at most 44).
        self.fronts = [b"\x0a" + SMALL[fixed + 1 + size] + ids + b"\x18" for size in range(11)]
        self.unrevised = b"\x0a" + SMALL[fixed] + ids + self.back


# The parts used last: a member answers for itself, in one term at a time.
_parts = [_HeaderParts(0, 0, 0)]


def encode_header(stamp: Stamp) -> bytes:
    """Field 1 of every response: tag, size and the ResponseHeader. Cost: 0.5 us."""
    parts = _parts[0]
    if stamp.member != parts.member or stamp.term != parts.term or stamp.cluster != parts.cluster:
        parts = _parts[0] = _HeaderParts(stamp.cluster, stamp.member, stamp.term)
    if not stamp.revision:
        return parts.unrevised
    revision = varint(stamp.revision)
    return parts.fronts[len(revision)] + revision + parts.back


def encode_key_value(record: KeyValue) -> bytes:
    """A mvccpb.KeyValue. Cost: about 1 us."""
    key, value, version, created = record.key, record.value, record.version, record.create_revision
    key_size, value_size = len(key), len(value)
    modified = record.mod_revision
    if 0 < key_size < 128 and value_size and 0 < version < 128 and modified >= created > 0 and not record.lease:
        creation = varint(created)
        return b"\x0a%b%b\x10%b\x18%b\x20%b\x2a%b%b" % (
            SMALL[key_size],
            key,
            creation,
            creation if modified == created else varint(modified),
            SMALL[version],
            SMALL[value_size] if value_size < 128 else varint(value_size),
            value,
        )
    # Whatever is uncommon: the deleted, the empty, the leased, the long-lived.
    return mvcc.KeyValue(
        key=key,
        create_revision=created,
        mod_revision=modified,
        version=version,
        value=value,
        lease=record.lease,
    ).SerializeToString()


def _append_key_values(parts: list[bytes], tag: bytes, records: list[KeyValue]) -> None:
    for record in records:
        encoded = encode_key_value(record)
        parts += (tag, varint(len(encoded)), encoded)


def _range_body(result: RangeResult) -> bytes:
    """A RangeResponse but for its header."""
    return b"".join(_range_parts(result))


def _range_parts(result: RangeResult) -> list[bytes]:
    parts: list[bytes] = []
    _append_key_values(parts, b"\x12", result.kvs)
    if result.more:
        parts.append(b"\x18\x01")
    if result.count:
        parts += (b"\x20", varint(result.count))
    return parts


def _put_body(result: PutResult) -> bytes:
    if result.previous is None:
        return b""
    encoded = encode_key_value(result.previous)
    return b"".join((b"\x12", varint(len(encoded)), encoded))


def _delete_body(result: DeleteRangeResult) -> bytes:
    parts = [b"\x10", varint(result.deleted)] if result.deleted else []
    _append_key_values(parts, b"\x1a", result.previous)
    return b"".join(parts)


def _compact_body(result: CompactResult) -> bytes:
    return b""


def _writes(results: list[OperationResult]) -> bool:
    """Whether any of the operations changed a key."""
    for result in results:
        kind = type(result)
        if kind is PutResult:
            return True
        if kind is DeleteRangeResult and cast(DeleteRangeResult, result).deleted:
            return True
        if kind is TxnResult and _writes(cast(TxnResult, result).results):
            return True
    return False


class _Nested:
    """Encodes the operations of one transaction, in order, with the revision that each saw."""

    def __init__(self, revision: int) -> None:
        self.revision = revision

    def header(self) -> bytes:
        encoded = b"\x18" + varint(self.revision) if self.revision else b""
        return b"\x0a" + SMALL[len(encoded)] + encoded

    def operations(self, results: list[OperationResult], final: int) -> bytes:
        """The repeated ``responses`` field of a TxnResponse."""
        parts: list[bytes] = []
        for result in results:
            kind = type(result)
            if kind is TxnResult:
                nested = cast(TxnResult, result)
                inner = b"\x0a\x00" + (b"\x10\x01" if nested.succeeded else b"")
                inner += self.operations(nested.results, final)
            else:
                if kind is PutResult or (kind is DeleteRangeResult and cast(DeleteRangeResult, result).deleted):
                    self.revision = final
                inner = self.header() + _BODIES[kind](result)
            operation = _OPERATION_TAGS[kind] + varint(len(inner)) + inner
            parts += (b"\x1a", varint(len(operation)), operation)
        return b"".join(parts)


def _txn_response(result: TxnResult, stamp: Stamp) -> bytes:
    final = stamp.revision
    nested = _Nested(final - 1 if _writes(result.results) else final)
    succeeded = b"\x10\x01" if result.succeeded else b""
    return encode_header(stamp) + succeeded + nested.operations(result.results, final)


_BODIES: dict[type, Callable[[Any], bytes]] = {
    RangeResult: _range_body,
    PutResult: _put_body,
    DeleteRangeResult: _delete_body,
    CompactResult: _compact_body,
    **LEASE_BODIES,
}
_OPERATION_TAGS: dict[type, bytes] = {
    RangeResult: b"\x0a",
    PutResult: b"\x12",
    DeleteRangeResult: b"\x1a",
    TxnResult: b"\x22",
}


def encode_response(result: Result, stamp: Stamp) -> bytes:
    """The response message of whatever was asked. Cost: 1 us for a put, 2 us for one key, 1 us for each further key."""
    kind = type(result)
    if kind is PutResult and cast(PutResult, result).previous is None:
        return encode_header(stamp)
    if kind is TxnResult:
        return _txn_response(cast(TxnResult, result), stamp)
    if kind is RangeResult:
        return b"".join((encode_header(stamp), *_range_parts(cast(RangeResult, result))))  # many bytes, put down once
    return encode_header(stamp) + _BODIES[kind](result)


def encode_keep_alive_response(result: LeaseKeepAliveResult, stamp: Stamp) -> bytes:
    """A LeaseKeepAliveResponse. Cost: 1.5 us."""
    identity = b"\x10" + varint(result.id) if result.id else b""
    return encode_header(stamp) + identity + (b"\x18" + varint(result.ttl) if result.ttl else b"")


def encode_range_part(kvs: list[KeyValue]) -> bytes:
    """A RangeStreamResponse that is not the last: keys alone."""
    parts: list[bytes] = []
    _append_key_values(parts, b"\x12", kvs)
    body = b"".join(parts)
    return b"\x0a" + varint(len(body)) + body


def encode_range_end(result: RangeResult, stamp: Stamp) -> bytes:
    """The last RangeStreamResponse: header, more, count and the last keys."""
    body = encode_header(stamp) + _range_body(result)
    return b"\x0a" + varint(len(body)) + body


def _key_value(m: mvcc.KeyValue) -> KeyValue:
    return KeyValue(m.key, m.value, m.create_revision, m.mod_revision, m.version, m.lease)


def _range_result(m: kv.RangeResponse) -> RangeResult:
    return RangeResult([_key_value(record) for record in m.kvs], m.more, m.count)


def _put_result(m: kv.PutResponse) -> PutResult:
    return PutResult(_key_value(m.prev_kv) if m.HasField("prev_kv") else None)


def _delete_result(m: kv.DeleteRangeResponse) -> DeleteRangeResult:
    return DeleteRangeResult(m.deleted, [_key_value(record) for record in m.prev_kvs])


def _operation_result(m: kv.ResponseOp) -> OperationResult:
    kind = m.WhichOneof("response")
    if kind == "response_range":
        return _range_result(m.response_range)
    if kind == "response_put":
        return _put_result(m.response_put)
    if kind == "response_delete_range":
        return _delete_result(m.response_delete_range)
    if kind == "response_txn":
        return _txn_result(m.response_txn)
    raise ServerFault("the answer to a transaction holds an operation of no known kind")


def _txn_result(m: kv.TxnResponse) -> TxnResult:
    return TxnResult(m.succeeded, [_operation_result(operation) for operation in m.responses])


def decode_range_response(data: bytes, level: Level = Level.LINEARIZABLE) -> tuple[RangeResult, Stamp]:
    """A RangeResponse; ``level`` is the one that was asked for. Raises ServerFault for bytes that are none."""
    m: kv.RangeResponse = answer_of(kv.RangeResponse, data)
    return _range_result(m), stamp_of(m.header, level)


def decode_range_stream_response(data: bytes, level: Level = Level.LINEARIZABLE) -> tuple[RangeResult, Stamp | None]:
    """A part of a streamed range; the stamp is with the last one only. Raises ServerFault."""
    m: kv.RangeResponse = answer_of(kv.RangeStreamResponse, data).range_response
    return _range_result(m), stamp_of(m.header, level) if m.HasField("header") else None


def decode_put_response(data: bytes, level: Level = Level.LINEARIZABLE) -> tuple[PutResult, Stamp]:
    """A PutResponse. Raises ServerFault."""
    m: kv.PutResponse = answer_of(kv.PutResponse, data)
    return _put_result(m), stamp_of(m.header, level)


def decode_delete_range_response(data: bytes, level: Level = Level.LINEARIZABLE) -> tuple[DeleteRangeResult, Stamp]:
    """A DeleteRangeResponse. Raises ServerFault."""
    m: kv.DeleteRangeResponse = answer_of(kv.DeleteRangeResponse, data)
    return _delete_result(m), stamp_of(m.header, level)


def decode_txn_response(data: bytes, level: Level = Level.LINEARIZABLE) -> tuple[TxnResult, Stamp]:
    """A TxnResponse, nested ones too. Raises ServerFault."""
    m: kv.TxnResponse = answer_of(kv.TxnResponse, data)
    return _txn_result(m), stamp_of(m.header, level)


def decode_compact_response(data: bytes, level: Level = Level.LINEARIZABLE) -> tuple[CompactResult, Stamp]:
    """A CompactionResponse. Raises ServerFault."""
    m: kv.CompactionResponse = answer_of(kv.CompactionResponse, data)
    return CompactResult(), stamp_of(m.header, level)
