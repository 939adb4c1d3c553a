# SPDX-License-Identifier: Apache-2.0
"""What another member says about leases may be any bytes: what cannot be an answer is none."""

from __future__ import annotations

import msgspec
import pytest

from tricord.base.errors import MalformedMessage
from tricord.server import lease_calls
from tricord.server.lease_calls import MARK, LeaseAnswers, LeaseAsks


@pytest.mark.parametrize("number", [1 << 63, (1 << 64) - 1])
def test_a_number_that_no_answer_to_a_client_can_hold_is_malformed(number: int) -> None:
    for answer in ([True, [number], []], [True, [], [[number, 1]]], [True, [], [[1, number]]]):
        with pytest.raises(MalformedMessage):
            lease_calls.decode_answers(MARK + msgspec.msgpack.encode(answer))
    for asks in ([[number], []], [[], [number]]):
        with pytest.raises(MalformedMessage):
            lease_calls.decode_asks(MARK + msgspec.msgpack.encode(asks))


def test_the_largest_numbers_pass() -> None:
    for number in (-(1 << 63), -1, 0, (1 << 63) - 1):
        asks, answers = LeaseAsks([number], [number]), LeaseAnswers(True, [number], [(number, number)])
        assert lease_calls.decode_asks(lease_calls.encode(asks)) == asks
        assert lease_calls.decode_answers(lease_calls.encode(answers)) == answers
