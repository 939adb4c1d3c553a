# SPDX-License-Identifier: Apache-2.0
"""Messages between replicas: what was written is read, and whatever else comes raises a typed error."""

from __future__ import annotations

from random import Random

import pytest

from tricord.base.dots import Dot
from tricord.base.errors import TricordError
from tricord.base.hybrid_clock import hybrid_time
from tricord.crdt import register
from tricord.crdt.cell import Write
from tricord.crdt.encoding import encode_delta
from tricord.eventual.codec import decode_message, encode_message
from tricord.eventual.known import Known
from tricord.eventual.messages import (
    AskCells,
    AskKeys,
    AskParts,
    AskRoot,
    Cells,
    Deltas,
    Have,
    Head,
    Keys,
    Message,
    Parts,
    Rejected,
    Rejection,
    Root,
    Stored,
)

HEAD = Head(1, 2, 3, 4, 5, 6)
DOT = Dot(3, 4, 1)
DELTA = register.put({}, Write(DOT, hybrid_time(9), expires=77), b"value")


def known() -> Known:
    result = Known()
    result.add_all((DOT, Dot(3, 4, 3)))
    result.raise_floor(9, 8)
    return result


MESSAGES: list[Message] = [
    Deltas(7, 1, True, [(b"k", DELTA, encode_delta(DELTA))]),
    Stored(7),
    AskRoot(1),
    AskParts(1, 2, [0, 255]),
    Parts(1, [list(range(16))]),
    AskCells(1, [0, 65535], b"after"),
    Cells(1, 1, b"last", [(b"k", DELTA.cell)]),
    Have(3, [(4, 5)]),
    AskKeys(1, [(b"k", (DOT,))]),
    Keys(1, [(b"k", DELTA.cell, (DOT,))]),
    Rejected(Rejection.SUPERSEDED, 9),
]


@pytest.mark.parametrize("sent", MESSAGES, ids=lambda sent: type(sent).__name__)
def test_what_was_written_is_read(sent: Message) -> None:
    assert decode_message(encode_message(HEAD, sent)) == (HEAD, sent)


def test_a_root_carries_what_was_seen() -> None:
    _, root = decode_message(encode_message(HEAD, Root(1, known(), [2] * 16)))
    assert isinstance(root, Root)
    assert root.known.floors == {9: 8}
    assert root.known.context == known().context


@pytest.mark.parametrize(
    "sent", [*MESSAGES, Root(1, known(), [2] * 16, False, [(1, 0), (7, 300)])], ids=lambda sent: type(sent).__name__
)
def test_whatever_comes_is_a_message_or_a_typed_error(sent: Message) -> None:
    data = encode_message(HEAD, sent)
    for length in range(len(data)):
        with pytest.raises(TricordError):
            decode_message(data[:length])
    random = Random(5)
    for _ in range(200):
        changed = bytearray(data)
        changed[random.randrange(len(data))] = random.randrange(256)
        try:
            decode_message(bytes(changed))
        except TricordError:
            continue


def test_seen_dots_below_a_floor_take_no_room_and_stay_seen() -> None:
    one = Known()
    one.add_all((Dot(3, 4, 1), Dot(3, 4, 7), Dot(3, 9, 1)))
    one.raise_floor(3, 8)
    assert Dot(3, 4, 2) in one
    assert Dot(3, 9, 2) not in one
    assert one.entries() == 2
    other = Known()
    other.add_all((Dot(3, 4, 1),))
    other.merge(one)
    assert other.context == one.context
