# SPDX-License-Identifier: Apache-2.0
"""What a cluster says of its members: shared by engine, doors and client."""

from __future__ import annotations

from struct import Struct, error

from tricord.base.edges import EdgeStatus
from tricord.base.message import message

_FORMAT = 1
_HEAD = Struct(">BQH")
_LENGTH = Struct(">H")


@message
class MemberInfo:
    """What a cluster's configuration keeps about a member (``Configuration.info``). URLs are full.

    ``incarnation`` is the one of its data directory; 0: no directory has claimed the member yet.
    """

    name: str
    peer_urls: list[str]
    client_urls: list[str]
    incarnation: int = 0


def encode_member_info(info: MemberInfo) -> bytes:
    """Its one encoding."""
    parts = [_HEAD.pack(_FORMAT, info.incarnation, len(info.peer_urls))]
    for text in (info.name, *info.peer_urls, *info.client_urls):
        data = text.encode()
        parts += (_LENGTH.pack(len(data)), data)
    return b"".join(parts)


def decode_member_info(data: bytes) -> MemberInfo:
    """Raises ValueError for bytes that are none."""
    try:
        version, incarnation, peer_count = _HEAD.unpack_from(data)
        offset = _HEAD.size
        texts: list[str] = []
        while offset < len(data):
            (size,) = _LENGTH.unpack_from(data, offset)
            offset += _LENGTH.size
            if len(data) - offset < size:
                raise ValueError("what is kept about a member is cut short")
            texts.append(data[offset : offset + size].decode())
            offset += size
    except error:
        raise ValueError("what is kept about a member is cut short") from None
    if version != _FORMAT or len(texts) < 1 + peer_count:
        raise ValueError("what is kept about a member is damaged, or of a newer format")
    return MemberInfo(texts[0], texts[1 : 1 + peer_count], texts[1 + peer_count :], incarnation)


@message
class MemberRecord:
    """One member of the cluster as its configuration knows it. URLs are full: ``http://127.0.0.1:2379``."""

    id: int
    name: str
    peer_urls: list[str]
    client_urls: list[str]
    is_learner: bool = False


@message
class MemberStatus:
    """What this member knows of itself. Sizes are bytes; ``alarms`` are (member id, alarm name). ``member`` and
    ``revision`` (the store's) are what a client read beside the status; ``downgrade`` is the version that the cluster
    is marked to go back to."""

    version: str
    size_bytes: int
    used_bytes: int
    quota_bytes: int
    leader: int
    raft_term: int
    raft_index: int
    raft_applied_index: int
    is_learner: bool
    alarms: list[tuple[int, str]]
    errors: list[str]
    member: int = 0
    revision: int = 0
    downgrade: str = ""
    edge: EdgeStatus | None = None
    """Of an edge, which is no member: what it holds, and what of it is still to be sent."""
