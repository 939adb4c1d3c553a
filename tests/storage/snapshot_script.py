# SPDX-License-Identifier: Apache-2.0
"""Backends with something in them, and snapshots of them."""

from __future__ import annotations

import random

from tests.storage.conftest import MAP_SIZE
from tricord.base.environment import Disk
from tricord.base.ordered import (
    META_APPLIED_INDEX,
    META_APPLIED_TERM,
    META_CONFIGURATION,
    Backend,
    BackendView,
    Table,
    Write,
)
from tricord.storage.snapshot_format import SnapshotInfo
from tricord.storage.snapshot_writer import write_snapshot

CLUSTER, HISTORY = 1, 3
"""As the member script's identity has them."""

Content = dict[Table, list[tuple[bytes, bytes]]]


def state_writes(index: int, term: int, records: int, seed: int = 1) -> list[Write]:
    """Records of several tables, with keys and values of all sizes, as of a place in the log."""
    choices = random.Random(seed)
    writes: list[Write] = [
        (Table.META, META_APPLIED_INDEX, index.to_bytes(8, "big")),
        (Table.META, META_APPLIED_TERM, term.to_bytes(8, "big")),
        (Table.META, META_CONFIGURATION, b"members of %d" % index),
    ]
    for number in range(records):
        key = b"%06d" % number + b"x" * (choices.randrange(1500) if number % 50 == 0 else 0)
        writes.append((Table.HEAD, key, choices.randbytes(choices.randrange(200))))
        writes.append((Table.REVISIONS, number.to_bytes(8, "big"), key))
    if records:
        writes.append((Table.HISTORY, b"large", choices.randbytes(300 << 10)))
    return writes


def filled(disk: Disk, path: str, index: int, term: int, records: int, seed: int = 1) -> Backend:
    """A backend at a place in the log."""
    backend = disk.open_backend(path, map_size=MAP_SIZE)
    backend.commit(state_writes(index, term, records, seed))
    return backend


def content_of(view: BackendView) -> Content:
    """All there is; closes the view."""
    try:
        return {table: list(view.scan(table, b"", None)) for table in Table}
    finally:
        view.close()


def snapshot_of(disk: Disk, path: str, backend: Backend) -> SnapshotInfo:
    """Write a snapshot of the backend as it is now."""
    view = backend.view()
    try:
        return write_snapshot(disk, path, view, cluster=CLUSTER, history=HISTORY)
    finally:
        view.close()
