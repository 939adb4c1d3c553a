# SPDX-License-Identifier: Apache-2.0
"""Response headers where a whole message is built; the KV service's are made in ``wire.etcd.responses``."""

from __future__ import annotations

from tricord.base.levels import Stamp
from tricord.wire.schemas.header import ResponseHeader


def header(stamp: Stamp) -> ResponseHeader:
    """The stamp as etcd's header."""
    return ResponseHeader(
        cluster_id=stamp.cluster, member_id=stamp.member, revision=stamp.revision, raft_term=stamp.term
    )


def member_header(stamp: Stamp) -> ResponseHeader:
    """The header of the Cluster service, which leaves the revision out."""
    return ResponseHeader(cluster_id=stamp.cluster, member_id=stamp.member, raft_term=stamp.term)
