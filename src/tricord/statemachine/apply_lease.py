# SPDX-License-Identifier: Apache-2.0
"""Appliers of leases: LeaseGrant, LeaseRevoke, LeaseExpire, LeaseCheckpoint.

None of them knows a time. The member that took a grant chose an id and raised a time to live that is too short before
it proposed. What only a leader may propose says in which term it decided; the state machine refuses it in another.
"""

from __future__ import annotations

from tricord.base.errors import LeaseExists, LeaseNotFound, LeaseTimeToLiveTooLarge
from tricord.base.leases import (
    LEASE_TTL_MAX,
    LeaseCheckpoint,
    LeaseCheckpointResult,
    LeaseExpire,
    LeaseExpireResult,
    LeaseGrant,
    LeaseGrantResult,
    LeaseRevoke,
    LeaseRevokeResult,
)
from tricord.lease.records import LeaseRecord, decode_lease, encode_lease
from tricord.mvcc.keyspace import Keyspace
from tricord.mvcc.transaction import WriteTransaction


def apply_grant(_: Keyspace, transaction: WriteTransaction, request: LeaseGrant) -> LeaseGrantResult:
    """Make a lease. No revision: no key changes."""
    if not request.id:
        raise LeaseNotFound
    if request.ttl > LEASE_TTL_MAX:
        raise LeaseTimeToLiveTooLarge
    if transaction.lease(request.id) is not None:
        raise LeaseExists
    ttl = max(request.ttl, 1)
    transaction.set_lease(request.id, encode_lease(LeaseRecord(ttl)))
    return LeaseGrantResult(request.id, ttl)


def apply_revoke(_: Keyspace, transaction: WriteTransaction, request: LeaseRevoke) -> LeaseRevokeResult:
    """End a lease; its keys are deleted in one revision."""
    if transaction.lease(request.id) is None:
        raise LeaseNotFound
    transaction.end_lease(request.id)
    return LeaseRevokeResult()


def apply_expire(_: Keyspace, transaction: WriteTransaction, request: LeaseExpire) -> LeaseExpireResult:
    """End those that there are, once each; the keys of all are deleted in one revision, lease by lease."""
    found = [lease for lease in dict.fromkeys(request.ids) if transaction.lease(lease) is not None]
    for lease in found:
        transaction.end_lease(lease)
    return LeaseExpireResult(found)


def apply_checkpoint(_: Keyspace, transaction: WriteTransaction, request: LeaseCheckpoint) -> LeaseCheckpointResult:
    """Record what those that there are have left: never more than the full time, which is what 0 means."""
    for lease, remaining in request.remaining:
        data = transaction.lease(lease)
        if data is not None:
            ttl = decode_lease(data).ttl
            transaction.set_lease(lease, encode_lease(LeaseRecord(ttl, remaining if 0 < remaining <= ttl else 0)))
    return LeaseCheckpointResult()
