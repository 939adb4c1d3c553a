# SPDX-License-Identifier: Apache-2.0
"""``tricord check run``: whether a recorded history is one that a consistency model allows."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tricord.cli.exit_codes import say_error
from tricord.cli.usage import finite

if TYPE_CHECKING:
    from tricord.check.finding import Finding, Limits
    from tricord.check.history import History


class CheckCode(IntEnum):
    """How ``check run`` ends; scripts may rely on them."""

    HOLDS = 0
    VIOLATED = 1
    UNDECIDED = 2
    BAD_INPUT = 3


BAD_INPUT = "bad-input"
NAMES = (
    "linearizable", "sequential", "sessions", "causal", "read-committed", "snapshot-isolation", "serializable",
    "convergence", "watch", "locks",
)  # fmt: skip
"""Of the models, for the help: ``tricord.check.models`` is imported by the command alone."""
SMALLEST_SECONDS = 10.0
"""For making a counter-example small."""


@dataclass(slots=True)
class Report:
    """What the last line says."""

    model: str
    verdict: str = BAD_INPUT
    operations: int = 0
    read_seconds: float = 0.0
    seconds: float = 0.0
    anomaly: str = ""
    reason: str = ""
    picture: str | None = None
    counter_example: list[dict[str, Any]] | None = None
    statistics: dict[str, Any] | None = None

    def write(self) -> None:
        """The last line of stdout: one JSON document."""
        document = {
            "verdict": self.verdict,
            "model": self.model,
            "operations": self.operations,
            "seconds": round(self.seconds, 6),
            "read_seconds": round(self.read_seconds, 6),
            "anomaly": self.anomaly,
            "reason": self.reason,
            "counter_example": self.counter_example or [],
            "picture": self.picture,
            "statistics": self.statistics or {},
        }
        sys.stdout.write(json.dumps(document, default=str) + "\n")
        sys.stdout.flush()


def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The history, one operation a line; - is stdin.")],
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help=f"What it should be: {', '.join(NAMES)}.")],
    level: Annotated[str, typer.Option(metavar="NAME", help="Of causal: cc, ccv or cm.", show_default=False)] = "",
    bound: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, callback=finite, help="Of convergence: how long readers may differ."),
    ] = 10.0,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, callback=finite, help="Undecided after so long.", show_default=False),
    ] = None,
    steps: Annotated[
        int, typer.Option(metavar="COUNT", min=1, help="Undecided after so many steps of a search.")
    ] = 20_000_000,
    html: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Draw a violation here.  [default: FILE.html; none for - and pipes]",
            show_default=False,
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print nothing but the last line.")] = False,
) -> int:
    """Say whether a history is one that a consistency model allows: 0 holds, 1 violated, 2 undecided, 3 bad input.

    A violation is told in words, with the smallest counter-example that was found, and drawn as a page to open in a
    browser. The last line of stdout is always one JSON document with `verdict`: holds, violated, undecided or
    bad-input.

    \b
    Examples:
      tricord check run history.jsonl --model linearizable
      tricord check run history.jsonl --model causal --level ccv --timeout 60
      zcat history.jsonl.gz | tricord check run - --model serializable --json
    """
    from tricord.check.history import BadHistory
    from tricord.check.models import LEVELS, MODELS

    report = Report(model)
    if model not in MODELS:
        return _refused(report, f"there is no model {model!r}: choose one of {', '.join(MODELS)}")
    if level and level not in LEVELS.get(model, ()):
        choices = f"choose one of {', '.join(LEVELS[model])}" if model in LEVELS else "leave --level out"
        return _refused(report, f"{model} has no level {level!r}: {choices}")
    try:
        history = _read(file, report)
        finding = _judge_or_say(model, history, _limits(level, bound, timeout, steps), report)
    except BadHistory as error:
        return _refused(report, f"{_named(file)}, {error}")
    except OSError as error:
        return _refused(report, f"{_named(file)}: {error.strerror or error}")
    return _told(file, html, as_json, history, finding, report)


def _named(file: str) -> str:
    return "stdin" if file == "-" else file


def _refused(report: Report, text: str) -> int:
    say_error(text)
    report.reason = text
    report.write()
    return CheckCode.BAD_INPUT


def _read(file: str, report: Report) -> History:
    from tricord.check.models import BY_CLIENT
    from tricord.check.reading import read_history

    begun = time.monotonic()
    if file == "-":
        data = sys.stdin.buffer.read()
    else:
        with open(file, "rb") as opened:
            data = opened.read()
    history = read_history(data, may_overlap=report.model not in BY_CLIENT)
    report.operations = len(history)
    report.read_seconds = time.monotonic() - begun
    if not len(history):
        say_error(f"{_named(file)} holds no operation: nothing was checked")
    return history


def _limits(level: str, bound: float, timeout: float | None, steps: int) -> Limits:
    from tricord.check.finding import Limits, never

    expired: Callable[[], bool] = never
    if timeout is not None:
        deadline = time.monotonic() + timeout

        def expired() -> bool:
            return time.monotonic() > deadline

    return Limits(steps=steps, expired=expired, bound_ns=round(bound * 1_000_000_000), level=level)


def _judge_or_say(model: str, history: History, limits: Limits, report: Report) -> Finding:
    """A checker with a bug, or out of memory, has decided nothing: its traceback must not end as a violation does."""
    from tricord.check.finding import Finding, Verdict
    from tricord.check.history import BadHistory

    try:
        return _judge(model, history, limits, report)
    except BadHistory:
        raise
    except Exception as error:
        traceback.print_exc()
        report.reason = f"the checker itself failed: {type(error).__name__}: {error}"
        report.verdict = Verdict.UNDECIDED.value
        return Finding(Verdict.UNDECIDED, report.reason)


def _judge(model: str, history: History, limits: Limits, report: Report) -> Finding:
    from tricord.check.models import check_of

    begun = time.monotonic()
    finding = check_of(model)(history, limits)
    report.seconds = time.monotonic() - begun
    finding = _made_small(model, history, finding, limits)
    report.verdict = finding.verdict.value
    report.anomaly = finding.anomaly
    report.reason = finding.reason
    report.statistics = finding.statistics
    return finding


def _made_small(model: str, history: History, finding: Finding, limits: Limits) -> Finding:
    from tricord.check.models import check_of
    from tricord.check.smallest import smallest

    deadline = time.monotonic() + SMALLEST_SECONDS
    return smallest(model, check_of(model), history, finding, limits, expired=lambda: time.monotonic() > deadline)


def _told(file: str, html: str, as_json: bool, history: History, finding: Finding, report: Report) -> int:
    from tricord.check.finding import Verdict
    from tricord.check.words import finding_in_words

    operations = [history.operations[index] for index in sorted(set(finding.operations))]
    report.counter_example = [_document(one) for one in operations]
    if finding.verdict is Verdict.VIOLATED:
        report.picture = _drawn(html or _beside(file), history, finding, report.model)
    if not as_json:
        print("\n".join(finding_in_words(report.model, finding, history)))
        if report.picture:
            print(f"\nA picture of it: {report.picture}")
    report.write()
    return CheckCode[finding.verdict.name]


def _document(one: Any) -> dict[str, Any]:
    from tricord.check.reading import line_of

    return {"line": one.index + 1, **json.loads(line_of(one))}


def _beside(file: str) -> str:
    """Where the picture goes that was not asked for: beside a file. Stdin, pipes and devices have no such place."""
    stands_somewhere = os.path.isfile(file) and not file.startswith(("/dev/", "/proc/"))
    return f"{file}.html" if stands_somewhere else ""


def _drawn(path: str, history: History, finding: Finding, model: str) -> str | None:
    """Write the picture; its path, or None where none was wanted or it could not be written."""
    if not path:
        return None
    from tricord.check.picture import page

    try:
        with open(path, "w", encoding="utf-8") as opened:
            opened.write(page(history, finding, model))
    except OSError as error:
        say_error(f"no picture, {path}: {error.strerror or error}")
        return None
    return path
