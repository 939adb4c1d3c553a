# SPDX-License-Identifier: Apache-2.0
"""Envelopes: of another cluster, key, format or purpose, changed or in the clear, they stay closed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.errors import ConfigurationError
from tricord.gossip.envelope import Envelopes, Purpose
from tricord.gossip.keyring import KeyRing
from tricord.gossip.refusals import PacketRefused, Reason
from tricord.sim.environment import SeededRandom

CLUSTER = 0xC1
OLD, NEW, OTHER = bytes(32), b"\x01" * 32, b"\x02" * 16


def envelopes(*keys: bytes, cluster: int = CLUSTER, seed: int = 0) -> Envelopes:
    return Envelopes(cluster, KeyRing(keys, SeededRandom(seed)))


def refusal(opener: Envelopes, data: bytes, purpose: Purpose = Purpose.PACKET) -> Reason:
    with pytest.raises(PacketRefused) as caught:
        opener.open(purpose, data)
    return caught.value.reason


@pytest.mark.parametrize("keys", [(), (OLD,), (OTHER, OLD)])
@given(body=st.binary(max_size=300))
def test_what_is_closed_opens(keys: tuple[bytes, ...], body: bytes) -> None:
    data = envelopes(*keys).close(Purpose.PACKET, body)
    assert envelopes(*keys, seed=1).open(Purpose.PACKET, data) == body
    assert len(data) == len(body) + envelopes(*keys).overhead


@pytest.mark.parametrize("keys", [(), (OLD,)])
def test_each_changed_bit_is_noticed(keys: tuple[bytes, ...]) -> None:
    data = envelopes(*keys).close(Purpose.PACKET, b"news")
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(PacketRefused):
            envelopes(*keys).open(Purpose.PACKET, bytes(changed))


@pytest.mark.parametrize("keys", [(), (OLD,)])
def test_each_cut_is_noticed(keys: tuple[bytes, ...]) -> None:
    data = envelopes(*keys).close(Purpose.PACKET, b"news")
    for size in range(len(data)):
        with pytest.raises(PacketRefused):
            envelopes(*keys).open(Purpose.PACKET, data[:size])


def test_another_cluster_is_refused_and_cannot_be_renamed() -> None:
    for keys in ((), (OLD,)):
        data = envelopes(*keys, cluster=0xC2).close(Purpose.PACKET, b"news")
        assert refusal(envelopes(*keys), data) is Reason.CLUSTER
        renamed = data[:3] + CLUSTER.to_bytes(8) + data[11:]
        assert refusal(envelopes(*keys), renamed) is (Reason.FORGED if keys else Reason.MALFORMED)


def test_with_keys_nothing_in_the_clear_is_heard_and_without_nothing_sealed() -> None:
    assert refusal(envelopes(OLD), envelopes().close(Purpose.PACKET, b"news")) is Reason.PLAIN
    assert refusal(envelopes(), envelopes(OLD).close(Purpose.PACKET, b"news")) is Reason.KEY


def test_a_wrong_key_is_refused() -> None:
    assert refusal(envelopes(OLD), envelopes(NEW).close(Purpose.PACKET, b"news")) is Reason.KEY


def test_an_answer_cannot_be_sent_back_as_a_request() -> None:
    data = envelopes(OLD).close(Purpose.ANSWER, b"state")
    assert refusal(envelopes(OLD), data, Purpose.REQUEST) is Reason.MALFORMED
    assert refusal(envelopes(OLD), data[:1] + bytes((Purpose.REQUEST,)) + data[2:], Purpose.REQUEST) is Reason.FORGED


def test_another_format_is_refused_as_such() -> None:
    data = envelopes().close(Purpose.PACKET, b"news")
    assert refusal(envelopes(), b"\x02" + data[1:]) is Reason.FORMAT


def test_keys_are_changed_in_three_steps_without_a_break() -> None:
    steps = [(OLD,), (OLD, NEW), (NEW, OLD), (NEW,)]
    for before, after in pairwise(steps):
        for one, other in ((before, after), (after, before)):
            data = envelopes(*one).close(Purpose.PACKET, b"news")
            assert envelopes(*other).open(Purpose.PACKET, data) == b"news"


def test_no_nonce_is_used_twice() -> None:
    ring = KeyRing((OLD,), SeededRandom(3))
    nonces = [ring.seal(b"", b"")[0] for _ in range(100)]
    ring._count = 2**32 - 3  # near the end of the count
    nonces += [ring.seal(b"", b"")[0] for _ in range(100)]
    assert len(set(nonces)) == 200
    assert len({nonce[:8] for nonce in nonces}) == 2


@pytest.mark.parametrize("keys", [(b"short",), (OLD, OLD), tuple(bytes((n,)) * 16 for n in range(9))])
def test_keys_that_are_none_are_refused(keys: tuple[bytes, ...]) -> None:
    with pytest.raises(ConfigurationError):
        KeyRing(keys, SeededRandom(0))
