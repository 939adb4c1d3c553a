# SPDX-License-Identifier: Apache-2.0
"""What a transaction sees of itself, against a plain dict, however its changes and its reads alternate."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mvcc.memory_store import MemoryStore
from tests.mvcc.space import Space
from tricord.base.operations import Put, Range, RangeResult, Txn
from tricord.base.ordered import Table
from tricord.mvcc.pending import PendingView

KEYS = st.integers(0, 60).map(lambda number: b"%02d" % number)
CHANGES = st.dictionaries(KEYS, st.sampled_from([b"1", b"2", b"", None]), max_size=40)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(KEYS, st.just(b"0"), max_size=20), st.lists(st.tuples(CHANGES, KEYS, KEYS | st.none()), max_size=5)
)
def test_changes_lie_over_what_was_there(
    there: dict[bytes, bytes], steps: list[tuple[dict[bytes, bytes | None], bytes, bytes | None]]
) -> None:
    store = MemoryStore()
    store.write([(Table.HEAD, key, record) for key, record in there.items()])
    changes: dict[bytes, bytes | None] = {}
    view = PendingView(store, changes)
    for added, start, end in steps:
        changes.update(added)
        whole = {key: record for key, record in (there | changes).items() if record}
        within = sorted((key, record) for key, record in whole.items() if start <= key and (end is None or key < end))
        assert list(view.scan(Table.HEAD, start, end)) == within
        assert view.count(Table.HEAD, start, end) == len(within)


def test_a_transaction_of_very_many_small_ranges_looks_at_what_is_in_them() -> None:
    """To look through all changes for each would take minutes."""
    space = Space()
    puts = Txn([], [Put(b"p%06d" % number, b"") for number in range(20_000)], [])
    ranges = Txn([], [Range(b"p%06d" % number, b"p%06d\0" % number) for number in range(20_000)], [])
    results = space.txn(Txn([], [puts, ranges], [])).results[1].results  # type: ignore[union-attr]
    assert all(isinstance(one, RangeResult) and one.count == 1 for one in results)
