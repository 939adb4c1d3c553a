# SPDX-License-Identifier: Apache-2.0
"""Raft's messages as bytes: the body of a MESSAGES frame is one message after the other.

```
kind (1), flags (1), zero (2), size of what follows the head (4), sender (8), receiver (8), term (8)
fields of the kind, fixed
entries, commands, contexts or a configuration, where the kind has them
```

All numbers are big-endian. Pure: it stands here because ``wire`` knows no Raft.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import accumulate, pairwise
from struct import Struct, pack, unpack_from
from typing import Any

from tricord.base.membership import decode_configuration, encode_configuration
from tricord.raft.messages import (
    AppendEntries,
    AppendEntriesResult,
    ForwardedProposal,
    ForwardedProposalResult,
    ForwardedRead,
    ForwardedReadResult,
    InstallSnapshot,
    InstallSnapshotResult,
    Message,
    RequestVote,
    RequestVoteResult,
    TimeoutNow,
)
from tricord.transport.peer.entry_block import EncodedEntries, decode_entries
from tricord.transport.peer.host_message import HostMessage
from tricord.wire.peer.refusals import ProtocolFault

_HEAD = Struct(">BBHIQQQ")
_ONE = Struct(">Q")
_TWO = Struct(">QQ")
_FOUR = Struct(">QQQQ")
_VOTE = Struct(">QQq")
_COUNT = Struct(">I")
_INDEX_MAX = 2**62

_Ids = tuple[int, int, int]
"""Sender, receiver, term."""


def encode_messages(messages: Iterable[Message], entries: EncodedEntries | None = None) -> bytes:
    """The body of a frame. One ``entries`` for all frames of a call shares the blocks of entries between them."""
    return b"".join(message_parts(messages, entries or EncodedEntries()))


def message_parts(messages: Iterable[Message], entries: EncodedEntries) -> list[bytes]:
    """The same, in pieces that are not joined yet."""
    parts: list[bytes] = []
    for message in messages:
        if type(message) is AppendEntries:
            flags, fields, rest = _append_entries(message, entries)
            kind = _APPEND_ENTRIES
        else:
            kind, encode = _ENCODERS[type(message)]
            flags, fields, rest = encode(message)
        size = len(fields) + len(rest)
        parts.append(_HEAD.pack(kind, flags, 0, size, message.sender, message.receiver, message.term))
        parts.append(fields)
        if rest:
            parts.append(rest)
    return parts


def decode_messages(body: bytes) -> list[Message]:
    """The messages of a frame, in order. Raises ProtocolFault for any bytes that are none."""
    messages: list[Message] = []
    offset, size = 0, len(body)
    while offset < size:
        if size - offset < _HEAD.size:
            raise ProtocolFault("a message is cut short")
        kind, flags, zero, length, sender, receiver, term = _HEAD.unpack_from(body, offset)
        offset += _HEAD.size
        end = offset + length
        decode = _DECODERS.get(kind)
        if decode is None or zero:
            raise ProtocolFault(f"a message of kind {kind} is not known")
        known_flags, fixed_size, is_fixed, read = decode
        if flags & ~known_flags or end > size or length < fixed_size or (is_fixed and length > fixed_size):
            raise ProtocolFault(f"a message of kind {kind} is damaged")
        messages.append(read((sender, receiver, term), flags, body, offset, end))
        offset = end
    return messages


# --- kinds with lists --------------------------------------------------------------------------------------


def _append_entries(message: AppendEntries, entries: EncodedEntries) -> tuple[int, bytes, bytes]:
    fields = _FOUR.pack(message.prev_log_index, message.prev_log_term, message.leader_commit, message.read_round)
    flags = (1 if message.heartbeat else 0) | (2 if message.commit_only else 0) | (4 if message.quiesce else 0)
    if not message.entries:
        return flags, fields, b""
    assert message.entries[0].index == message.prev_log_index + 1, "entries follow the one before them"
    return flags, fields, entries.block(message.entries)


def _read_append_entries(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> AppendEntries:
    prev_log_index, prev_log_term, leader_commit, read_round = _FOUR.unpack_from(body, offset)
    offset += _FOUR.size
    entries = decode_entries(body, offset, end, prev_log_index + 1) if offset < end else []
    if prev_log_index > _INDEX_MAX:
        raise ProtocolFault("an index is beyond any log")
    if entries and not prev_log_term <= entries[0].term <= entries[-1].term <= ids[2]:
        raise ProtocolFault("entries have terms that do not fit their message")
    marks = (bool(flags & 1), bool(flags & 2), bool(flags & 4))
    return AppendEntries(*ids, prev_log_index, prev_log_term, entries, leader_commit, read_round, *marks)


def _forwarded_proposal(message: ForwardedProposal) -> tuple[int, bytes, bytes]:
    count = len(message.data)
    sizes = pack(f">I{count}I", count, *map(len, message.data))
    return 0, _ONE.pack(message.request), b"".join((sizes, *message.data))


def _read_forwarded_proposal(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> ForwardedProposal:
    (request,) = _ONE.unpack_from(body, offset)
    (count,) = _COUNT.unpack_from(body, offset + _ONE.size)
    sizes_at = offset + _ONE.size + _COUNT.size
    data_at = sizes_at + _COUNT.size * count
    if data_at > end:
        raise ProtocolFault("a forwarded proposal is cut short")
    bounds = list(accumulate(unpack_from(f">{count}I", body, sizes_at), initial=data_at))
    if bounds[-1] != end:
        raise ProtocolFault("a forwarded proposal has another size than it says")
    return ForwardedProposal(*ids, request, [body[start:stop] for start, stop in pairwise(bounds)])


def _contexts(body: bytes, offset: int, end: int) -> list[int]:
    count, rest = divmod(end - offset, _ONE.size)
    if rest:
        raise ProtocolFault("the contexts of a forwarded read are cut short")
    return list(unpack_from(f">{count}Q", body, offset))


def _forwarded_read(message: ForwardedRead) -> tuple[int, bytes, bytes]:
    return 0, pack(f">{len(message.contexts)}Q", *message.contexts), b""


def _read_forwarded_read(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> ForwardedRead:
    return ForwardedRead(*ids, _contexts(body, offset, end))


def _forwarded_read_result(message: ForwardedReadResult) -> tuple[int, bytes, bytes]:
    return 0, _ONE.pack(message.index), pack(f">{len(message.contexts)}Q", *message.contexts)


def _read_forwarded_read_result(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> ForwardedReadResult:
    return ForwardedReadResult(*ids, _contexts(body, offset + _ONE.size, end), _ONE.unpack_from(body, offset)[0])


def _install_snapshot(message: InstallSnapshot) -> tuple[int, bytes, bytes]:
    fields = _TWO.pack(message.last_included_index, message.last_included_term)
    return 0, fields, encode_configuration(message.configuration)


def _read_install_snapshot(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> InstallSnapshot:
    index, term = _TWO.unpack_from(body, offset)
    try:
        configuration = decode_configuration(body[offset + _TWO.size : end])
    except ValueError as error:
        raise ProtocolFault(f"a snapshot's configuration: {error}") from None
    return InstallSnapshot(*ids, index, term, configuration)


# --- kinds of fixed size -----------------------------------------------------------------------------------


def _request_vote(message: RequestVote) -> tuple[int, bytes, bytes]:
    flags = (1 if message.pre_vote else 0) | (2 if message.transfer else 0)
    return flags, _VOTE.pack(message.last_log_index, message.last_log_term, message.priority), b""


def _read_request_vote(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> RequestVote:
    index, term, priority = _VOTE.unpack_from(body, offset)
    return RequestVote(*ids, index, term, bool(flags & 1), bool(flags & 2), priority)


def _request_vote_result(message: RequestVoteResult) -> tuple[int, bytes, bytes]:
    return (1 if message.vote_granted else 0) | (2 if message.pre_vote else 0), b"", b""


def _read_request_vote_result(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> RequestVoteResult:
    return RequestVoteResult(*ids, bool(flags & 1), bool(flags & 2))


def _append_entries_result(message: AppendEntriesResult) -> tuple[int, bytes, bytes]:
    fields = _FOUR.pack(message.match_index, message.refused_index, message.read_round, message.match_term)
    return 1 if message.success else 0, fields, b""


def _read_append_entries_result(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> AppendEntriesResult:
    return AppendEntriesResult(*ids, bool(flags & 1), *_FOUR.unpack_from(body, offset))


def _install_snapshot_result(message: InstallSnapshotResult) -> tuple[int, bytes, bytes]:
    return 0, _ONE.pack(message.last_included_index), b""


def _read_install_snapshot_result(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> InstallSnapshotResult:
    return InstallSnapshotResult(*ids, _ONE.unpack_from(body, offset)[0])


def _timeout_now(message: TimeoutNow) -> tuple[int, bytes, bytes]:
    return 0, b"", b""


def _read_timeout_now(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> TimeoutNow:
    return TimeoutNow(*ids)


def _forwarded_proposal_result(message: ForwardedProposalResult) -> tuple[int, bytes, bytes]:
    return 0, _TWO.pack(message.request, message.first_index), b""


def _read_forwarded_proposal_result(
    ids: _Ids, flags: int, body: bytes, offset: int, end: int
) -> ForwardedProposalResult:
    return ForwardedProposalResult(*ids, *_TWO.unpack_from(body, offset))


def _host_message(message: HostMessage) -> tuple[int, bytes, bytes]:
    return 1 if message.is_answer else 0, _ONE.pack(message.request), message.data


def _read_host_message(ids: _Ids, flags: int, body: bytes, offset: int, end: int) -> HostMessage:
    (request,) = _ONE.unpack_from(body, offset)
    return HostMessage(*ids, request, bool(flags & 1), body[offset + _ONE.size : end])


# --- the tables --------------------------------------------------------------------------------------------

_APPEND_ENTRIES = 3

_ENCODERS: dict[type, tuple[int, Callable[[Any], tuple[int, bytes, bytes]]]] = {
    RequestVote: (1, _request_vote),
    RequestVoteResult: (2, _request_vote_result),
    AppendEntriesResult: (4, _append_entries_result),
    InstallSnapshot: (5, _install_snapshot),
    InstallSnapshotResult: (6, _install_snapshot_result),
    TimeoutNow: (7, _timeout_now),
    ForwardedProposal: (8, _forwarded_proposal),
    ForwardedProposalResult: (9, _forwarded_proposal_result),
    ForwardedRead: (10, _forwarded_read),
    ForwardedReadResult: (11, _forwarded_read_result),
    HostMessage: (12, _host_message),
}

_DECODERS: dict[int, tuple[int, int, bool, Callable[[_Ids, int, bytes, int, int], Any]]] = {
    1: (3, _VOTE.size, True, _read_request_vote),
    2: (3, 0, True, _read_request_vote_result),
    _APPEND_ENTRIES: (7, _FOUR.size, False, _read_append_entries),
    4: (1, _FOUR.size, True, _read_append_entries_result),
    5: (0, _TWO.size, False, _read_install_snapshot),
    6: (0, _ONE.size, True, _read_install_snapshot_result),
    7: (0, 0, True, _read_timeout_now),
    8: (0, _ONE.size + _COUNT.size, False, _read_forwarded_proposal),
    9: (0, _TWO.size, True, _read_forwarded_proposal_result),
    10: (0, 0, False, _read_forwarded_read),
    11: (0, _ONE.size, False, _read_forwarded_read_result),
    12: (1, _ONE.size, False, _read_host_message),
}
"""By kind: the flags it may have, the size of its fixed fields, whether nothing follows them, and how it is read."""
