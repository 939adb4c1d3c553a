# SPDX-License-Identifier: Apache-2.0
"""Random sequences of puts, deletes, transactions, compactions and reads: a member and a real etcd answer the same.

Both servers live through all sequences; each begins on an empty key space, and revisions are counted from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.etcd.cases import At, Step, compact, delete, get, put, txn
from tests.e2e.etcd.speaker import Speaker
from tests.peers.processes import EtcdProcess, MemberProcess

Pair = tuple[Speaker, Speaker]


@pytest.fixture(scope="module")
def pair(etcd_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A member and a real etcd of this module alone."""
    directory = tmp_path_factory.mktemp("random")
    with MemberProcess(directory / "tricord") as member, EtcdProcess(etcd_binary, directory / "etcd") as etcd:
        speakers = Speaker(member.endpoint), Speaker(etcd.endpoint)
        yield speakers
        for speaker in speakers:
            speaker.close()


# Few keys and values, so that operations meet; ends that lie before, on and between them.
KEYS = st.sampled_from([b"a", b"b", b"b\0", b"c", b"d"])
ENDS = st.sampled_from([b"", b"\0", b"a", b"b", b"b\0", b"c", b"e"])
VALUES = st.sampled_from([b"", b"1", b"2"])
REVISIONS = st.just(0) | st.integers(-1, 12).map(At)
FLAG = st.booleans()
ENUM = st.integers(0, 4)


def fields(strategy: Any) -> Any:
    """Some of the optional fields."""
    return st.fixed_dictionaries({}, optional=strategy)


PUTS = st.builds(
    lambda key, value, more: put(key, value, **more),
    KEYS,
    VALUES,
    fields({"prev_kv": FLAG, "ignore_value": FLAG, "ignore_lease": FLAG}),
)
DELETES = st.builds(lambda key, end, previous: delete(key, end, prev_kv=previous), KEYS, ENDS, FLAG)
RANGES = st.builds(
    lambda key, end, more: get(key, end, **more),
    KEYS,
    ENDS,
    fields(
        {
            "limit": st.integers(0, 3),
            "sort_order": st.integers(0, 2),
            "sort_target": ENUM,
            "keys_only": FLAG,
            "count_only": FLAG,
            "min_mod_revision": REVISIONS,
            "max_mod_revision": REVISIONS,
            "min_create_revision": REVISIONS,
            "max_create_revision": REVISIONS,
        }
    ),
)
PAST_RANGES = st.builds(
    lambda step, revision, serializable: (step[0], {**step[1], "revision": revision, "serializable": serializable}),
    RANGES,
    REVISIONS,
    FLAG,
)
COMPACTS = st.builds(
    lambda offset, physical: compact(At(offset), physical=physical), st.integers(0, 12), st.sampled_from([False, True])
)
COMPARES = st.one_of(
    st.builds(
        lambda key, end, result, target_and_union: {
            "key": key,
            "range_end": end,
            "result": result,
            "target": target_and_union[0],
            target_and_union[1]: target_and_union[2],
        },
        KEYS,
        ENDS,
        st.integers(0, 3),
        st.one_of(
            st.tuples(st.just(0), st.just("version"), st.integers(0, 2)),
            st.tuples(st.just(1), st.just("create_revision"), REVISIONS),
            st.tuples(st.just(2), st.just("mod_revision"), REVISIONS),
            st.tuples(st.just(3), st.just("value"), VALUES),
            st.tuples(st.just(4), st.just("lease"), st.integers(0, 1)),
        ),
    ),
)
OPERATIONS = st.recursive(
    PUTS | DELETES | RANGES,
    lambda inner: st.builds(
        lambda compares, success, failure: txn(*compares, then=success, orelse=failure),
        st.lists(COMPARES, max_size=1),
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2),
    ),
    max_leaves=4,
)
TXNS = st.builds(
    lambda compares, success, failure: txn(*compares, then=success, orelse=failure),
    st.lists(COMPARES, max_size=2),
    st.lists(OPERATIONS, max_size=4),
    st.lists(OPERATIONS, max_size=3),
)
STEPS = st.lists(PUTS | PUTS | DELETES | RANGES | PAST_RANGES | TXNS | TXNS | COMPACTS, min_size=1, max_size=12)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_both_answer_the_same(steps: list[Step], pair: Pair) -> None:
    tricord, etcd = pair
    everything = get(b"\0", b"\0")
    answers = tricord.run([*steps, everything])
    expected = etcd.run([*steps, everything])
    for step, answer, wanted in zip([*steps, everything], answers, expected, strict=True):
        assert answer == wanted, f"at {step}"
