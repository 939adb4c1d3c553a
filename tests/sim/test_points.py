# SPDX-License-Identifier: Apache-2.0
"""The points to reach are read from the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tricord.sim.points import points_of


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_points_are_named_with_their_places(tmp_path: Path) -> None:
    write(tmp_path, "raft/election.py", "def f():\n    reachable('an election was lost')\n")
    write(tmp_path, "server/turn.py", "import x\nx.reachable('the disk was full')\nunreachable('no')\n")
    write(tmp_path, "base/reachable.py", "def reachable(point): ...\n")
    assert points_of(source=tmp_path) == {
        "an election was lost": "raft/election.py:2",
        "the disk was full": "server/turn.py:2",
    }
    assert points_of("fine", tmp_path) == {"an election was lost": "raft/election.py:2"}
    assert points_of("wide", tmp_path) == points_of(source=tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("reachable(name)", "raft/a.py:1: a point's name is one literal text"),
        ("reachable('b')\nreachable('b')", "raft/a.py:2: the point 'b' is at raft/a.py:1 already"),
    ],
)
def test_a_point_has_one_literal_name_and_one_place(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, "raft/a.py", text)
    with pytest.raises(ValueError, match=says):
        points_of(source=tmp_path)


def test_the_product_itself_keeps_to_that() -> None:
    assert all(place.endswith(tuple("0123456789")) for place in points_of().values())
