# SPDX-License-Identifier: Apache-2.0
"""The log of a member: lines on stderr with the fields ``ts level event member`` first, for people or as JSON.

An event is a short constant sentence; what varies is a field. Keys may be logged, values and secrets never: a field of
bytes is shown by its length alone. An event that repeats is thinned out, and the next line of it says how many were
left out. Records of the ``logging`` module and of ``warnings`` (asyncio's, for instance) come out in the same shape.
"""

from __future__ import annotations

import json
import logging as standard
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

import structlog

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
    processors: list[Callable[[Any, str, MutableMapping[str, Any]], Any]] = [
        Thinning(clock),
        hide_values,
        Heading(clock, member),
        render_text if writes_text(format, out) else render_json,
    ]
    logger: Logger = structlog.wrap_logger(
        Lines(out),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    return logger


def writes_text(format: str, stream: TextIO) -> bool:
    """Whether a log of this format on this stream is for people."""
    return format == "text" or (format == "auto" and stream.isatty())


def adopt_standard_logging(logger: Logger, level: str = "info") -> None:
    """Send what libraries log, and warnings, to ``logger``. For a process that is one member."""
    root = standard.getLogger()
    root.handlers[:] = [Adopted(logger)]
    root.setLevel(max(LEVELS[level], standard.WARNING))
    standard.captureWarnings(True)


class Lines:
    """Writes finished lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """One line, at once. Never raises for a stream that is closed or full."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass

    debug = info = warning = error = write


class Thinning:
    """Lets an event through ``REPEATS_MAX`` times in ``REPEATS_SECONDS``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, list[float]] = {}  # event -> [start of its period, count in it]

    def __call__(self, _: Any, level: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        now = self._clock.monotonic()
        event = f"{level} {fields['event']}"
        period = self._seen.get(event)
        if period is None:
            if len(self._seen) >= EVENTS_MAX:
                self._seen.clear()
            self._seen[event] = [now, 1]
            return fields
        if now - period[0] >= REPEATS_SECONDS:
            left_out = int(period[1]) - REPEATS_MAX
            period[:] = [now, 1]
            if left_out > 0:
                fields["left_out"] = left_out
            return fields
        period[1] += 1
        if period[1] > REPEATS_MAX:
            raise structlog.DropEvent
        return fields


class Heading:
    """Puts ``ts level event member`` before all other fields."""

    def __init__(self, clock: Clock, member: str) -> None:
        self._clock = clock
        self._member = member

    def __call__(self, _: Any, level: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        moment = datetime.fromtimestamp(self._clock.wall_ns() / 1e9, UTC)
        return {
            "ts": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            "event": fields.pop("event"),
            "member": self._member,
            **fields,
        }


def hide_values(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace bytes by their length: they may be somebody's value."""
    for name, value in fields.items():
        if isinstance(value, bytes | bytearray | memoryview):
            fields[name] = f"<{len(value)} bytes>"
    return fields


def render_json(_: Any, __: str, fields: MutableMapping[str, Any]) -> str:
    """One JSON object, on one line."""
    return json.dumps(fields, default=str, ensure_ascii=False)


def render_text(_: Any, __: str, fields: MutableMapping[str, Any]) -> str:
    """``ts LEVEL event  member=... field=...``; texts with spaces or control characters are quoted."""
    head = f"{fields.pop('ts')} {fields.pop('level').upper():7} {fields.pop('event')}"
    return " ".join([head, *(f"{name}={_word(value)}" for name, value in fields.items())])


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
