# SPDX-License-Identifier: Apache-2.0
"""The members of a cluster by SRV records, from a name server of the test's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.resolver import Resolver

from tricord.cli import etcd_plan
from tricord.cli.etcd_arguments import NotVerified, read_command_line
from tricord.cli.etcd_cluster import NoCluster
from tricord.cli.etcd_discovery import members_by_srv
from tricord.cli.etcd_plan import plan, verify

RECORDS = {
    "_etcd-server._tcp.plain.test.": ["0 0 2380 localhost.", "0 0 2381 localhost."],
    "_etcd-server-ssl._tcp.secure.test.": ["0 0 2380 localhost."],
    "_etcd-server-blue._tcp.plain.test.": ["0 0 2382 localhost."],
}


class NameServer:
    """Answers over UDP until it is closed."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while True:
            data, asker = self.socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            name = query.question[0].name.to_text()
            if name in RECORDS:
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", "SRV", *RECORDS[name]))
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(answer.to_wire(), asker)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


@pytest.fixture(scope="module")
def resolver() -> Iterator[Resolver]:
    server = NameServer()
    asking = Resolver(configure=False)
    asking.nameservers = ["127.0.0.1"]
    asking.port = server.socket.getsockname()[1]
    yield asking
    server.close()


def test_records_name_the_members_and_this_one_is_found_by_its_address(resolver: Resolver) -> None:
    cluster, listed = members_by_srv("plain.test", "", "n1", ("http://127.0.0.1:2381",), resolver)
    assert cluster == "localhost:2380=http://localhost:2380,localhost:2381=http://localhost:2381"
    assert listed == "localhost:2381"


def test_a_service_with_tls_and_one_with_a_suffix_are_their_own(resolver: Resolver) -> None:
    secure = members_by_srv("secure.test", "", "n1", ("https://localhost:2380",), resolver)
    assert secure == ("localhost:2380=https://localhost:2380", "localhost:2380")
    blue = members_by_srv("plain.test", "blue", "n1", ("http://localhost:2382",), resolver)
    assert blue == ("localhost:2382=http://localhost:2382", "localhost:2382")


@pytest.mark.parametrize(
    ("domain", "advertised", "text"),
    [
        ("absent.test", "http://localhost:2380", "lookup _etcd-server._tcp.absent.test: no such host"),
        ("plain.test", "http://localhost:9", 'cannot find local etcd member "n1" in SRV records'),
        ("plain.test", "https://localhost:2380", 'cannot find local etcd member "n1" in SRV records'),
        ("a" * 300, "http://localhost:2380", "error querying DNS SRV records for _etcd-server-ssl lookup"),
        ("a..b", "http://localhost:2380", "error querying DNS SRV records for _etcd-server lookup"),
    ],
)
def test_what_the_records_do_not_say_is_refused(domain: str, advertised: str, text: str, resolver: Resolver) -> None:
    with pytest.raises(NoCluster) as refused:
        members_by_srv(domain, "", "n1", (advertised,), resolver)
    assert text in str(refused.value)


def test_a_member_keeps_its_own_name_beside_the_one_it_is_listed_by(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def with_resolver(*asked: str | tuple[str, ...]) -> tuple[str, str]:
        return members_by_srv(*asked, resolver)  # type: ignore[arg-type, call-arg]

    monkeypatch.setattr(etcd_plan, "members_by_srv", with_resolver)
    words = [f"--data-dir={tmp_path}", "--name=n1", "--initial-advertise-peer-urls=http://127.0.0.1:2380"]
    given = read_command_line([*words, "--discovery-srv=plain.test"])
    verify(given)
    configuration = plan(given).configuration
    assert (configuration.name, configuration.listed_name) == ("n1", "localhost:2380")
    assert str(configuration.advertise_peer_address) == "localhost:2380"
    # A member that was founded needs no records any more.
    given = read_command_line([*words, "--discovery-srv=absent.test"])
    with pytest.raises(NoCluster):
        plan(given)
    (tmp_path / "identity").write_text("")
    assert plan(given).configuration.initial_cluster == ""


def test_records_and_a_list_are_too_much() -> None:
    with pytest.raises(NotVerified, match="multiple discovery or bootstrap flags are set"):
        verify(read_command_line(["--discovery-srv=plain.test", "--initial-cluster=default=http://localhost:2380"]))
