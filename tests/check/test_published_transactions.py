# SPDX-License-Identifier: Apache-2.0
"""Published anomalies have the names and verdicts of the literature (docs/check.md has the same table)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.check import brute_force
from tests.check.samples import operations, transactions
from tricord.check.finding import Limits, Verdict
from tricord.check.models import check_of

FINE = ""
PUBLISHED = {
    # name: (the history, then what read-committed, snapshot-isolation and serializable call it; "" where they hold)
    "Adya H_wcycle: write cycle": (
        "append x 2, append y 8 | append x 5, append y 5 | r x [2,5], r y [5,8]", "G0", "G0", "G0"),
    "Adya G1a: aborted read": ("!w x 1 | r x 1", "G1a", "G1a", "G1a"),
    "Adya G1b: intermediate read": ("w x 1, w x 2 | r x 1", "G1b", "G1b", "G1b"),
    "Adya G1c: circular information flow": ("w x 1, r y 2 | w y 2, r x 1", "G1c", "G1c", "G1c"),
    "Adya H1: inconsistent analysis": (
        "w x 5, w y 5 | r x 5, w x 1, r y 5, w y 9 | r x 1, r y 5", FINE, "G-single", "G-single"),
    "Adya H1': reads after the fact": (
        "w x 5, w y 5 | r x 5, w x 1, r y 5, w y 9 | r x 1, r y 9", FINE, FINE, FINE),
    "Adya H2: read skew": (
        "w x 5, w y 5 | r x 5, w x 1, r y 5, w y 9 | r x 5, r y 9", FINE, "G-single", "G-single"),
    "Adya H2': an old snapshot": (
        "w x 5, w y 5 | r x 5, w x 1, r y 5, w y 9 | r x 5, r y 5", FINE, FINE, FINE),
    "Adya H_wskew: write skew": (
        "w x 1, w y 5 | r x 1, r y 5, w x 4 | r x 1, r y 5, w y 7", FINE, FINE, "write skew"),
    "Berenson H4: lost update": ("w x 100 | r x 100, w x 130 | r x 100, w x 120", FINE, "lost update", "lost update"),
    "Berenson H5: write skew": (
        "w x 50, w y 50 | r x 50, r y 50, w y -40 | r x 50, r y 50, w x -40", FINE, FINE, "write skew"),
    "Berenson A5A: read skew": (
        "w x 1, w y 1 | r x 1, r y 2 | r x 1, r y 1, w x 2, w y 2", FINE, "G-single", "G-single"),
    "Berenson P2: fuzzy read": ("w x 1 | r x 1, r x 2 | w x 2", FINE, "non-repeatable read", "non-repeatable read"),
    "Fekete 2004: the read-only transaction": (
        "w x 0, w y 0 | r y 0, w y 20 | r x 0, r y 0, w x -11 | r x 0, r y 20", FINE, FINE, "G2-item"),
    "Sovran 2011, Cerone 2015: long fork": (
        "w x 1 | w y 1 | r x 1, r y null | r x null, r y 1", FINE, "G-nonadjacent", "G-nonadjacent"),
    "Bailis 2014: fractured read": ("w x 1, w y 1 | r x 1, r y null", FINE, "G-single", "G-single"),
    "Elle: TiDB, an append lost": (
        "append 34 2 | append 34 1 | r 34 [2,1], append 36 5, append 34 4 | append 34 5 | r 34 [2,1,5,4]",
        FINE, "lost update", "lost update"),
    "Elle: FaunaDB, own append not seen": ("append 0 6, r 0 null", "internal", "internal", "internal"),
    "Elle: dirty update": ("!append x 1 | append x 2 | r x [1,2]", "G1a", "G1a", "G1a"),
    "Elle: duplicate elements": (
        "append x 1 | r x [1,1]", "duplicate elements", "duplicate elements", "duplicate elements"),
    "Elle: incompatible order": (
        "append x 1 | append x 2 | r x [1,2] | r x [2,1]",
        "incompatible order", "incompatible order", "incompatible order"),
    "Elle: garbage read": ("append x 1 | r x [2]", "unwritten read", "unwritten read", "unwritten read"),
    "Elle: G2-item of appends": (
        "r x null, append y 1 | r y null, append x 1 | r x [1], r y [1]", FINE, FINE, "write skew"),
    "Jepsen, MongoDB 4.2.6: own future read": ("r x [1], append x 1", "internal", "internal", "internal"),
    "a stale read, which the plain models allow": ("w x 1 | r x 1, w x 2 | r x 1", FINE, FINE, FINE),
}  # fmt: skip
MODELS = ("read-committed", "snapshot-isolation", "serializable")

SEQUENTIAL = {
    "store buffering (Dekker)": ('A put x "1" | A get y null | B put y "1" | B get x null', False),
    "independent reads of independent writes": (
        'A put x "1" | B put y "1" | C get x "1" | C get y null | D get y "1" | D get x null', False),
    "message passing": ('A put x "1" | A put y "1" | B get y "1" | B get x null', False),
    "coherence of reads": (
        'A put x "1" | B put x "2" | C get x "1" | C get x "2" | D get x "2" | D get x "1"', False),
    "a stale read of another client (Attiya and Welch)": ('A put x "1" | B get x null', True),
    "a client's own write not seen": ('A put x "1" | A get x null', False),
    "an answer lost, seen late": ('?A put x "1" | A get x null | B get x "1"', True),
    "an answer lost, seen before its call at the client": ('B put y "1" | A get x "1" | ?A put x "1"', False),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_transactions(name: str) -> None:
    text, *expected = PUBLISHED[name]
    history = transactions(text)
    for model, anomaly in zip(MODELS, expected, strict=True):
        finding = check_of(model)(history, Limits())
        assert (finding.verdict is Verdict.HOLDS) == (anomaly == FINE), (model, finding)
        assert finding.anomaly == anomaly, (model, finding)
        assert getattr(brute_force, model.replace("-", "_"))(history) == (anomaly == FINE), model
        if anomaly:
            assert finding.operations
            assert all(f"#{index}" in " ".join(finding.steps) for index in finding.operations), finding


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential(name: str) -> None:
    text, holds = SEQUENTIAL[name]
    history = operations(text)
    finding = check_of("sequential")(history, Limits())
    assert (finding.verdict is Verdict.HOLDS) == holds, finding
    assert brute_force.sequential(history) == holds


def test_the_page_names_them_all() -> None:
    page = (Path(__file__).parents[2] / "docs" / "check.md").read_text()
    assert [name for name in (*PUBLISHED, *SEQUENTIAL) if name not in page] == []
