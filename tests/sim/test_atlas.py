# SPDX-License-Identifier: Apache-2.0
"""The atlas never lets more copies be away or damaged than the promise allows, whatever comes in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tricord.sim.atlas import Atlas
from tricord.sim.fault_kinds import KINDS, Cost

NAMES = [f"n{number}" for number in range(1, 8)]
kinds_that_cost = [
    kind.name for kind in KINDS.values() if kind.cost in (Cost.DOWN, Cost.LOST) and kind.name != "upgrade"
]
steps = st.lists(
    st.tuples(
        st.sampled_from([*kinds_that_cost, "add-member", "remove-member", "replace-member", "back", "whole"]),
        st.sampled_from(NAMES),
    ),
    max_size=60,
)


@given(st.sampled_from([1, 3, 5]), steps)
def test_a_majority_is_whole_after_everything_that_it_permits(size: int, todo: list[tuple[str, str]]) -> None:
    atlas = Atlas(NAMES[:size])
    away: dict[str, int] = {}
    for what, member in todo:
        if what == "back":
            if away.get(member):
                away[member] -= 1
                atlas.back(member)
        elif what == "whole":
            atlas.whole(member)
        elif atlas.permits(what, (member,)):
            _strike(atlas, what, member, away)
        assert len(atlas.damaged) <= (len(atlas.voters) - 1) // 2
        assert set(atlas.lost) <= set(atlas.damaged) <= set(atlas.voters)


def _strike(atlas: Atlas, kind: str, member: str, away: dict[str, int]) -> None:
    if kind == "add-member":
        new = next((name for name in NAMES if name not in atlas.voters), None)
        if new is not None:
            away[new] = 0
            atlas.join(new)
    elif kind in ("remove-member", "replace-member"):
        is_voter = member in atlas.voters
        atlas.leave(member)
        away[member] = 0
        if is_voter and kind == "replace-member":
            atlas.join(member)
    elif member in atlas.voters:
        away[member] = away.get(member, 0) + 1
        atlas.away(member)
        if KINDS[kind].cost is Cost.LOST:
            atlas.lose(member)


def test_a_member_on_an_older_disk_counts_until_it_has_caught_up() -> None:
    atlas = Atlas(["n1", "n2", "n3"])
    assert atlas.permits("stale-disk", ["n1"])
    atlas.away("n1")
    atlas.lose("n1")
    assert not atlas.permits("crash", ["n2"])
    assert atlas.permits("crash", ["n1"])
    atlas.back("n1")
    assert not atlas.permits("crash", ["n2"])
    assert not atlas.permits("power-cut")
    assert not atlas.permits("upgrade")
    atlas.whole("n1")
    assert atlas.permits("crash", ["n2"])
    assert atlas.permits("power-cut")


def test_a_member_is_back_when_every_reason_to_be_away_is_over() -> None:
    atlas = Atlas(["n1", "n2", "n3"])
    atlas.away("n1")
    atlas.away("n1")
    atlas.back("n1")
    assert atlas.damaged == ["n1"]
    atlas.back("n1")
    assert atlas.damaged == []


def test_who_is_damaged_may_leave_and_who_is_needed_may_not() -> None:
    atlas = Atlas(["n1", "n2", "n3"])
    atlas.away("n1")
    assert atlas.permits("remove-member", ["n1"])
    assert not atlas.permits("remove-member", ["n2"])
    assert atlas.permits("replace-member", ["n1"])
    assert not atlas.permits("add-member")
    atlas.leave("n1")
    assert not atlas.permits("crash", ["n2"])
    assert atlas.permits("partition", ["n2"])
