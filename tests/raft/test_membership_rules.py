# SPDX-License-Identifier: Apache-2.0
"""The algebra of configurations: what follows from changes, by properties."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.base.membership import AddLearner, AddVoter, Change, Configuration, Demote, Promote, Remove, UpdateInfo
from tricord.raft.membership import changed, left
from tricord.raft.output import Refusal
from tricord.raft.quorum import VoteResult, election_result

ids = st.integers(1, 6)
KINDS: list[Callable[[int], Change]] = [
    AddVoter,
    AddLearner,
    Promote,
    Demote,
    Remove,
    lambda id: UpdateInfo(id, b"info"),
]
changes = st.lists(st.builds(lambda kind, id: kind(id), st.sampled_from(KINDS), ids), min_size=1, max_size=5)


@st.composite
def simple(draw: st.DrawFn) -> Configuration:
    """Some voters, some learners, and a word about each."""
    voters = draw(st.sets(ids, min_size=1))
    learners = draw(st.sets(ids)) - voters
    info = {id: b"%d" % id for id in sorted(voters | learners)}
    return Configuration(tuple(sorted(voters)), learners=tuple(sorted(learners)), info=info)


def majorities(configuration: Configuration) -> list[set[int]]:
    """All groups of the ids that decide by it."""
    groups = [{id for id in range(1, 7) if bits >> id & 1} for bits in range(0, 128, 2)]
    won = VoteResult.WON
    return [group for group in groups if election_result(configuration, dict.fromkeys(group, True)) is won]


@settings(deadline=None)
@given(simple(), changes, st.booleans())
def test_what_follows_is_well_formed_and_keeps_a_voter(before: Configuration, them: list[Change], joint: bool) -> None:
    after = changed(before, them, joint=joint)
    if isinstance(after, Refusal):
        return
    for one in (after, left(after)) if after.is_joint else (after,):
        sets = (one.voters, one.outgoing, one.learners, one.learners_next)
        assert all(list(members) == sorted(set(members)) for members in sets)
        assert one.voters
        assert not set(one.learners) & {*one.voters, *one.outgoing}, "who votes is no learner"
        assert set(one.learners_next) <= set(one.outgoing)
        assert not set(one.learners_next) & set(one.voters)
        assert set(one.info) <= set(one.members())
        assert list(one.info) == sorted(one.info)
    assert not left(after).is_joint


@settings(deadline=None)
@given(simple(), changes)
def test_a_joint_change_ends_where_the_steps_lead(before: Configuration, them: list[Change]) -> None:
    """One by one, in order, the same changes make the same voters and learners."""
    after = changed(before, them, joint=True)
    if isinstance(after, Refusal):
        return
    end = left(after) if after.is_joint else after
    voters, learners = set(before.voters), set(before.learners)
    for one in them:
        if isinstance(one, UpdateInfo):
            continue
        voters.discard(one.id)
        learners.discard(one.id)
        if isinstance(one, AddVoter | Promote):
            voters.add(one.id)
        elif not isinstance(one, Remove):
            learners.add(one.id)
    assert (set(end.voters), set(end.learners)) == (voters, learners)


@settings(deadline=None)
@given(simple(), changes, st.booleans())
def test_majorities_before_and_after_meet(before: Configuration, them: list[Change], joint: bool) -> None:
    """Sections 4.1 and 4.3: no step leads to a configuration that could decide without the one before."""
    after = changed(before, them, joint=joint)
    if isinstance(after, Refusal):
        return
    steps = [before, after, left(after)] if after.is_joint else [before, after]
    for old, new in pairwise(steps):
        for some in majorities(old):
            for others in majorities(new):
                assert some & others, f"{old} and {new} decide apart"


@settings(deadline=None)
@given(simple(), changes)
def test_voters_change_in_one_step_only_one_at_a_time(before: Configuration, them: list[Change]) -> None:
    after = changed(before, them, joint=False)
    if not isinstance(after, Refusal) and not after.is_joint:
        assert len(set(after.voters) ^ set(before.voters)) <= 1


@settings(deadline=None)
@given(simple())
def test_no_news_is_refused(before: Configuration) -> None:
    same: list[Change] = [UpdateInfo(before.voters[0], before.info[before.voters[0]])]
    assert changed(before, same, joint=True) is Refusal.NOTHING_TO_DO
