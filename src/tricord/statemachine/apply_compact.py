# SPDX-License-Identifier: Apache-2.0
"""The applier of Compact: only the mark moves here; space is freed by the sweep, at each member's own pace."""

from __future__ import annotations

from tricord.base.operations import Compact, CompactResult
from tricord.mvcc.keyspace import Keyspace
from tricord.mvcc.transaction import WriteTransaction


def apply_compact(_: Keyspace, transaction: WriteTransaction, request: Compact) -> CompactResult:
    """Move the compacted mark."""
    transaction.compact(request.revision)
    return CompactResult()
