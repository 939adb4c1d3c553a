# SPDX-License-Identifier: Apache-2.0
"""The paths of the JSON gateway: which method each is, and the types of its messages."""

from __future__ import annotations

from google.protobuf.message import Message

from tricord.base.message import message
from tricord.wire.schemas import cluster, election, kv, lease, lock, maintenance, watch


@message
class Route:
    """A gRPC method, and what goes in and comes out (of a stream: each message)."""

    method: str
    request: type[Message]
    response: type[Message]


_LEASE_REVOKE = Route("/etcdserverpb.Lease/LeaseRevoke", lease.LeaseRevokeRequest, lease.LeaseRevokeResponse)
_LEASE_LEASES = Route("/etcdserverpb.Lease/LeaseLeases", lease.LeaseLeasesRequest, lease.LeaseLeasesResponse)
_TIME_TO_LIVE = Route(
    "/etcdserverpb.Lease/LeaseTimeToLive", lease.LeaseTimeToLiveRequest, lease.LeaseTimeToLiveResponse
)

ROUTES: dict[str, Route] = {
    "/v3/kv/range": Route("/etcdserverpb.KV/Range", kv.RangeRequest, kv.RangeResponse),
    "/v3/kv/put": Route("/etcdserverpb.KV/Put", kv.PutRequest, kv.PutResponse),
    "/v3/kv/deleterange": Route("/etcdserverpb.KV/DeleteRange", kv.DeleteRangeRequest, kv.DeleteRangeResponse),
    "/v3/kv/txn": Route("/etcdserverpb.KV/Txn", kv.TxnRequest, kv.TxnResponse),
    "/v3/kv/compaction": Route("/etcdserverpb.KV/Compact", kv.CompactionRequest, kv.CompactionResponse),
    "/v3/watch": Route("/etcdserverpb.Watch/Watch", watch.WatchRequest, watch.WatchResponse),
    "/v3/lease/grant": Route("/etcdserverpb.Lease/LeaseGrant", lease.LeaseGrantRequest, lease.LeaseGrantResponse),
    "/v3/lease/revoke": _LEASE_REVOKE,
    "/v3/kv/lease/revoke": _LEASE_REVOKE,
    "/v3/lease/keepalive": Route(
        "/etcdserverpb.Lease/LeaseKeepAlive", lease.LeaseKeepAliveRequest, lease.LeaseKeepAliveResponse
    ),
    "/v3/lease/timetolive": _TIME_TO_LIVE,
    "/v3/kv/lease/timetolive": _TIME_TO_LIVE,
    "/v3/lease/leases": _LEASE_LEASES,
    "/v3/kv/lease/leases": _LEASE_LEASES,
    "/v3/cluster/member/add": Route(
        "/etcdserverpb.Cluster/MemberAdd", cluster.MemberAddRequest, cluster.MemberAddResponse
    ),
    "/v3/cluster/member/remove": Route(
        "/etcdserverpb.Cluster/MemberRemove", cluster.MemberRemoveRequest, cluster.MemberRemoveResponse
    ),
    "/v3/cluster/member/update": Route(
        "/etcdserverpb.Cluster/MemberUpdate", cluster.MemberUpdateRequest, cluster.MemberUpdateResponse
    ),
    "/v3/cluster/member/list": Route(
        "/etcdserverpb.Cluster/MemberList", cluster.MemberListRequest, cluster.MemberListResponse
    ),
    "/v3/cluster/member/promote": Route(
        "/etcdserverpb.Cluster/MemberPromote", cluster.MemberPromoteRequest, cluster.MemberPromoteResponse
    ),
    "/v3/maintenance/alarm": Route(
        "/etcdserverpb.Maintenance/Alarm", maintenance.AlarmRequest, maintenance.AlarmResponse
    ),
    "/v3/maintenance/status": Route(
        "/etcdserverpb.Maintenance/Status", maintenance.StatusRequest, maintenance.StatusResponse
    ),
    "/v3/maintenance/defragment": Route(
        "/etcdserverpb.Maintenance/Defragment", maintenance.DefragmentRequest, maintenance.DefragmentResponse
    ),
    "/v3/maintenance/hash": Route("/etcdserverpb.Maintenance/Hash", maintenance.HashRequest, maintenance.HashResponse),
    "/v3/maintenance/hashkv": Route(
        "/etcdserverpb.Maintenance/HashKV", maintenance.HashKVRequest, maintenance.HashKVResponse
    ),
    "/v3/maintenance/snapshot": Route(
        "/etcdserverpb.Maintenance/Snapshot", maintenance.SnapshotRequest, maintenance.SnapshotResponse
    ),
    "/v3/maintenance/transfer-leadership": Route(
        "/etcdserverpb.Maintenance/MoveLeader", maintenance.MoveLeaderRequest, maintenance.MoveLeaderResponse
    ),
    "/v3/maintenance/downgrade": Route(
        "/etcdserverpb.Maintenance/Downgrade", maintenance.DowngradeRequest, maintenance.DowngradeResponse
    ),
    "/v3/lock/lock": Route("/v3lockpb.Lock/Lock", lock.LockRequest, lock.LockResponse),
    "/v3/lock/unlock": Route("/v3lockpb.Lock/Unlock", lock.UnlockRequest, lock.UnlockResponse),
    "/v3/election/campaign": Route(
        "/v3electionpb.Election/Campaign", election.CampaignRequest, election.CampaignResponse
    ),
    "/v3/election/proclaim": Route(
        "/v3electionpb.Election/Proclaim", election.ProclaimRequest, election.ProclaimResponse
    ),
    "/v3/election/leader": Route("/v3electionpb.Election/Leader", election.LeaderRequest, election.LeaderResponse),
    "/v3/election/observe": Route("/v3electionpb.Election/Observe", election.LeaderRequest, election.LeaderResponse),
    "/v3/election/resign": Route("/v3electionpb.Election/Resign", election.ResignRequest, election.ResignResponse),
}
