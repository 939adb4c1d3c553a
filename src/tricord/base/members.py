# SPDX-License-Identifier: Apache-2.0
"""What a cluster says of its members: shared by engine, doors and client."""

from __future__ import annotations

from tricord.base.message import message


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
    """What this member knows of itself. Sizes are bytes; ``alarms`` are (member id, alarm name)."""

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
