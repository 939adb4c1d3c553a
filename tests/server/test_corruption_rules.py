# SPDX-License-Identifier: Apache-2.0
"""Who differs; and questions and answers of members as bytes."""

from __future__ import annotations

import pytest

from tricord.base.errors import MalformedMessage
from tricord.server import check_calls
from tricord.server.check_calls import CheckAnswer, CheckAsk
from tricord.server.corruption_rules import differing


@pytest.mark.parametrize(
    ("said", "members", "wrong"),
    [
        ({}, 3, set()),
        ({1: 7}, 3, set()),
        ({1: 7, 2: 7, 3: 7}, 3, set()),
        ({1: 7, 2: None, 3: None}, 3, set()),
        ({1: 7, 2: 7, 3: 8}, 3, {3}),
        ({1: 8, 2: 7, 3: 7}, 3, {1}),
        ({1: 7, 2: 7, 3: 8, 4: 9, 5: 7}, 5, {3, 4}),
        ({1: 7, 2: 8}, 2, {0}),
        ({1: 7, 2: 8, 3: None}, 3, {0}),
        ({1: 7, 2: 8, 3: 9}, 3, {0}),
        ({1: 7, 2: 7, 3: 8}, 5, {0}),
        ({1: 7, 2: 7, 3: 8, 4: 8}, 4, {0}),
        ({1: 0, 2: 0, 3: 8}, 3, {3}),
    ],
)
def test_the_minority_of_all_members_differs_and_without_a_majority_nobody_knows(
    said: dict[int, int | None], members: int, wrong: set[int]
) -> None:
    assert differing(said, members) == wrong


def test_what_members_say_survives_the_way() -> None:
    for ask in (CheckAsk(), CheckAsk(9, 1 << 62)):
        assert check_calls.decode_ask(check_calls.encode(ask)) == ask
    for answer in (CheckAnswer(), CheckAnswer((1 << 64) - 1), CheckAnswer(None, 5)):
        assert check_calls.decode_answer(check_calls.encode(answer)) == answer


@pytest.mark.parametrize("data", [b"", b"\x01check", b"\x01check\xc1", b"\x01check\x93\xa1a", b"\x01check\x91\xa1a"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        check_calls.decode_ask(data)
    with pytest.raises(MalformedMessage):
        check_calls.decode_answer(data)
