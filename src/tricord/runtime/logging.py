# SPDX-License-Identifier: Apache-2.0
"""The log of a member: lines on stderr with the fields ``ts level event member`` first, for people or as JSON.

An event is a short constant sentence; what varies is a field. Keys may be logged, values and secrets never: a field of
bytes is shown by its length alone. An event that repeats is thinned out, and the next line of it says how many were
left out. Records of the ``logging`` module and of ``warnings`` (asyncio's, for instance) come out in the same shape.

This is little enough to be written here: importing structlog took 12 MB and a quarter of a member's start.
"""

from __future__ import annotations

import json
import logging as standard
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

from tricord.base.environment import Clock

REPEATS_MAX = 10
REPEATS_SECONDS = 10.0
EVENTS_MAX = 1_000
"""How many different events are counted at once; the counts are forgotten beyond that."""

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Logger(Protocol):
    """What the parts of a member log to."""

    def debug(self, event: str, **fields: Any) -> Any:
        """What a developer wants to know."""

    def info(self, event: str, **fields: Any) -> Any:
        """What an operator may want to know."""

    def warning(self, event: str, **fields: Any) -> Any:
        """Something to look at in time."""

    def error(self, event: str, **fields: Any) -> Any:
        """Something that needs a person."""


def open_log(
    clock: Clock,
    *,
    member: str,
    format: str = "auto",  # the setting's name
    level: str = "info",
    stream: TextIO | None = None,
) -> Logger:
    """Make the logger of one member; ``format`` is text, json, or auto (text when ``stream`` is a terminal).

    ``stream`` is stderr when None. A stream that is gone never stops the member.
    """
    out = sys.stderr if stream is None else stream
    return MemberLog(clock, member, out, LEVELS[level], render_text if writes_text(format, out) else render_json)


def writes_text(format: str, stream: TextIO) -> bool:
    """Whether a log of this format on this stream is for people."""
    return format == "text" or (format == "auto" and stream.isatty())


def adopt_standard_logging(logger: Logger, level: str = "info") -> None:
    """Send what libraries log, and warnings, to ``logger``. For a process that is one member."""
    root = standard.getLogger()
    root.handlers[:] = [Adopted(logger)]
    root.setLevel(max(LEVELS[level], standard.WARNING))
    standard.captureWarnings(True)


class MemberLog:
    """``Logger`` on a stream."""

    def __init__(
        self, clock: Clock, member: str, stream: TextIO, threshold: int, render: Callable[[dict[str, Any]], str]
    ) -> None:
        self._clock = clock
        self._member = member
        self._stream = stream
        self._threshold = threshold
        self._render = render
        self._thinning = Thinning()

    def debug(self, event: str, **fields: Any) -> None:
        self._log("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._log("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._log("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._log("error", event, fields)

    def _log(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if LEVELS[level] < self._threshold:
            return
        left_out = self._thinning.passes(f"{level} {event}", self._clock.monotonic())
        if left_out is None:
            return
        moment = datetime.fromtimestamp(self._clock.wall_ns() / 1e9, UTC)
        line: dict[str, Any] = {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            "event": event,
            "member": self._member,
        }
        line.update((name, _shown(value)) for name, value in fields.items())
        if left_out:
            line["left_out"] = left_out
        try:
            self._stream.write(self._render(line) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # the stream is gone: nobody reads what would be said of it


class Thinning:
    """Lets an event through ``REPEATS_MAX`` times in ``REPEATS_SECONDS``."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {}  # event -> [start of its period, count in it]

    def passes(self, event: str, now: float) -> int | None:
        """None: leave it out. Else how many were left out since it was last let through."""
        period = self._seen.get(event)
        if period is None:
            if len(self._seen) >= EVENTS_MAX:
                self._seen.clear()
            self._seen[event] = [now, 1]
            return 0
        if now - period[0] >= REPEATS_SECONDS:
            left_out = max(0, int(period[1]) - REPEATS_MAX)
            period[:] = [now, 1]
            return left_out
        period[1] += 1
        return None if period[1] > REPEATS_MAX else 0


def _shown(value: Any) -> Any:
    # Bytes may be somebody's value.
    return f"<{len(value)} bytes>" if isinstance(value, bytes | bytearray | memoryview) else value


def render_json(line: dict[str, Any]) -> str:
    """One JSON object, on one line."""
    return json.dumps(line, default=str, ensure_ascii=False)


def render_text(line: dict[str, Any]) -> str:
    """``ts LEVEL event  member=... field=...``; texts with spaces or control characters are quoted."""
    ts, level, event, *rest = line.items()
    said = event[1] if event[1].isprintable() else json.dumps(event[1])
    return " ".join([f"{ts[1]} {level[1].upper():7} {said}", *(f"{name}={_word(value)}" for name, value in rest)])


def _word(value: Any) -> str:
    text = str(value)
    return text if text and text.isprintable() and not any(c in text for c in ' "=') else json.dumps(text)


class Adopted(standard.Handler):
    """Hands records of the ``logging`` module to a member's logger."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: standard.LogRecord) -> None:
        fields: dict[str, Any] = {"source": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            # Neither the exception's text nor later lines of the message: both may show values.
            fields["error"] = type(record.exc_info[1]).__name__
            fields["traceback"] = "".join(traceback.format_tb(record.exc_info[2]))
        method = self._logger.error if record.levelno >= standard.ERROR else self._logger.warning
        method(record.getMessage().partition("\n")[0], **fields)
