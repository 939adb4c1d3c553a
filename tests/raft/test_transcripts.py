# SPDX-License-Identifier: Apache-2.0
"""Every transcript is as the core behaves now (``transcripts.py`` says how to read and rewrite them)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.raft.printer import TRACES
from tests.raft.transcripts import DIRECTORY, main, replay
from tricord.base.trace import TraceEvent
from tricord.raft import trace

FILES = sorted(DIRECTORY.glob("*.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_transcript(file: Path) -> None:
    text = file.read_text()
    assert replay(text) == text


def test_the_printer_knows_every_trace_event() -> None:
    defined = {
        value
        for value in vars(trace).values()
        if isinstance(value, type) and issubclass(value, TraceEvent) and value is not TraceEvent
    }
    assert defined == set(TRACES)


def test_a_transcript_that_differs_is_told_and_rewritten_on_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.txt"
    file.write_text("# one server\n> servers 1\n  1 dances\n")
    assert main([str(file)]) == 1
    assert main([str(file), "--rewrite"]) == 0
    assert file.read_text() == "# one server\n> servers 1\n  1 campaigns in term 1\n"
    assert main([str(file)]) == 0
    assert capsys.readouterr().out == "wrong.txt differs\nwrong.txt rewritten\n"
