# SPDX-License-Identifier: Apache-2.0
"""Operations know their places, and parts of a history are histories."""

from __future__ import annotations

from tricord.check.history import History, Operation


def test_operations_know_their_places() -> None:
    history = History(Operation(client=1, op="put", key="k", input=value) for value in "abc")
    assert [one.index for one in history.operations] == [0, 1, 2]


def test_a_part_is_a_history_and_leaves_the_whole_as_it_was() -> None:
    history = History(Operation(client=1, op="put", key="k", input=value) for value in "abc")
    part = history.only([2, 0])
    assert [(one.index, one.input) for one in part.operations] == [(0, "a"), (1, "c")]
    assert [one.index for one in history.operations] == [0, 1, 2]
