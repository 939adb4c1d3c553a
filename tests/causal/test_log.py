# SPDX-License-Identifier: Apache-2.0
"""Rows of a log that are at hand, and those in the tables, are the same."""

from __future__ import annotations

import random

import pytest

from tricord.base.dots import Origin
from tricord.base.hybrid_clock import HybridTime
from tricord.base.ordered import Table
from tricord.causal import recent_rows
from tricord.causal.log import Log
from tricord.causal.operation import make_operation
from tricord.storage.memory_backend import MemoryBackend, no_tables
from tricord.storage.overlay import Overlay


@pytest.mark.parametrize("seed", range(6))
def test_rows_at_hand_are_those_of_the_tables(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_rows, "BYTES_MAX", 600)
    monkeypatch.setattr(recent_rows, "GONE_MAX", 3)
    chance = random.Random(seed)
    store = Overlay(MemoryBackend(no_tables(), lambda tables: None, map_size=1 << 24))
    log = Log(store, 0)
    sequence = 0
    for step in range(300):
        if chance.random() < 0.02:
            log = Log(store, 0)
        if chance.random() < 0.6:
            sequence += 1
            writes = [(b"k", bytes(chance.randrange(40)))] * chance.randint(1, 3)
            made = make_operation(Origin(chance.randint(1, 3), 1), step + 1, HybridTime(0), [], writes)
            store.write([log.append_write(sequence, made, mine=chance.random() < 0.5)])
        else:
            rows = list(log.rows())
            oldest = rows[: chance.randint(0, 4)] if chance.random() < 0.7 else chance.sample(rows, min(2, len(rows)))
            store.write([log.drop_write(row) for row in oldest])
        first = chance.randint(0, sequence + 1)
        last = chance.choice((None, chance.randint(first, sequence + 1)))
        assert list(log.rows(first, last)) == list(Log(store, 0).rows(first, last))
        held = {row.sequence: row.data for row in Log(store, 0).rows()}
        assert log.data_of(first) == held.get(first)
        assert log.bytes_held == sum(len(data) for _, data in store.scan(Table.OPERATIONS, b"", None))
