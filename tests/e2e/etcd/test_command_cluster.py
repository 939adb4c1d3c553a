# SPDX-License-Identifier: Apache-2.0
"""Clusters that three command lines make, as etcd's own guide writes them: TLS everywhere, one more that joins by what
`etcdctl member add` prints, one that is removed. `tricord etcd` and a real `etcd` live through the same.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.etcd.test_command import Authority
from tests.peers.clusters import eventually
from tests.peers.etcd_command import TRICORD, Command
from tests.peers.processes import clean_environment

pytestmark = [pytest.mark.peer("etcd"), pytest.mark.peer("etcdctl")]

NAMES = ("n1", "n2", "n3")
SECONDS = 60.0


class Story:
    """One cluster with TLS between all, and etcdctl to it."""

    def __init__(self, base: Sequence[str], etcdctl: Path, folder: Path) -> None:
        self.base = base
        self.etcdctl = etcdctl
        self.folder = folder
        self.authority = Authority(folder)
        self.members = {name: self.member(name) for name in NAMES}
        listed = ",".join(f"{name}={self.peer_url(name)}" for name in NAMES)
        for member in self.members.values():
            member.words += [f"--initial-cluster={listed}", "--initial-cluster-token=secured"]

    def member(self, name: str, **environment: str) -> Command:
        files = self.authority.folder
        words = [
            "--data-dir={dir}",
            "--listen-client-urls=https://{client}",
            "--advertise-client-urls=https://{client}",
            "--listen-peer-urls=https://{peer}",
            f"--cert-file={files}/server.pem",
            f"--key-file={files}/server.key",
            f"--trusted-ca-file={files}/ca.pem",
            "--client-cert-auth",
            f"--peer-cert-file={files}/server.pem",
            f"--peer-key-file={files}/server.key",
            f"--peer-trusted-ca-file={files}/ca.pem",
            "--peer-client-cert-auth",
            "--peer-cert-allowed-hostname=localhost",
        ]
        if not environment:
            words += [f"--name={name}", "--initial-advertise-peer-urls=https://{peer}"]
        return Command(
            self.base, self.folder / name, words, environment=environment, tls=self.authority.context("wanted")
        )

    def peer_url(self, name: str) -> str:
        return f"https://{self.members[name].places['peer']}"

    def ctl(self, *words: str, at: str = "n1") -> str:
        files = self.authority.folder
        tls = [f"--cacert={files}/ca.pem", f"--cert={files}/wanted.pem", f"--key={files}/wanted.key"]
        command = [str(self.etcdctl), f"--endpoints=https://{self.members[at].endpoint}", *tls, *words]
        done = subprocess.run(
            command, capture_output=True, text=True, env=clean_environment(), timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, name: str) -> Command:
        """`etcdctl member add`, when the cluster takes it, and the member that its output describes."""
        place = Command(self.base, self.folder / name, []).places["peer"]
        words = ("member", "add", name, f"--peer-urls=https://{place}")
        printed = eventually(lambda: self.tried(*words), "the cluster to take a member")
        environment = dict(re.findall(r'^(ETCD_\w+)="(.*)"$', printed, re.MULTILINE))
        added = self.member(name, **environment)
        added.words = [word.replace(added.places["peer"], place) for word in added.words]
        added.places["peer"] = place
        self.members[name] = added
        return added

    def tried(self, *words: str) -> str | None:
        """What etcdctl prints; None where it is refused, as in the first seconds of a cluster."""
        try:
            return self.ctl(*words)
        except AssertionError as error:
            assert "unhealthy cluster" in str(error), error
            return None


@pytest.fixture(scope="module", params=["tricord", "etcd"])
def story(
    request: pytest.FixtureRequest, peer: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    base = TRICORD if request.param == "tricord" else [str(peer("etcd"))]
    told = Story(base, peer("etcdctl"), tmp_path_factory.mktemp(f"secured-{request.param}"))
    with ExitStack() as stack:
        for member in told.members.values():
            stack.callback(member.close)
            member.start(wait=False)
        for member in told.members.values():
            member.wait_until_healthy()
        yield told


def test_three_command_lines_make_a_cluster(story: Story) -> None:
    story.ctl("put", "k", "v")
    assert story.ctl("get", "k", at="n3") == "k\nv\n"
    listed = json.loads(story.ctl("member", "list", "-w", "json"))["members"]
    assert sorted((one["name"], one["peerURLs"], one["clientURLs"]) for one in listed) == [
        (name, [story.peer_url(name)], [f"https://{story.members[name].endpoint}"]) for name in NAMES
    ]


def test_peers_without_a_certificate_get_no_hearing(story: Story) -> None:
    import socket

    for shown in ("", "wanted"):  # of the right authority, but with another host's name
        context = story.authority.context(shown)
        host, _, port = story.members["n1"].places["peer"].rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=host) as secured:
                    secured.sendall(b"GET /version HTTP/1.1\r\nhost: a\r\n\r\n")
                    assert secured.recv(1) == b""
            except OSError:
                continue


def test_a_member_joins_by_what_etcdctl_prints_and_leaves_when_it_is_removed(story: Story) -> None:
    story.ctl("put", "k", "v")
    added = story.add("n4")
    with added:
        assert eventually(lambda: story.ctl("get", "k", at="n4") == "k\nv\n", "the new member to know")
        listed = json.loads(story.ctl("member", "list", "-w", "json"))["members"]
        identity = next(one["ID"] for one in listed if one["name"] == "n4")
        story.ctl("member", "remove", f"{identity:x}")
        assert added.wait() == 0


def test_nobody_joins_whom_the_cluster_does_not_know(story: Story, tmp_path: Path) -> None:
    stranger = story.member("stranger")
    stranger.words.append(f"--initial-cluster=stranger=https://{stranger.places['peer']},n1={story.peer_url('n1')}")
    stranger.words.append("--initial-cluster-state=existing")
    stranger.start(wait=False)
    assert stranger.wait() == 1


def test_members_trust_certificates_that_they_make_for_each_other(peer: Callable[[str], Path], tmp_path: Path) -> None:
    words = [
        "--data-dir={dir}",
        "--listen-client-urls=http://{client}",
        "--advertise-client-urls=http://{client}",
        "--listen-peer-urls=https://{peer}",
        "--initial-advertise-peer-urls=https://{peer}",
        "--peer-auto-tls",
    ]
    members = {name: Command(TRICORD, tmp_path / name, [*words, f"--name={name}"]) for name in NAMES}
    listed = ",".join(f"{name}=https://{member.places['peer']}" for name, member in members.items())
    with ExitStack() as stack:
        for member in members.values():
            member.words.append(f"--initial-cluster={listed}")
            stack.callback(member.close)
            member.start(wait=False)
        for member in members.values():
            member.wait_until_healthy()
        host, _, port = members["n1"].places["peer"].rpartition(":")
        shown = ssl.get_server_certificate((host, int(port)))
        assert shown == (tmp_path / "n1" / "fixtures" / "peer" / "cert.pem").read_text()
        etcdctl = [str(peer("etcdctl")), f"--endpoints={members['n2'].endpoint}", "endpoint", "health", "--cluster"]
        subprocess.run(etcdctl, env=clean_environment(), timeout=SECONDS, check=True, capture_output=True)
