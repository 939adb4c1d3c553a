# SPDX-License-Identifier: Apache-2.0
"""Requests, results and stamps of any shape."""

from __future__ import annotations

from hypothesis import strategies as st

from tricord.base.levels import Level, Stamp
from tricord.base.operations import (
    Compact,
    Compare,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    KeyValue,
    Put,
    PutResult,
    Range,
    RangeResult,
    Txn,
    TxnResult,
)

# Sizes around the steps of a varint, of which small ones are the most likely.
KEYS = st.binary(max_size=12) | st.sampled_from([127, 128, 300]).map(bytes)
VALUES = st.binary(max_size=12) | st.sampled_from([127, 128, 16383, 16384]).map(bytes)
INT64 = st.integers(0, 300) | st.integers(-(1 << 63), (1 << 63) - 1)
UINT64 = st.integers(0, 300) | st.integers(0, (1 << 64) - 1)
ENUM = st.integers(0, 5) | st.integers(-(1 << 31), (1 << 31) - 1)

RANGES = st.builds(
    Range, KEYS, KEYS, INT64, INT64, ENUM, ENUM, st.booleans(), st.booleans(), INT64, INT64, INT64, INT64
)
PUTS = st.builds(Put, KEYS, VALUES) | st.builds(Put, KEYS, VALUES, INT64, st.booleans(), st.booleans(), st.booleans())
DELETES = st.builds(DeleteRange, KEYS, KEYS, st.booleans())
COMPACTS = st.builds(Compact, INT64, st.booleans())
COMPARES = st.one_of(
    st.builds(Compare, KEYS, st.just(CompareTarget.VALUE), ENUM, VALUES, KEYS),
    st.builds(
        Compare,
        KEYS,
        st.sampled_from([CompareTarget.VERSION, CompareTarget.CREATE, CompareTarget.MOD, CompareTarget.LEASE]),
        ENUM,
        INT64,
        KEYS,
    ),
)
LEAVES = RANGES | PUTS | DELETES
TXNS = st.recursive(
    st.builds(Txn, st.lists(COMPARES, max_size=3), st.lists(LEAVES, max_size=3), st.lists(LEAVES, max_size=3)),
    lambda inner: st.builds(Txn, st.lists(COMPARES, max_size=2), st.lists(LEAVES | inner, max_size=3), st.just([])),
    max_leaves=4,
)

KEY_VALUES = st.builds(KeyValue, KEYS, VALUES, INT64, INT64, INT64, INT64) | st.builds(
    KeyValue, st.binary(min_size=1, max_size=20), VALUES, st.integers(1, 1 << 30), st.integers(1, 1 << 30), st.just(1)
)
RANGE_RESULTS = st.builds(RangeResult, st.lists(KEY_VALUES, max_size=4), st.booleans(), INT64)
PUT_RESULTS = st.builds(PutResult, st.none() | KEY_VALUES)
DELETE_RESULTS = st.builds(DeleteRangeResult, INT64, st.lists(KEY_VALUES, max_size=3))
LEAF_RESULTS = RANGE_RESULTS | PUT_RESULTS | DELETE_RESULTS
TXN_RESULTS = st.recursive(
    st.builds(TxnResult, st.booleans(), st.lists(LEAF_RESULTS, max_size=4)),
    lambda inner: st.builds(TxnResult, st.booleans(), st.lists(LEAF_RESULTS | inner, max_size=4)),
    max_leaves=4,
)
STAMPS = st.builds(Stamp, UINT64, UINT64, UINT64, st.integers(0, (1 << 63) - 1), st.just(Level.LINEARIZABLE))
