# SPDX-License-Identifier: Apache-2.0
"""Digests of what a member holds, to be compared among members."""

from __future__ import annotations

from tricord.base.message import message


@message
class ContentHash:
    """64 bits over all keys at ``revision``, whatever the member has swept. ``compacted`` is the keyspace's mark then,
    -1 before any compaction."""

    hash: int
    revision: int
    compacted: int
