# SPDX-License-Identifier: Apache-2.0
"""Configurations and what they keep about members: one encoding, and no bytes that crash the decoder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.members import MemberInfo, decode_member_info, encode_member_info
from tricord.base.membership import Configuration, decode_configuration, encode_configuration

IDS = st.sets(st.integers(1, 2**64 - 1), max_size=5).map(lambda ids: tuple(sorted(ids)))
CONFIGURATIONS = st.builds(
    Configuration,
    voters=IDS,
    outgoing=IDS,
    learners=IDS,
    learners_next=IDS,
    leave_automatically=st.booleans(),
    info=st.dictionaries(st.integers(1, 2**64 - 1), st.binary(max_size=20), max_size=4),
)
INFOS = st.builds(
    MemberInfo,
    name=st.text(max_size=10),
    peer_urls=st.lists(st.text(max_size=10), max_size=3),
    client_urls=st.lists(st.text(max_size=10), max_size=3),
    incarnation=st.integers(0, 2**64 - 1),
)


@given(CONFIGURATIONS)
def test_a_configuration_comes_back_as_it_was(configuration: Configuration) -> None:
    assert decode_configuration(encode_configuration(configuration)) == configuration


@given(CONFIGURATIONS)
def test_equal_configurations_have_equal_bytes(configuration: Configuration) -> None:
    backwards = dict(reversed(configuration.info.items()))
    other = Configuration(
        configuration.voters,
        configuration.outgoing,
        configuration.learners,
        configuration.learners_next,
        configuration.leave_automatically,
        backwards,
    )
    assert encode_configuration(other) == encode_configuration(configuration)


@given(INFOS)
def test_what_is_kept_about_a_member_comes_back_as_it_was(info: MemberInfo) -> None:
    assert decode_member_info(encode_member_info(info)) == info


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    for decode in (decode_configuration, decode_member_info):
        try:
            decode(data)
        except ValueError:
            pass


def test_every_cut_is_noticed() -> None:
    data = encode_configuration(Configuration((1, 2, 3), (1, 2), (4,), (2,), info={1: b"a", 4: b"bc"}))
    # An end between two members' infos is one that a shorter configuration has.
    whole = [cut for cut in range(len(data)) if _decodes(data[:cut])]
    assert len(whole) == 2
    with pytest.raises(ValueError, match="format 9"):
        decode_configuration(b"\x09" + data[1:])


def _decodes(data: bytes) -> bool:
    try:
        decode_configuration(data)
    except ValueError:
        return False
    return True
