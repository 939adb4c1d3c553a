# SPDX-License-Identifier: Apache-2.0
"""etcdctl at three members of tricord and three of etcd: health, hand-over of the lead, members that come and go."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.e2e.etcdctl.client import Etcdctl, gateway, unordered
from tests.e2e.etcdctl.masks import masked
from tests.e2e.test_client_stories import Stories
from tests.peers.clusters import Cluster, eventually

VERSIONS = [pytest.param(name, marks=pytest.mark.peer(name)) for name in ("etcdctl-3.4", "etcdctl-3.5", "etcdctl")]
pytestmark = pytest.mark.peer("etcd")


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Cluster]]:
    folder = tmp_path_factory.mktemp("clusters")
    made = [Cluster(kind, folder / kind) for kind in ("tricord", "etcd")]
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        for cluster in made:
            stack.callback(cluster.close)
        list(pool.map(lambda cluster: cluster.start(), made))
        eventually(lambda: all(can_be_found(cluster) for cluster in made), "all members' addresses")
        yield made


def can_be_found(cluster: Cluster) -> bool:
    """Whether everybody knows where clients reach each member: it says so soon after its start."""
    lists = [gateway(member, "cluster/member/list")["members"] for member in cluster.members.values()]
    return all(member.get("clientURLs") for members in lists for member in members)


def at(cluster: Cluster, name: str, *members: str) -> Etcdctl:
    """etcdctl that asks these members, by default all."""
    endpoints = ",".join(cluster.members[member].endpoint for member in members) or cluster.endpoints
    return Etcdctl(name, next(iter(cluster.members.values())), endpoints)


def id_of(cluster: Cluster, member: str) -> str:
    """A member's id in hex, as etcdctl writes it."""
    standing = eventually(cluster.members[member].standing, f"{member} to answer")
    return f"{standing.member:x}"


def told_well(etcdctl: Etcdctl, line: str) -> str:
    """Type the line until it ends well: the cluster may not be ready for it. What was printed in the end."""

    def ended_well() -> str | None:
        told = etcdctl.run(line).finish()
        return told if told.endswith("exit 0\n") else None

    return eventually(ended_well, f"{line} to end well")


def hand_over(cluster: Cluster, name: str) -> str:
    """The lead moves to a follower and back, by whom it may be asked; everybody is well before and after."""
    leader = cluster.leader()
    follower = next(member for member in cluster.members if member != leader)
    with closing(at(cluster, name)) as everybody, closing(at(cluster, name, follower)) as one:
        told = told_well(everybody, "endpoint health --cluster")
        told += everybody.run("put color red").finish() + one.run("get color").finish()
        told += one.run(f"move-leader {id_of(cluster, leader)}").finish()  # it does not lead
        told += everybody.run(f"move-leader {id_of(cluster, follower)}").finish()
        eventually(lambda: cluster.leader_now() == follower, f"{follower} to lead")
        told += one.run(f"move-leader {id_of(cluster, leader)}").finish()
        eventually(lambda: cluster.leader_now() == leader, f"{leader} to lead")
        told += everybody.run("move-leader 5").finish()
        cluster.wait_until_level()
        for line in ("endpoint health", "endpoint status --cluster", "endpoint hashkv", "member list", "alarm list"):
            told += told_well(everybody, line)
    return told


def come_and_go(cluster: Cluster, name: str) -> str:
    """A learner is added, started, promoted when it has caught up, and removed."""
    member = cluster.prepare_to_join("n4")
    with closing(at(cluster, name, "n1", "n2", "n3")) as etcdctl:
        told = told_well(etcdctl, f"member add n4 --learner --peer-urls={member.peer_url}")
        told = told.replace(id_of_learner(etcdctl), "LEARNER")
        cluster.start(["n4"])
        told += told_well(etcdctl, f"member promote {id_of(cluster, 'n4')}") + etcdctl.run("member list").finish()
        told += etcdctl.run(f"member promote {id_of(cluster, 'n4')}").finish()
        told += told_well(etcdctl, f"member remove {id_of(cluster, 'n4')}") + etcdctl.run("member list").finish()
    member.close()
    cluster.drop("n4")
    return told


def id_of_learner(etcdctl: Etcdctl) -> str:
    """The id of the member that is a learner, in hex."""
    return etcdctl.filled("{learner}", 0)


@pytest.mark.parametrize("name", VERSIONS)
def test_the_lead_is_handed_over(clusters: list[Cluster], name: str) -> None:
    assert_alike(clusters, lambda cluster: hand_over(cluster, name))


@pytest.mark.peer("etcdctl")
def test_a_member_comes_and_goes(clusters: list[Cluster]) -> None:
    assert_alike(clusters, lambda cluster: come_and_go(cluster, "etcdctl"))


@pytest.mark.peer("go-coordination")
@pytest.mark.parametrize("story", ["ordering", "election"])
def test_the_go_client_over_several_members(clusters: list[Cluster], peer: Callable[[str], Path], story: str) -> None:
    stories = Stories({cluster.kind: cluster.endpoints for cluster in clusters})
    stories.are_alike(lambda endpoints: [peer("go-coordination"), story, endpoints])


@pytest.mark.peer("go-coordination")
def test_the_go_client_when_the_leader_is_killed(clusters: list[Cluster], peer: Callable[[str], Path]) -> None:
    assert_alike(clusters, lambda cluster: survive(cluster, peer("go-coordination")))


def survive(cluster: Cluster, program: Path) -> str:
    """What a client tells that holds a session, a lock, an election's lead and a watch when the leader is killed."""
    command = [str(program), "failover", cluster.endpoints]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        assert client.stdin is not None and client.stdout is not None
        told = client.stdout.readline().decode()
        assert told == "ready\n", told + client.stdout.read().decode()
        leader = cluster.leader()
        cluster.kill(leader)
        eventually(lambda: cluster.leader_now() not in (None, leader), "another leader")
        told += client.communicate(b"\n", timeout=120)[0].decode()
    assert told.endswith("the end\n"), told
    cluster.start([leader])
    return told


@pytest.mark.parametrize("name", VERSIONS[1:])
def test_a_downgrade_is_begun_and_given_up(clusters: list[Cluster], name: str) -> None:
    def story(cluster: Cluster) -> str:
        with closing(at(cluster, name)) as etcdctl:
            lines = ("validate 3.5", "enable 3.5", "enable 3.5", "cancel", "cancel")
            return "".join(etcdctl.run(f"downgrade {line}").finish() for line in lines)

    assert_alike(clusters, story)


def assert_alike(clusters: list[Cluster], story: Callable[[Cluster], str]) -> None:
    """The story of each cluster, told at the same time, is the same but for the order of members."""
    with ThreadPoolExecutor() as pool:
        ours, theirs = (unordered(masked(told)) for told in pool.map(story, clusters))
    assert ours == theirs
