# SPDX-License-Identifier: Apache-2.0
"""Three members of tricord and three of a real etcd are asked for the same changes of their members, in the same state,
and must answer the same: code and text, or who the members are then.

etcd calls a cluster unhealthy for five seconds after its start, so the story begins when it no longer does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from tests.peers.clusters import Cluster, eventually
from tricord.wire.schemas import cluster as schema
from tricord.wire.schemas import kv, maintenance

SECONDS = 60.0
UNHEALTHY = ("UNAVAILABLE", "etcdserver: unhealthy cluster")

ANSWERS: dict[str, type[Message]] = {
    "MemberAdd": schema.MemberAddResponse,
    "MemberRemove": schema.MemberRemoveResponse,
    "MemberUpdate": schema.MemberUpdateResponse,
    "MemberPromote": schema.MemberPromoteResponse,
    "MemberList": schema.MemberListResponse,
    "MoveLeader": maintenance.MoveLeaderResponse,
}


class Asked:
    """A cluster that is asked by members' names; answers are told in names and places, too."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        leader = cluster.leader()
        self.places = {"leader": leader}
        followers = [name for name in cluster.members if name != leader]
        self.places |= {f"follower {number}": name for number, name in enumerate(followers, 1)}
        self.ids = {place: self.id_of(name) for place, name in self.places.items()}
        self.ids |= {"nobody": 5, "none": 0}

    def id_of(self, name: str) -> int:
        return eventually(self.cluster.members[name].standing, f"{name} to answer").member

    def url_of(self, place: str) -> str:
        return self.cluster.members[self.places[place]].peer_url

    def call(self, place: str, method: str, **request: Any) -> Any:
        """What the member there answers: the members by place, or (code, text)."""
        service = "Maintenance" if method == "MoveLeader" else "Cluster"
        kind = getattr(maintenance if service == "Maintenance" else schema, f"{method}Request")
        raw = self.rpc(place, f"/etcdserverpb.{service}/{method}", kind(**request))
        if isinstance(raw, tuple):
            return raw
        answer: Any = ANSWERS[method].FromString(raw)
        if method == "MoveLeader":
            return answer.header.ByteSize()
        places = {member: place for place, member in self.ids.items()}
        return (
            answer.header.revision,
            sorted((places.get(member.ID, "new"), member.isLearner, bool(member.name)) for member in answer.members),
        )

    def rpc(self, place: str, path: str, request: Message) -> Any:
        endpoint = self.cluster.members[self.places[place]].endpoint
        with grpc.insecure_channel(endpoint) as channel:
            try:
                return channel.unary_unary(path)(request.SerializeToString(), timeout=SECONDS)
            except grpc.RpcError as error:
                assert isinstance(error, grpc.Call)
                return error.code().name, error.details()

    def add(self, place: str, url: str, *, learner: bool) -> Any:
        """As ``call``; the new member is then known as ``learner`` or ``voter``."""
        raw = self.rpc(
            place, "/etcdserverpb.Cluster/MemberAdd", schema.MemberAddRequest(peerURLs=[url], isLearner=learner)
        )
        if isinstance(raw, tuple):
            return raw
        member = schema.MemberAddResponse.FromString(raw).member
        self.ids["learner" if learner else "voter"] = member.ID
        return member.name, list(member.peerURLs) == [url], list(member.clientURLs), member.isLearner

    def until_healthy(self) -> None:
        """Until it no longer calls itself unhealthy. What is asked for is refused for another reason then."""
        taken = self.url_of("leader")
        eventually(lambda: self.add("leader", taken, learner=False) != UNHEALTHY, f"{self.cluster.kind} to be healthy")


Pair = tuple[Asked, Asked]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("membership")
    with Cluster("tricord", folder / "tricord") as tricord, Cluster("etcd", folder / "etcd") as etcd:
        both = Asked(tricord), Asked(etcd)
        for one in both:
            one.until_healthy()
        yield both


def same(pair: Pair, place: str, method: str, request: Any) -> Any:
    """Both give this answer. ``request`` is what each is asked, as a function of it."""
    ours, theirs = (one.call(place, method, **request(one)) for one in pair)
    assert ours == theirs, f"{method} at the {place}"
    return ours


def until(one: Asked, method: str, fits: Callable[[Any], bool], **request: Any) -> Any:
    """Ask the leader again and again until the answer fits: that one."""
    answers: list[Any] = []

    def answered() -> bool:
        answers.append(one.call("leader", method, **request))
        return fits(answers[-1])

    eventually(answered, f"{method} at {one.cluster.kind}")
    return answers[-1]


@pytest.mark.slow
@pytest.mark.peer("etcd")
def test_addresses_that_nobody_can_dial(pair: Pair) -> None:
    for urls in ([], ["bad"], ["http://x"], ["http://127.0.0.1:1/path"], ["ftp://127.0.0.1:1"], ["127.0.0.1:2380"]):
        answer = same(pair, "leader", "MemberAdd", lambda _, urls=urls: {"peerURLs": urls})
        assert answer == ("INVALID_ARGUMENT", "etcdserver: given member URLs are invalid")


@pytest.mark.slow
@pytest.mark.peer("etcd")
@pytest.mark.parametrize("place", ["leader", "follower 1"])
def test_changes_that_make_no_sense(pair: Pair, place: str) -> None:
    nobody = ("NOT_FOUND", "etcdserver: member not found")
    assert same(pair, place, "MemberRemove", lambda _: {"ID": 5}) == nobody
    assert same(pair, place, "MemberPromote", lambda _: {"ID": 5}) == nobody
    assert same(pair, place, "MemberUpdate", lambda _: {"ID": 5, "peerURLs": ["http://127.0.0.1:1"]}) == nobody
    taken = ("FAILED_PRECONDITION", "etcdserver: Peer URLs already exists")
    assert same(pair, place, "MemberAdd", lambda one: {"peerURLs": [one.url_of("leader")]}) == taken
    move = lambda one: {"ID": one.ids["leader"], "peerURLs": [one.url_of("follower 2")]}  # noqa: E731
    assert same(pair, place, "MemberUpdate", move) == taken
    voter = same(pair, place, "MemberPromote", lambda one: {"ID": one.ids["follower 2"]})
    assert voter == ("FAILED_PRECONDITION", "etcdserver: can only promote a learner member")


@pytest.mark.slow
@pytest.mark.peer("etcd")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("cluster/member/remove", {"ID": "5"}),
        ("cluster/member/promote", {"ID": 5}),
        ("cluster/member/update", {"ID": "5", "peerURLs": ["http://127.0.0.1:1"]}),
        ("cluster/member/add", {"peerURLs": ["bad"], "isLearner": True}),
        ("cluster/member/add", {"isLearner": "yes"}),
        ("maintenance/transfer-leadership", {"targetID": "5"}),
    ],
)
def test_json_says_the_same(pair: Pair, path: str, body: dict[str, Any]) -> None:
    ours, theirs = (
        one.cluster.members[one.places["leader"]].http("POST", f"/v3/{path}", json.dumps(body).encode()) for one in pair
    )
    assert ours[0] == theirs[0]
    if "yes" not in body.values():  # else the words are the parser's
        assert json.loads(ours[1]) == json.loads(theirs[1])


@pytest.mark.slow
@pytest.mark.peer("etcd")
def test_json_lists_the_members_in_the_same_form(pair: Pair) -> None:
    forms = []
    for one in pair:
        place = one.cluster.members[one.places["follower 1"]]
        status, answer = place.http("POST", "/v3/cluster/member/list", b'{"linearizable":true}')
        document = json.loads(answer)
        forms.append((status, sorted(document["header"]), [sorted(member) for member in document["members"]]))
    assert forms[0] == forms[1]


@pytest.mark.slow
@pytest.mark.peer("etcd")
def test_the_lead_is_moved_by_the_leader_to_a_voter(pair: Pair) -> None:
    for target in ("nobody", "none"):
        answer = same(pair, "leader", "MoveLeader", lambda one, target=target: {"targetID": one.ids[target]})
        assert answer == ("FAILED_PRECONDITION", "etcdserver: bad leader transferee")
    for target in ("leader", "follower 1", "nobody"):
        answer = same(pair, "follower 1", "MoveLeader", lambda one, target=target: {"targetID": one.ids[target]})
        assert answer == ("FAILED_PRECONDITION", "etcdserver: not leader")
    assert same(pair, "leader", "MoveLeader", lambda one: {"targetID": one.ids["leader"]}) == 0
    for there, back in (("leader", "follower 1"), ("follower 1", "leader")):
        assert same(pair, there, "MoveLeader", lambda one, back=back: {"targetID": one.ids[back]}) == 0
        assert same(pair, there, "MoveLeader", lambda one, back=back: {"targetID": one.ids[back]}) == (
            "FAILED_PRECONDITION",
            "etcdserver: not leader",
        )


@pytest.mark.slow
@pytest.mark.peer("etcd")
def test_a_learner_comes_and_goes(pair: Pair) -> None:
    joining = [one.cluster.prepare_to_join("n4") for one in pair]
    added = [one.add("follower 1", new.peer_url, learner=True) for one, new in zip(pair, joining, strict=True)]
    assert added == [("", True, [], True)] * 2
    for one in pair:
        one.places["learner"] = "n4"
    more = same(pair, "leader", "MemberAdd", lambda _: {"peerURLs": ["http://127.0.0.1:1"], "isLearner": True})
    assert more == ("FAILED_PRECONDITION", "etcdserver: too many learner members in cluster")
    behind = ("FAILED_PRECONDITION", "etcdserver: can only promote a learner member which is in sync with leader")
    for place in ("leader", "follower 2"):
        assert same(pair, place, "MemberPromote", lambda one: {"ID": one.ids["learner"]}) == behind
    assert same(pair, "leader", "MoveLeader", lambda one: {"targetID": one.ids["learner"]}) == (
        "FAILED_PRECONDITION",
        "etcdserver: bad leader transferee",
    )
    revision, members = same(pair, "follower 1", "MemberList", lambda _: {"linearizable": True})
    assert revision == 0
    assert members == [
        ("follower 1", False, True),
        ("follower 2", False, True),
        ("leader", False, True),
        ("learner", True, False),
    ]
    for new in joining:
        new.start(wait=False)
    for one in pair:
        promoted = until(one, "MemberPromote", lambda answer: answer != behind, ID=one.ids["learner"])
        assert promoted[1][3] == ("learner", False, True), promoted
    again = same(pair, "leader", "MemberPromote", lambda one: {"ID": one.ids["learner"]})
    assert again == ("FAILED_PRECONDITION", "etcdserver: can only promote a learner member")
    gone = same(pair, "leader", "MemberRemove", lambda one: {"ID": one.ids["learner"]})
    assert [member[0] for member in gone[1]] == ["follower 1", "follower 2", "leader"]
    assert same(pair, "leader", "MemberRemove", lambda one: {"ID": one.ids["learner"]}) == (
        "NOT_FOUND",
        "etcdserver: member not found",
    )
    for one in pair:
        one.cluster.members["n4"].close()
        one.cluster.drop("n4")


@pytest.mark.slow
@pytest.mark.peer("etcd")
def test_what_endangers_the_quorum_is_refused_and_the_dead_may_go(pair: Pair) -> None:
    for one in pair:
        one.cluster.kill(one.places["follower 2"])
    for one in pair:
        until(one, "MemberAdd", lambda answer: answer == UNHEALTHY, peerURLs=[one.url_of("leader")])
    assert same(pair, "leader", "MemberRemove", lambda one: {"ID": one.ids["follower 1"]}) == UNHEALTHY
    assert same(pair, "leader", "MemberAdd", lambda _: {"peerURLs": ["http://127.0.0.1:1"]}) == UNHEALTHY
    gone = same(pair, "leader", "MemberRemove", lambda one: {"ID": one.ids["follower 2"]})
    assert [member[0] for member in gone[1]] == ["follower 1", "leader"]
    for one in pair:
        one.cluster.drop(one.places["follower 2"])
        put = kv.PutRequest(key=b"after", value=b"all")
        assert isinstance(one.rpc("follower 1", "/etcdserverpb.KV/Put", put), bytes)
