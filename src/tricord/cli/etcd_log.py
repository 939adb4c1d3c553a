# SPDX-License-Identifier: Apache-2.0
"""The log of ``tricord etcd``: lines as etcd's logger writes them, ``level``, ``ts`` and ``msg`` first, to the outputs
that were named.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from tricord.base.environment import Clock
from tricord.cli.etcd_arguments import NotVerified
from tricord.cli.etcd_plan import LEVELS
from tricord.runtime.logging import MemberLog

_NAMES = {"warning": "warn"}


class Outputs(io.StringIO):
    """Writes to several streams. One that is gone does not keep the line from the others."""

    def __init__(self, streams: list[TextIO]) -> None:
        super().__init__()
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            try:
                stream.write(text)
                stream.flush()
            except (OSError, ValueError):
                continue
        return len(text)


class EtcdLog:
    """What to log with: before the member has one of its own, too."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Raises NotVerified for an output that cannot be opened."""
        self._is_json = settings["log-format"] == "json"
        self._threshold = LEVELS[settings["log-level"]]
        self._streams = [_stream(output) for output in settings["log-outputs"]]
        self._out: TextIO = Outputs(self._streams)

    def close(self) -> None:
        """Close the files; what is said after that goes nowhere."""
        for stream in self._streams:
            if stream not in (sys.stdout, sys.stderr):
                stream.close()

    def member_log(self, clock: Clock, name: str) -> MemberLog:
        """For a member."""
        return MemberLog(clock, name, self._out, self._threshold, self._render)

    def say(self, level: str, text: str, **fields: object) -> None:
        """One line now; the names of ``fields`` may have underscores for hyphens."""
        if LEVELS[level] >= self._threshold:
            ts = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            self._out.write(self._render({"ts": ts, "level": level, "event": text} | fields) + "\n")

    def _render(self, line: dict[str, Any]) -> str:
        level, ts, event = _NAMES.get(line["level"], line["level"]), line["ts"], line["event"]
        rest = {name.replace("_", "-"): value for name, value in line.items() if name not in ("ts", "level", "event")}
        if self._is_json:
            said = {"level": level, "ts": ts, "msg": event} | rest
            return json.dumps(said, default=str, ensure_ascii=False, separators=(",", ":"))
        shown = json.dumps(rest, default=str, ensure_ascii=False) if rest else ""
        return "\t".join(part for part in (ts, level, event, shown) if part)


def _stream(output: str) -> TextIO:
    if output in ("default", "stderr"):
        return sys.stderr
    if output == "stdout":
        return sys.stdout
    try:
        return open(output, "a", encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotVerified(f"couldn't open sink {json.dumps(output)}: open {output}: {reason}") from None
