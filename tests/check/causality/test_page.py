# SPDX-License-Identifier: Apache-2.0
"""The examples on docs/check.md are judged as the page says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.check.causality.writing import written
from tricord.check import causal, sessions
from tricord.check.finding import Limits

PAGE = (Path(__file__).parents[3] / "docs" / "check.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Session guarantees")[2].partition("\n## ")[0]


def test_the_figures_of_the_article() -> None:
    rows = re.findall(r"^\| [a-e] \| `(.+)` \| (\w+) \| (\w+) \| (\w+) \|$", SECTION, re.MULTILINE)
    assert len(rows) == 5
    for text, *verdicts in rows:
        statistics = causal.check(written(text.replace(";", "\n")), Limits()).statistics
        assert [statistics[level] for level in causal.LEVELS] == verdicts


def test_the_examples_of_the_guarantees() -> None:
    rows = re.findall(r"^\| .+ \| `(.+)` \| `(.+)` \|$", SECTION, re.MULTILINE)
    assert [guarantee for guarantee, _ in rows] == list(sessions.ALL)
    for guarantee, text in rows:
        assert sessions.check(written(text.replace(";", "\n")), Limits()).anomaly == guarantee
