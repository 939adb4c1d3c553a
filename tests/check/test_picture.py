# SPDX-License-Identifier: Apache-2.0
"""Pictures of histories: well-formed, escaped, no bar over another, and readable whatever the size."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from html import unescape
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tricord.check.finding import Finding, Verdict
from tricord.check.history import History, Operation
from tricord.check.lanes import Lane, lanes_of, lay_out
from tricord.check.neighbourhood import MOST_OPERATIONS, neighbourhood
from tricord.check.picture import PictureLane, page, story_page
from tricord.check.words import finding_in_words

HOSTILE = '"><script>alert(1)</script>&amp;\x1b[31m'


def put(client: int | str, call: int, end: int | None, value: str = "v", key: str = "k") -> Operation:
    return Operation(client, "put", key, value, None, call, end, "ok" if end is not None else "unknown")


def operations(count: int) -> History:
    return History(
        put(place % 7, place * 1000, place * 1000 + 900, f"v{place}", f"k{place % 3}") for place in range(count)
    )


def pictures(text: str) -> list[xml.Element]:
    """The drawings of a page, parsed strictly."""
    return [xml.fromstring(f"<svg{part.split('</svg>')[0]}</svg>") for part in text.split("<svg")[1:]]


def bars(text: str) -> dict[str, str]:
    """Id to classes."""
    return {
        each.attrib["id"]: each.attrib["class"]
        for one in pictures(text)
        for each in one.iter("g")
        if "id" in each.attrib
    }


def test_a_finding_is_drawn_and_told() -> None:
    finding = Finding(Verdict.VIOLATED, "#1 is after #0", ["#0 <came> first."], [0, 1], "stale read")
    text = page(operations(3), finding, "linearizable")
    assert bars(text) == {"op-0": "ok marked", "op-1": "ok marked", "op-2": "ok"}
    assert '<a href="#op-1">#1</a> is after <a href="#op-0">#0</a>' in text
    assert "violated: linearizable (stale read)" in text and "&lt;came&gt;" in text


def test_of_a_long_history_the_neighbourhood_is_drawn() -> None:
    text = page(operations(5000), Finding(Verdict.VIOLATED, operations=[10, 4000]), "causal")
    assert len(bars(text)) == MOST_OPERATIONS
    assert {"op-9", "op-10", "op-11", "op-3999", "op-4000", "op-4001"} <= set(bars(text))


def test_nothing_of_the_history_is_markup() -> None:
    history = History([put(HOSTILE, 0, 5, HOSTILE, HOSTILE), Operation(1, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 2, 9)])
    finding = Finding(Verdict.VIOLATED, HOSTILE, [HOSTILE], [0, 1], HOSTILE)
    for text in (page(history, finding, HOSTILE), story_page(HOSTILE, history, [0], [HOSTILE], [PictureLane(HOSTILE)])):
        assert "<script" not in text
        assert "\x1b" not in text
        assert len(pictures(text)) == 2


def test_a_page_loads_nothing_else() -> None:
    text = page(operations(2), Finding(Verdict.VIOLATED, operations=[0]), "locks")
    assert not [word for word in ("src=", "http://", "https://", "url(", "@import", "<link") if word in text]


def test_other_lanes_stand_above_those_of_clients() -> None:
    lane = PictureLane("n1", [(-5, 400, "leads", "leads"), (400, 900, "down", "down")])
    names, timeline = pictures(story_page("a run", operations(3), [1], ["#1 was lost"], [lane]))
    assert [unescape(each.text or "") for each in names.iter("title")] == ["n1", "client 0", "client 1", "client 2"]
    assert [each.attrib["class"] for each in timeline.iter("g")] == ["leads", "down", "ok", "ok marked", "ok"]


def test_an_empty_history_has_a_page() -> None:
    assert bars(page(History(()), Finding(Verdict.HOLDS), "watch")) == {}


def test_words_stay_on_their_lines() -> None:
    history = History([put(1, 0, 5, "a\nb\x1b" + "x" * 500), put(2, 1, None)])
    lines = finding_in_words("causal", Finding(Verdict.VIOLATED, operations=[0, 1]), history)
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 150


stories = st.lists(
    st.tuples(st.integers(1, 3) | st.sampled_from("ab"), st.integers(0, 50), st.none() | st.integers(0, 50)),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(stories)
def test_no_bar_covers_another_and_time_goes_right(story: list[tuple[int | str, int, int | None]]) -> None:
    history = History(put(client, call, None if last is None else call + last) for client, call, last in story)
    layout = lay_out(lanes_of(history.operations, (), 0))
    assert [x for _, x in layout.ticks] == sorted({x for _, x in layout.ticks})
    for lane in layout.lanes:
        _rows_are_free(lane)
        assert all(bar.left < bar.right <= layout.width and bar.row < lane.rows for bar in lane.bars)


def _rows_are_free(lane: Lane) -> None:
    for row in range(lane.rows):
        ordered = sorted((bar for bar in lane.bars if bar.row == row), key=lambda bar: bar.left)
        for bar, following in pairwise(ordered):
            assert max(bar.right, bar.left + bar.wanted) <= following.left


def test_the_neighbourhood_prefers_the_same_key() -> None:
    crowd = History(put(place, 0, 10, key="k" if place % 20 == 0 else "other") for place in range(6000))
    drawn = neighbourhood(crowd.operations, [0])
    assert len(drawn) == MOST_OPERATIONS
    assert {one.key for one in drawn} == {"k"}
