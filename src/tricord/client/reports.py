# SPDX-License-Identifier: Apache-2.0
"""etcd's status and member list as our records. Loaded when first asked for: few programs do."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from tricord.base.errors import ServerFault
from tricord.base.members import MemberRecord, MemberStatus
from tricord.wire.schemas import cluster, maintenance

MEMBER_LIST: bytes = cluster.MemberListRequest(linearizable=True).SerializeToString()
"""The request for the member list as a majority knows it."""


def _parse(kind: Any, data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise ServerFault(f"the answer is not a valid {kind.__name__}: {error}") from None


def decode_status(data: bytes) -> MemberStatus:
    """A StatusResponse. Raises ServerFault."""
    m: maintenance.StatusResponse = _parse(maintenance.StatusResponse, data)
    return MemberStatus(
        version=m.version,
        size_bytes=m.dbSize,
        used_bytes=m.dbSizeInUse,
        quota_bytes=m.dbSizeQuota,
        leader=m.leader,
        raft_term=m.raftTerm,
        raft_index=m.raftIndex,
        raft_applied_index=m.raftAppliedIndex,
        is_learner=m.isLearner,
        alarms=[],
        errors=list(m.errors),
    )


def decode_members(data: bytes) -> list[MemberRecord]:
    """A MemberListResponse. Raises ServerFault."""
    m: cluster.MemberListResponse = _parse(cluster.MemberListResponse, data)
    return [
        MemberRecord(member.ID, member.name, list(member.peerURLs), list(member.clientURLs), member.isLearner)
        for member in m.members
    ]
