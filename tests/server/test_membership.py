# SPDX-License-Identifier: Apache-2.0
"""Changes of the members: what the leader refuses, what it begins, and how another member passes a call on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from tricord.base.context import Context
from tricord.base.errors import MembershipRefused, NoLeader, OutcomeUnknown, TricordError
from tricord.base.members import MemberInfo, MemberRecord, decode_member_info, encode_member_info
from tricord.base.membership import AddLearner, AddVoter, Change, Configuration, Promote, Remove, UpdateInfo
from tricord.base.operations import Range
from tricord.server.leader_calls import LeaderAnswer, LeaderCall, decode_answer, decode_call, encode, refusing
from tricord.server.membership import Membership


def info(member: int, *, started: bool = True) -> bytes:
    url = f"http://h{member}:2379"
    return encode_member_info(MemberInfo(f"n{member}", [url], [url] if started else [], member if started else 0))


def configured(voters: tuple[int, ...], learners: tuple[int, ...] = (), absent: tuple[int, ...] = ()) -> Configuration:
    members = sorted(voters + learners)
    return Configuration(voters, learners=learners, info={m: info(m, started=m not in absent) for m in members})


class Cluster:
    """Member 1's side of a cluster whose core does what it is told at once."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.leader = 1
        self.client_urls = ["http://h1:2379"]
        self.is_learner = False
        self.silent: set[int] = set()
        self.fresh: set[int] = set()
        self.begun: list[Change] = []
        self.moved: list[int] = []
        self.calls: list[LeaderCall] = []
        self.refusals: list[TricordError] = []
        self.answers: list[LeaderAnswer | TricordError] = []
        self.asked: list[Range] = []
        self.tickets = 0
        self.membership = Membership(1, self, self.ask, self.new_ticket)

    async def ask(self, request: Range, context: Context) -> None:
        self.asked.append(request)

    def new_ticket(self) -> int:
        self.tickets += 1
        return self.tickets

    def is_active(self, member: int) -> bool:
        return member not in self.silent

    def is_steady(self, member: int) -> bool:
        return member not in self.silent | self.fresh

    def change(self, ticket: int, changes: list[Change]) -> None:
        if self.refusals:
            self.membership.dropped(ticket, self.refusals.pop(0))
            return
        self.begun += changes
        self.membership.ended(ticket)

    def transfer(self, ticket: int, target: int) -> None:
        self.moved.append(target)
        self.membership.ended(ticket)

    def new_member_id(self) -> int:
        return 99

    async def call_leader(self, call: LeaderCall) -> LeaderAnswer:
        self.calls.append(decode_call(encode(call)))
        answer = self.answers.pop(0)
        if isinstance(answer, TricordError):
            raise answer
        return decode_answer(encode(answer))

    async def until_led(self) -> None:
        return


THREE = configured((1, 2, 3))


def reason(cluster: Cluster, act: Callable[[Membership], Awaitable[object]]) -> str:
    with pytest.raises(MembershipRefused) as refused:
        asyncio.run(as_coroutine(act(cluster.membership)))
    assert not cluster.begun
    return refused.value.reason


async def as_coroutine(work: Awaitable[object]) -> None:
    await work


def test_a_linearizable_list_costs_one_read() -> None:
    cluster = Cluster(configured((1,), learners=(2,)))
    expected = [
        MemberRecord(1, "n1", ["http://h1:2379"], ["http://h1:2379"]),
        MemberRecord(2, "n2", ["http://h2:2379"], ["http://h2:2379"], True),
    ]
    assert asyncio.run(cluster.membership.list_members(False)) == expected
    assert not cluster.asked
    assert asyncio.run(cluster.membership.list_members(True)) == expected
    assert len(cluster.asked) == 1


def test_a_new_member_gets_an_id_and_is_known_by_its_address() -> None:
    cluster = Cluster(THREE)
    record = asyncio.run(cluster.membership.add_member(["http://h4:2379"], name="n4", learner=True))
    assert record == MemberRecord(99, "n4", ["http://h4:2379"], [], True)
    asyncio.run(cluster.membership.add_member(["http://h5:2379"]))
    learner, voter = cluster.begun
    assert isinstance(learner, AddLearner) and isinstance(voter, AddVoter)
    assert decode_member_info(learner.info) == MemberInfo("n4", ["http://h4:2379"], [])


def test_changes_that_make_no_sense_are_refused_with_the_reason() -> None:
    acts: dict[str, Callable[[Membership], Awaitable[object]]] = {
        "unknown_member": lambda membership: membership.remove_member(8),
        "not_a_learner": lambda membership: membership.promote_member(2),
        "bad_urls": lambda membership: membership.add_member(["h4:2379"]),
        "peer_url_exists": lambda membership: membership.update_member(2, ["http://h3:2379"]),
        "bad_transferee": lambda membership: membership.move_leader(8),
    }
    for expected, act in acts.items():
        assert reason(Cluster(THREE), act) == expected
    for urls in ([], ["ftp://h4:1"], ["http://h4"], ["http://h4:1/path"], ["http://h4:99999"]):
        assert reason(Cluster(THREE), partial(Membership.add_member, peer_urls=urls)) == "bad_urls"
    assert reason(Cluster(configured((1,))), lambda membership: membership.remove_member(1)) == "not_enough_started"
    full = Cluster(configured((1, 2), learners=(3,)))
    assert reason(full, lambda m: m.add_member(["http://h4:1"], learner=True)) == "too_many_learners"


def test_a_cluster_whose_members_have_just_met_is_changed_later() -> None:
    fresh = Cluster(THREE)
    fresh.fresh = {2, 3}
    acts: list[Callable[[Membership], Awaitable[object]]] = [
        lambda membership: membership.add_member(["http://h4:1"]),
        lambda membership: membership.add_member(["http://h4:1"], learner=True),
        lambda membership: membership.remove_member(3),
    ]
    for act in acts:
        assert reason(fresh, act) == "unhealthy"
    fresh.membership.strict = False
    for act in acts:
        asyncio.run(as_coroutine(act(fresh.membership)))
    assert len(fresh.begun) == 3
    alone = Cluster(configured((1,)))
    asyncio.run(as_coroutine(acts[0](alone.membership)))
    assert len(alone.begun) == 1


def test_a_member_comes_where_a_quorum_of_those_after_it_is_steady() -> None:
    five = Cluster(configured((1, 2, 3, 4, 5)))
    five.silent = {5}
    asyncio.run(five.membership.add_member(["http://h6:1"]))
    five.begun.clear()
    five.silent = {4, 5}
    assert reason(five, lambda membership: membership.add_member(["http://h6:1"])) == "unhealthy"
    # A learner has no part in a quorum: it may come to replace one that is down.
    three = Cluster(THREE)
    three.silent = {3}
    asyncio.run(three.membership.add_member(["http://h4:1"], learner=True))
    assert len(three.begun) == 1


def test_what_would_endanger_the_quorum_is_refused() -> None:
    # Of four voters two would have started; a quorum is three.
    waiting = Cluster(configured((1, 2, 3), absent=(3,)))
    assert reason(waiting, lambda membership: membership.add_member(["http://h4:1"])) == "not_enough_started"
    assert reason(waiting, lambda membership: membership.remove_member(2)) == "not_enough_started"
    silent = Cluster(THREE)
    silent.silent = {3}
    assert reason(silent, lambda membership: membership.add_member(["http://h4:1"])) == "unhealthy"
    assert reason(silent, lambda membership: membership.remove_member(2)) == "unhealthy"
    learner = Cluster(configured((1, 2, 3), learners=(4,)))
    learner.silent = {2}
    assert reason(learner, lambda membership: membership.replace_member(3, 4)) == "unhealthy"
    assert reason(learner, lambda membership: membership.replace_member(4, 4)) == "not_a_voter"
    assert reason(learner, lambda membership: membership.replace_member(3, 2)) == "not_a_learner"


@pytest.mark.parametrize(
    ("size", "silent", "allowed"),
    [
        (1, set(), True),
        (2, set(), True),
        (2, {2}, False),
        (3, set(), True),
        (3, {3}, True),
        (3, {2}, False),
        (3, {9}, False),
        (4, {2}, False),
        (5, {2}, True),
        (5, {2, 5}, True),
        (5, {2, 3}, False),
        (5, {2, 3, 5}, False),
    ],
)
def test_one_failure_must_leave_a_quorum_of_both_sets(size: int, silent: set[int], allowed: bool) -> None:
    """Member 9 takes the place of the last one; where that is silent, it is the failure."""
    cluster = Cluster(configured(tuple(range(1, size + 1)), learners=(9,)))
    cluster.silent = silent
    if allowed:
        asyncio.run(cluster.membership.replace_member(size, 9))
        assert cluster.begun == [Promote(9), Remove(size)]
    else:
        assert reason(cluster, lambda membership: membership.replace_member(size, 9)) == "unhealthy"


def test_a_dead_member_can_be_removed_and_replaced_in_one_change() -> None:
    cluster = Cluster(configured((1, 2, 3), learners=(4,)))
    cluster.silent = {3}
    asyncio.run(cluster.membership.replace_member(3, 4))
    assert cluster.begun == [Promote(4), Remove(3)]
    asyncio.run(cluster.membership.remove_member(3))
    assert cluster.begun[-1] == Remove(3)


def test_an_update_of_addresses_keeps_the_rest() -> None:
    cluster = Cluster(THREE)
    asyncio.run(cluster.membership.update_member(2, ["http://new:1"]))
    assert cluster.begun == [
        UpdateInfo(2, encode_member_info(MemberInfo("n2", ["http://new:1"], ["http://h2:2379"], 2)))
    ]


def test_another_member_passes_the_call_on_and_answers_when_it_sees_the_change() -> None:
    cluster = Cluster(THREE)
    cluster.leader = 2
    cluster.answers = [NoLeader(), refusing(NoLeader()), LeaderAnswer(member=7)]
    record = asyncio.run(cluster.membership.add_member(["http://h4:2379"]))
    assert record.id == 7
    assert len(cluster.calls) == 3
    assert len(cluster.asked) == 1
    cluster.answers = [refusing(MembershipRefused("no", reason="unhealthy"))]
    assert reason(cluster, lambda membership: membership.remove_member(3)) == "unhealthy"
    cluster.answers = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        asyncio.run(cluster.membership.remove_member(3))
    assert reason(cluster, lambda membership: membership.move_leader(3)) == "not_leader"


def test_the_leader_answers_calls_of_others_and_one_that_is_none_says_so() -> None:
    cluster = Cluster(THREE)
    answer = asyncio.run(cluster.membership.answer(LeaderCall("remove_member", 3)))
    assert answer == LeaderAnswer()
    assert asyncio.run(cluster.membership.answer(LeaderCall("dance"))).reason == "unknown_operation"
    cluster.leader = 2
    assert asyncio.run(cluster.membership.answer(LeaderCall("remove_member", 3))).code == "no_leader"


def test_a_change_waits_for_another_one_that_is_under_way() -> None:
    cluster = Cluster(THREE)
    cluster.refusals = [MembershipRefused("wait", reason="change_pending"), NoLeader()]
    asyncio.run(cluster.membership.remove_member(3))
    assert cluster.begun == [Remove(3)]


def test_a_transfer_goes_to_a_voter_or_to_the_best_one() -> None:
    cluster = Cluster(configured((1, 2), learners=(3,)))
    asyncio.run(cluster.membership.move_leader(1))
    asyncio.run(cluster.membership.move_leader(2))
    asyncio.run(cluster.membership.move_leader(0))
    assert cluster.moved == [2, 0]
    assert reason(cluster, lambda membership: membership.move_leader(3)) == "bad_transferee"


def test_a_change_that_is_done_is_no_failure_where_the_member_that_was_asked_is_out_of_it() -> None:
    cluster = Cluster(configured((1, 2, 3)))
    cluster.leader = 2
    cluster.answers = [LeaderAnswer()]

    async def ask(request: Range, context: Context) -> None:
        raise NoLeader

    cluster.membership = Membership(1, cluster, ask, cluster.new_ticket)
    asyncio.run(cluster.membership.remove_member(1))
    assert [call.operation for call in cluster.calls] == ["remove_member"]


def test_without_the_strict_check_only_what_is_impossible_is_refused() -> None:
    cluster = Cluster(configured((1, 2), learners=(3,), absent=(2, 3)))
    cluster.silent = {2}
    cluster.membership.strict = False
    assert reason(cluster, lambda m: m.promote_member(2)) == "not_a_learner"
    asyncio.run(cluster.membership.add_member(["http://h4:1"]))
    asyncio.run(cluster.membership.remove_member(2))
    asyncio.run(cluster.membership.promote_member(3))
    assert [type(change) for change in cluster.begun] == [AddVoter, Remove, Promote]
    alone = Cluster(configured((1,)))
    alone.membership.strict = False
    assert reason(alone, lambda m: m.remove_member(1)) == "last_voter"


def test_how_many_learners_there_may_be_is_a_setting() -> None:
    cluster = Cluster(configured((1, 2), learners=(3,)))
    cluster.membership.learners_max = 0
    assert reason(cluster, lambda m: m.add_member(["http://h5:1"], learner=True)) == "too_many_learners"
    cluster.membership.learners_max = 2
    asyncio.run(cluster.membership.add_member(["http://h4:1"], learner=True))
    assert [type(change) for change in cluster.begun] == [AddLearner]
