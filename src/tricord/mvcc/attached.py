# SPDX-License-Identifier: Apache-2.0
"""Which keys are attached to a lease."""

from __future__ import annotations

from tricord.base.ordered import Table, View
from tricord.mvcc.keys import lease_key


def attached_keys(view: View, lease: int, prefix: bytes, stop: bytes | None) -> list[bytes]:
    """The lease's keys in one keyspace (its id is in front of each, as in HEAD), in order. Cost: those keys."""
    start = lease_key(lease)
    size = len(start)
    if stop is not None:
        end: bytes | None = start + stop
    else:
        end = None if start == b"\xff" * size else (int.from_bytes(start, "big") + 1).to_bytes(size, "big")
    return [key[size:] for key, _ in view.scan(Table.LEASE_KEYS, start + prefix, end)]
