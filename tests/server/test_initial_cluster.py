# SPDX-License-Identifier: Apache-2.0
"""The list of a new cluster's members: how it is written, what is refused, which ids follow."""

from __future__ import annotations

import pytest

from tricord.base.errors import ConfigurationError
from tricord.base.membership import decode_configuration, encode_configuration
from tricord.runtime.clock import SystemRandom
from tricord.server.address import Address
from tricord.server.configuration import Configuration
from tricord.server.founding import found
from tricord.server.initial_cluster import InitialCluster
from tricord.server.membership_rules import member_info

LIST = "n1=127.0.0.1:1,n2=127.0.0.1:2,n3=127.0.0.1:3"


def settings(**given: object) -> Configuration:
    return Configuration(**{"name": "n1", "listen": "127.0.0.1:1", "initial_cluster": LIST, **given})  # type: ignore[arg-type]


def test_the_order_and_the_way_of_writing_change_nothing() -> None:
    one = InitialCluster.parse(LIST, "t")
    other = InitialCluster.parse(" n3=http://127.0.0.1:3/, n1=https://127.0.0.1:1 ,n2=127.0.0.1:2", "t")
    assert one == other
    assert one.configuration("http") == other.configuration("http")
    assert one.address_of("n2") == Address("127.0.0.1", 2)


def test_ids_follow_from_token_names_and_addresses() -> None:
    one = InitialCluster.parse(LIST, "t")
    ids = {one.cluster_id, one.history_id, *map(one.member_id, one.members)}
    assert len(ids) == 5
    assert all(0 < number < 1 << 63 for number in ids)
    for other in (InitialCluster.parse(LIST, "u"), InitialCluster.parse(LIST.replace("n3", "n4"), "t")):
        assert not ids & {other.cluster_id, other.history_id, *map(other.member_id, other.members)}


def test_the_first_configuration_has_all_as_voters_and_nobody_claimed() -> None:
    configuration = InitialCluster.parse(LIST, "t").configuration("https")
    assert decode_configuration(encode_configuration(configuration)) == configuration
    assert len(configuration.voters) == 3
    infos = [member_info(configuration, voter) for voter in configuration.voters]
    assert {one.incarnation for one in infos} == {0}
    assert sorted(one.peer_urls[0] for one in infos) == [f"https://127.0.0.1:{port}" for port in (1, 2, 3)]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"initial_cluster": "n1=127.0.0.1:1,n1=127.0.0.1:2"}, "has the name n1 twice"),
        ({"initial_cluster": "n1=127.0.0.1:1,n2=127.0.0.1:1"}, "has the address 127.0.0.1:1 twice"),
        ({"initial_cluster": "n2=127.0.0.1:2"}, "does not list this member's name n1, only n2"),
        ({"initial_cluster": "127.0.0.1:1"}, "is not NAME=HOST:PORT"),
        ({"initial_cluster": "n1=ftp://127.0.0.1:1"}, "is not the URL of a peer"),
        ({"listen": "127.0.0.1:9"}, "but peers are listened to on 127.0.0.1:9"),
        ({"advertise_peer": "127.0.0.1:9"}, "but advertise_peer says 127.0.0.1:9"),
        ({"listen": "10.0.0.1:1", "advertise_peer": "127.0.0.1:1", "cert_file": "c", "key_file": "k"}, "prove nothing"),
        ({"election_timeout": 400}, "at least five times heartbeat_interval"),
        ({"peer_cert_file": "c"}, "go together"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        settings(**given)


def test_peers_can_have_a_port_of_their_own() -> None:
    own = settings(listen="127.0.0.1:7", listen_peer="127.0.0.1:1")
    assert (own.listen_address.port, own.listen_peer_address.port, own.advertise_peer_address.port) == (7, 1, 1)
    assert settings().listen_peer_address == settings().listen_address
    alone = Configuration(listen="127.0.0.1:5")
    assert alone.advertise_peer_address == Address("127.0.0.1", 5)


def test_a_member_with_several_urls_is_one_member_however_they_are_ordered() -> None:
    urls = ["n1=https://127.0.0.1:1", "n1=https://127.0.0.1:4", "n2=https://127.0.0.1:2"]
    one, other = (InitialCluster.parse(",".join(entries), "t") for entries in (urls, reversed(urls)))
    assert one == other
    assert one.cluster_id == other.cluster_id
    first, second = one.members
    assert [str(address) for address in first.addresses] == ["127.0.0.1:1", "127.0.0.1:4"]
    assert one.member_id(first) != one.member_id(second)
    assert one.configuration("") == other.configuration("")
    assert member_info(one.configuration(""), one.member_id(first)).peer_urls == [
        "https://127.0.0.1:1",
        "https://127.0.0.1:4",
    ]
    assert member_info(one.configuration("http"), one.member_id(first)).peer_urls[1] == "http://127.0.0.1:4"
    with pytest.raises(ConfigurationError, match="has the name n1 twice"):
        InitialCluster.parse("n1=http://127.0.0.1:1,n1=127.0.0.1:2", "t")
    with pytest.raises(ConfigurationError, match=r"has the address 127.0.0.1:1 twice"):
        InitialCluster.parse("n1=http://127.0.0.1:1,n1=https://127.0.0.1:1", "t")


def test_a_member_may_be_listed_by_another_name_than_its_own() -> None:
    listed = settings(name="mine", initial_name="n1")
    founding = found(SystemRandom(), listed, None)
    members = listed.initial_members
    assert founding.identity.name == "mine"
    assert founding.identity.member == members.member_id(members.members[0])
    assert listed.advertise_peer_address == Address("127.0.0.1", 1)
    as_listed = found(SystemRandom(), settings(initial_cluster="n1=https://127.0.0.1:1"), None, as_listed=True)
    assert member_info(as_listed.members, as_listed.identity.member).peer_urls == ["https://127.0.0.1:1"]
