# SPDX-License-Identifier: Apache-2.0
"""Random requests for hypothesis: few keys, so that they meet; many that are refused, so that refusals are seen.

Revisions are small absolute numbers, right for a store that starts at revision 1; ``shifted`` moves a request to a
store that has a past.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tricord.base.leases import LeaseGrant, LeaseRevoke
from tricord.base.operations import (
    Compact,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Operation,
    Put,
    Range,
    Request,
    SortOrder,
    SortTarget,
    Txn,
)

KEYS = (b"a", b"b", b"aa", b"a\x00", b"\x00", b"\x00\xff", b"\xff", b"a\xff", b"c")
RANGE_ENDS = (b"", b"", b"\x00", b"b", b"c", b"a\x00", b"a\x00\x00", b"aa", b"\xff", b"\xff\xff", b"a")
VALUES = (b"", b"1", b"2", b"\x00", b"value")
REVISION_MAX = 20

keys = st.sampled_from(KEYS)
range_ends = st.sampled_from(RANGE_ENDS)
values = st.sampled_from(VALUES)
no_revision = st.just(0)
revisions = st.one_of(no_revision, no_revision, st.integers(-2, REVISION_MAX))
bounds = st.one_of(no_revision, no_revision, no_revision, st.integers(1, REVISION_MAX))
rarely = st.sampled_from((False, False, False, False, False, True))
leases = st.sampled_from((0, 0, 0, 0, 0, 0, 0, 7))

ranges = st.builds(
    Range,
    key=keys,
    range_end=range_ends,
    limit=st.integers(-1, 4),
    revision=revisions,
    sort_order=st.sampled_from(SortOrder),
    sort_target=st.sampled_from(SortTarget),
    keys_only=rarely,
    count_only=rarely,
    min_mod_revision=bounds,
    max_mod_revision=bounds,
    min_create_revision=bounds,
    max_create_revision=bounds,
)
"""Every option of a range; sort options are known ones (an unknown one crashes etcd 3.5)."""


@st.composite
def _puts(draw: st.DrawFn) -> Put:
    ignore_value, ignore_lease = draw(rarely), draw(rarely)
    value = b"" if ignore_value and not draw(rarely) else draw(values)
    lease = 0 if ignore_lease and not draw(rarely) else draw(leases)
    return Put(draw(keys), value, lease, draw(st.booleans()), ignore_value, ignore_lease)


@st.composite
def _compares(draw: st.DrawFn) -> Compare:
    target = draw(st.sampled_from(CompareTarget))
    operand: bytes | int
    if target == CompareTarget.VALUE:
        operand = draw(values)
    elif target in (CompareTarget.CREATE, CompareTarget.MOD):
        operand = draw(st.integers(0, REVISION_MAX))
    else:
        operand = draw(st.sampled_from((0, 1, 2, 7)))
    return Compare(draw(keys), target, draw(st.sampled_from(CompareResult)), operand, draw(range_ends))


puts = _puts()
compares = _compares()
deletes = st.builds(DeleteRange, key=keys, range_end=range_ends, previous=st.booleans())
compacts = st.builds(Compact, revision=st.integers(-1, REVISION_MAX), physical=st.booleans())


def _txns(operations: st.SearchStrategy[Operation]) -> st.SearchStrategy[Txn]:
    return st.builds(
        Txn,
        compares=st.lists(compares, max_size=2),
        success=st.lists(operations, max_size=4),
        failure=st.lists(operations, max_size=3),
    )


_simple: st.SearchStrategy[Operation] = st.one_of(puts, puts, deletes, ranges)
txns = _txns(st.one_of(_simple, _simple, _txns(st.one_of(_simple, _txns(_simple)))))
grants = st.builds(LeaseGrant, ttl=st.just(10), id=st.sampled_from((7, 8, 0)))
revokes = st.builds(LeaseRevoke, id=st.sampled_from((7, 8)))
requests: st.SearchStrategy[Request] = st.one_of(puts, puts, puts, deletes, ranges, txns, txns, compacts)
"""Any request, writes more often than reads."""


def shifted(request: Request, by: int) -> Request:
    """The request with every revision that it names moved up by ``by`` (0 and below stay)."""

    def move(revision: int) -> int:
        return revision + by if revision > 0 else revision

    if isinstance(request, Range):
        return replace(
            request,
            revision=move(request.revision),
            min_mod_revision=move(request.min_mod_revision),
            max_mod_revision=move(request.max_mod_revision),
            min_create_revision=move(request.min_create_revision),
            max_create_revision=move(request.max_create_revision),
        )
    if isinstance(request, Compact):
        return replace(request, revision=move(request.revision))
    if isinstance(request, Txn):
        return Txn(
            [_shifted_compare(compare, by) for compare in request.compares],
            [_shifted_operation(operation, by) for operation in request.success],
            [_shifted_operation(operation, by) for operation in request.failure],
        )
    return request


def _shifted_operation(operation: Operation, by: int) -> Operation:
    moved = shifted(operation, by)
    assert isinstance(moved, Range | Put | DeleteRange | Txn)
    return moved


def _shifted_compare(compare: Compare, by: int) -> Compare:
    if compare.target not in (CompareTarget.CREATE, CompareTarget.MOD) or not compare.operand:
        return compare
    assert isinstance(compare.operand, int)
    return replace(compare, operand=compare.operand + by)
