# SPDX-License-Identifier: Apache-2.0
"""etcd's status, members and changes of them as our records. Loaded when first asked for: few programs do."""

from __future__ import annotations

from tricord.base.errors import InvalidRequest, MembershipRefused
from tricord.base.levels import Level, ReadLevel
from tricord.base.members import MemberRecord, MemberStatus
from tricord.client.changes import AddMember, MemberChange, PromoteMember, RemoveMember, ReplaceMember, UpdateMember
from tricord.wire.etcd.answers import answer_of
from tricord.wire.etcd.membership import valid_peer_urls
from tricord.wire.schemas import cluster, maintenance, membership

STATUS_PATH = "/etcdserverpb.Maintenance/Status"
SNAPSHOT_PATH = "/etcdserverpb.Maintenance/Snapshot"
MOVE_LEADER_PATH = "/etcdserverpb.Maintenance/MoveLeader"
_CLUSTER = "/etcdserverpb.Cluster/"

DESCRIBE_PATH = "/tricord.v1.Membership/Describe"


def encode_member_list(level: ReadLevel) -> bytes:
    """A MemberListRequest."""
    return cluster.MemberListRequest(linearizable=level is not Level.ANY).SerializeToString()


def decode_version(data: bytes) -> str:
    """The version in a DescribeResponse. Raises ServerFault."""
    m: membership.DescribeResponse = answer_of(membership.DescribeResponse, data)
    return m.version


def decode_snapshot(data: bytes) -> bytes:
    """The file's bytes in a SnapshotResponse. Raises ServerFault."""
    m: maintenance.SnapshotResponse = answer_of(maintenance.SnapshotResponse, data)
    return m.blob


def decode_status(data: bytes) -> MemberStatus:
    """A StatusResponse. Raises ServerFault."""
    m: maintenance.StatusResponse = answer_of(maintenance.StatusResponse, data)
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
        member=m.header.member_id,
        revision=m.header.revision,
    )


def decode_members(data: bytes) -> list[MemberRecord]:
    """A MemberListResponse. Raises ServerFault."""
    m: cluster.MemberListResponse = answer_of(cluster.MemberListResponse, data)
    return [_record(member) for member in m.members]


def _record(member: cluster.Member) -> MemberRecord:
    return MemberRecord(member.ID, member.name, list(member.peerURLs), list(member.clientURLs), member.isLearner)


def decode_added(data: bytes) -> MemberRecord:
    """The new member in a MemberAddResponse. Raises ServerFault."""
    m: cluster.MemberAddResponse = answer_of(cluster.MemberAddResponse, data)
    return _record(m.member)


def encode_move_leader(target: int) -> bytes:
    """A MoveLeaderRequest."""
    return maintenance.MoveLeaderRequest(targetID=target).SerializeToString()


def encode_change(change: MemberChange) -> tuple[str, bytes]:
    """The method that makes a change of the members, and its request. Raises InvalidRequest, MembershipRefused."""
    if isinstance(change, AddMember | UpdateMember) and not valid_peer_urls(change.peer_urls):
        # Checked here too: etcd takes bad ones for an update, and then falls over them.
        text = f"given member URLs are invalid: {', '.join(change.peer_urls) or 'none'}; write HOST:PORT"
        raise MembershipRefused(text, reason="bad_urls")
    try:
        if isinstance(change, AddMember):
            added = cluster.MemberAddRequest(peerURLs=change.peer_urls, isLearner=change.learner)
            return _CLUSTER + "MemberAdd", added.SerializeToString()
        if isinstance(change, UpdateMember):
            updated = cluster.MemberUpdateRequest(ID=change.id, peerURLs=change.peer_urls)
            return _CLUSTER + "MemberUpdate", updated.SerializeToString()
        if isinstance(change, RemoveMember):
            return _CLUSTER + "MemberRemove", cluster.MemberRemoveRequest(ID=change.id).SerializeToString()
        if isinstance(change, PromoteMember):
            return _CLUSTER + "MemberPromote", cluster.MemberPromoteRequest(ID=change.id).SerializeToString()
        assert isinstance(change, ReplaceMember)
        request = membership.ReplaceRequest(old=change.old, new=change.new)
        return "/tricord.v1.Membership/Replace", request.SerializeToString()
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"the change cannot be encoded: {error}") from None
