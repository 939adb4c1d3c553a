# SPDX-License-Identifier: Apache-2.0
"""A recorder writes what ``check run`` reads, and tells what failed from what nobody knows."""

from __future__ import annotations

import itertools

import pytest

from tricord.base.errors import NotFound, OutcomeUnknown, TricordError
from tricord.check.history import Operation
from tricord.check.reading import read_history
from tricord.check.recording import Recorder


class Lines:
    """A file, and a clock that goes on by 1 each time it is read."""

    def __init__(self, *certain: type[BaseException]) -> None:
        self.data = b""
        self.recorder = Recorder(self.write, itertools.count(1).__next__, certain=certain)

    def write(self, line: bytes) -> None:
        self.data += line

    @property
    def last(self) -> Operation:
        return read_history(self.data).operations[-1]


def outcome(one: Operation) -> tuple[object, ...]:
    return one.status, one.output, one.call_ns, one.return_ns, one.revision


def test_what_was_answered_is_ok() -> None:
    lines = Lines()
    with lines.recorder.call("a", "get", "k") as call:
        call.ok("v", revision=7)
    assert outcome(lines.last) == ("ok", "v", 1, 2, 7)
    assert lines.recorder.counts == {"ok": 1, "fail": 0, "unknown": 0}


def test_who_says_nothing_does_not_know() -> None:
    lines = Lines()
    with lines.recorder.call(1, "put", "k", "v"):
        pass
    assert outcome(lines.last) == ("unknown", None, 1, 2, 0)


def test_the_last_word_counts() -> None:
    lines = Lines()
    with lines.recorder.call(1, "put", "k", "v") as call:
        call.unknown()
        call.fail()
    assert outcome(lines.last) == ("fail", None, 1, 3, 0)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OutcomeUnknown("?"), "unknown"),
        (NotFound("there"), "fail"),
        (TimeoutError(), "unknown"),
        (KeyboardInterrupt(), "unknown"),
        (LookupError(), "fail"),
        (KeyError(), "fail"),
    ],
)
def test_an_error_says_what_is_known_and_goes_on(error: BaseException, status: str) -> None:
    lines = Lines(LookupError)
    with pytest.raises(type(error)), lines.recorder.call(1, "put", "k", "v") as call:
        call.ok("too early")
        raise error
    assert outcome(lines.last) == (status, None, 1, 3, 0)
    assert isinstance(error, TricordError) or status == lines.recorder.status_of(error)


def test_a_line_is_there_when_its_operation_ended() -> None:
    lines = Lines()
    with lines.recorder.call(1, "put", "k", "v"):
        assert lines.data == b""
    lines.recorder.add(Operation(2, "get", "k", output="v", call_ns=3, return_ns=4))
    assert lines.data.count(b"\n") == 2
