# SPDX-License-Identifier: Apache-2.0
"""A proposal that was passed on keeps its answer when the lead changes: what the old leader did stays true."""

from __future__ import annotations

import dataclasses

from tests.raft.cluster import Cluster
from tricord.base.membership import Remove
from tricord.raft.events import ChangeConfiguration, Receive, Unreachable
from tricord.raft.forwarded import STARTS_KEPT
from tricord.raft.messages import ForwardedProposal, ForwardedProposalResult
from tricord.raft.output import FORWARDED, Output


def led_by_one() -> Cluster:
    """Three servers, of which 1 leads."""
    cluster = Cluster(3, pre_vote=False, check_quorum=False)
    cluster.elect(1)
    return cluster


def forwarded(cluster: Cluster, of: int) -> ForwardedProposal:
    """The request on its way from that server, taken from the network."""
    (found,) = [m for m in cluster.network if isinstance(m, ForwardedProposal) and m.sender == of]
    cluster.network.remove(found)
    return found


def answers(output: Output) -> list[ForwardedProposalResult]:
    return [message for message in output.messages if isinstance(message, ForwardedProposalResult)]


def test_the_old_leaders_answer_counts_in_a_new_term() -> None:
    cluster = led_by_one()
    cluster[2].propose(b"a")
    assert cluster[2].proposed == [FORWARDED]
    (answer,) = answers(cluster[1].raft.step([Receive(forwarded(cluster, 2))]))
    assert (answer.first_index, answer.term) == (2, 1)
    cluster.elect(3)
    assert cluster[2].raft.term == 2
    output = cluster[2].raft.step([Receive(answer)])
    assert output.answers.forwarded == [(1, 2, 1)]
    assert output.answers.lost == []


def test_a_request_that_the_network_doubled_is_taken_once() -> None:
    cluster = led_by_one()
    cluster[2].propose(b"a")
    request = forwarded(cluster, 2)
    assert len(cluster[1].raft.step([Receive(request)]).entries) == 1
    again = cluster[1].raft.step([Receive(request)])
    assert (again.entries, answers(again)) == ([], [])


def test_a_copy_that_comes_behind_a_request_of_a_later_start_is_taken_no_second_time() -> None:
    cluster = led_by_one()
    cluster[2].propose(b"a")
    early = forwarded(cluster, 2)
    assert len(cluster[1].raft.step([Receive(early)]).entries) == 1
    # 2 is started again, many times, and passes on more; then the network gives the copy that it kept.
    for start in range(1, STARTS_KEPT):
        late = dataclasses.replace(early, request=early.request + (start << 32), data=[b"b"])
        assert len(cluster[1].raft.step([Receive(late)]).entries) == 1
    again = cluster[1].raft.step([Receive(early)])
    assert (again.entries, answers(again)) == ([], [])
    assert len(cluster[1].raft.state.forwarded.taken[2]) == STARTS_KEPT
    cluster[1].raft.step([Receive(dataclasses.replace(late, request=late.request + (1 << 32)))])
    assert len(cluster[1].raft.state.forwarded.taken[2]) == STARTS_KEPT, "bounded"


def test_a_leader_of_then_says_that_it_did_nothing() -> None:
    cluster = led_by_one()
    cluster[2].propose(b"a")
    request = forwarded(cluster, 2)
    cluster.elect(3)
    (answer,) = answers(cluster[1].raft.step([Receive(request)]))
    assert cluster[2].raft.step([Receive(answer)]).answers.forwarded == [(1, 0, 2)]
    # Doubled by the network: it was answered, and the answer that counted is the first.
    assert answers(cluster[1].raft.step([Receive(request)])) == []


def test_a_process_that_began_later_does_not_say_so() -> None:
    cluster = led_by_one()
    cluster[2].propose(b"a")
    request = forwarded(cluster, 2)
    cluster[1].crash()
    cluster[1].start()
    assert answers(cluster[1].raft.step([Receive(request)])) == [], "a copy may have been taken before the crash"


def test_nobody_can_say_when_the_way_to_the_old_leader_broke() -> None:
    cluster = led_by_one()
    cluster[2].propose(b"a")
    cluster.network.clear()
    cluster.elect(3)
    assert cluster[2].raft.step([Unreachable(3)]).answers.lost == []
    assert cluster[2].raft.step([Unreachable(1)]).answers.lost == [1]


def test_one_that_left_is_told_what_became_of_its_commands_and_gives_no_more() -> None:
    cluster = led_by_one()
    cluster[3].propose(b"a")
    cluster[1].step(Receive(forwarded(cluster, 3)))
    cluster.network[:] = [m for m in cluster.network if m.receiver != 3]  # what it is sent comes late
    cluster[1].step(ChangeConfiguration([Remove(3)], joint=False))
    cluster.settle()
    cluster[1].tick(2)
    cluster.settle()
    assert cluster[1].raft.state.configuration.voters == (1, 2)
    assert cluster[3].commands == [b"a"], "it holds all up to its going, and knows that it is committed"
    assert 3 not in cluster[1].raft.state.progress
    cluster[3].propose(b"b")
    (answer,) = answers(cluster[1].raft.step([Receive(forwarded(cluster, 3))]))
    assert answer.first_index == 0
