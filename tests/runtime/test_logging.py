# SPDX-License-Identifier: Apache-2.0
"""The member's log: its shape for people and for programs, and what never appears in it."""

from __future__ import annotations

import io
import json
import logging as standard
from collections.abc import Iterator
from typing import Any

import pytest

from tricord.runtime.logging import adopt_standard_logging, open_log


class SteppedClock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return 1_795_383_160_840_000_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_begin_with_the_four_fields() -> None:
    stream = io.StringIO()
    open_log(SteppedClock(), member="m1", stream=stream).info("ready to serve client requests", address="127.0.0.1:1")
    assert stream.getvalue() == (
        '{"ts": "2026-11-22T21:32:40.840Z", "level": "info", "event": "ready to serve client requests",'
        ' "member": "m1", "address": "127.0.0.1:1"}\n'
    )


def test_a_terminal_gets_text() -> None:
    stream = Terminal()
    open_log(SteppedClock(), member="m1", stream=stream).warning("disk is slow", seconds=0.5, path="a b\n")
    assert stream.getvalue() == ('2026-11-22T21:32:40.840Z WARNING disk is slow member=m1 seconds=0.5 path="a b\\n"\n')


def test_the_format_that_was_asked_for_wins() -> None:
    stream = Terminal()
    open_log(SteppedClock(), member="m1", format="json", stream=stream).info("started")
    assert lines(stream)[0]["event"] == "started"


def test_what_is_below_the_level_is_not_logged() -> None:
    stream = io.StringIO()
    log = open_log(SteppedClock(), member="m1", level="warning", stream=stream)
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    assert [line["event"] for line in lines(stream)] == ["c", "d"]


def test_values_never_appear() -> None:
    stream = io.StringIO()
    open_log(SteppedClock(), member="m1", stream=stream).error("refused", value=b"secret")
    assert "secret" not in stream.getvalue()
    assert lines(stream)[0]["value"] == "<6 bytes>"


def test_an_event_that_repeats_is_thinned_out_and_counted() -> None:
    clock, stream = SteppedClock(), io.StringIO()
    log = open_log(clock, member="m1", stream=stream)
    for _ in range(25):
        log.warning("slow")
    log.warning("other")
    clock.now = 11.0
    log.warning("slow")
    found = lines(stream)
    assert [line["event"] for line in found] == ["slow"] * 10 + ["other", "slow"]
    assert found[-1]["left_out"] == 15


def test_a_stream_that_is_gone_stops_nobody() -> None:
    stream = io.StringIO()
    log = open_log(SteppedClock(), member="m1", stream=stream)
    stream.close()
    log.error("into the void")


@pytest.fixture
def root_logger() -> Iterator[None]:
    root = standard.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    standard.captureWarnings(False)


@pytest.mark.usefixtures("root_logger")
def test_records_of_libraries_come_out_in_the_same_shape_without_values() -> None:
    stream = io.StringIO()
    adopt_standard_logging(open_log(SteppedClock(), member="m1", stream=stream))
    try:
        dict[bytes, int]()[b"secret"]
    except KeyError:
        standard.getLogger("asyncio").exception("Task failed\nfuture: secret")
    standard.getLogger("asyncio").info("chatter")
    (line,) = lines(stream)
    assert (line["level"], line["event"], line["source"]) == ("error", "Task failed", "asyncio")
    assert line["error"] == "KeyError"
    assert "test_logging.py" in line["traceback"]
    assert "future" not in stream.getvalue()
