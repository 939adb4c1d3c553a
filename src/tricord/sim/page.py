# SPDX-License-Identifier: Apache-2.0
"""A run as a page for a browser: faults above, then the members' roles, then the operations of each client, on one axis
of simulated time. One file that loads nothing else and runs no script.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from string import Template

from tricord.check.history import Operation
from tricord.sim.outcome import Outcome
from tricord.sim.picture import Axis, label_of, roles
from tricord.sim.plan_text import format_plan
from tricord.sim.swarm import describe

_OPERATIONS_MAX = 3_000
"""That are drawn: the last ones that began before the violation was seen, or soon after."""
_LEFT, _WIDTH, _ROW = 190, 1_400, 18
_ROLES = {"L": ("leads", "leads"), "-": ("follows", "follows"), "x": ("is down", "down"), "p": ("is paused", "paused")}


def page(outcome: Outcome) -> str:
    """The HTML of a run."""
    drawing = _Drawing(max([outcome.plan.seconds, *(violation.at for violation in outcome.violations)]))
    _draw_faults(drawing, outcome)
    _draw_members(drawing, outcome)
    _draw_clients(drawing, outcome)
    for violation in outcome.violations:
        drawing.mark(violation.at, f"{violation.checker}: {violation.words}")
    found = [f"{violation.at:.3f} s, {violation.checker}: {violation.words}" for violation in outcome.violations]
    return _PAGE.substitute(
        title=escape(f"{outcome.plan.net} seed {outcome.plan.seed}"),
        violations="".join(f"<li><pre>{escape(text)}</pre></li>" for text in found) or "<li>None.</li>",
        drawn=escape(describe(outcome.plan)),
        timeline=drawing.svg(),
        plan=escape(format_plan(outcome.plan)),
        story=escape("\n".join(outcome.lines)),
    )


class _Drawing:
    """Rows of bars below each other."""

    def __init__(self, seconds: float) -> None:
        self._axis = Axis(seconds, _WIDTH)
        self._seconds = seconds
        self._rows = 1
        self._parts: list[str] = []
        self._marks: list[tuple[float, str]] = []

    def row(self, name: str) -> None:
        """Begin a row."""
        self._rows += 1
        self._parts.append(f'<text x="4" y="{self._rows * _ROW - 5}">{escape(name[:28])}</text>')

    def bar(self, begin: float, end: float, kind: str, says: str) -> None:
        """A bar in the row that was begun last."""
        left = self._axis.column(begin)
        width = max(self._axis.column(end) - left, 3)
        self._parts.append(
            f'<rect x="{_LEFT + left}" y="{(self._rows - 1) * _ROW + 2}" width="{width}" height="{_ROW - 4}" '
            f'class="{kind}"><title>{escape(says)}</title></rect>'
        )

    def mark(self, at: float, says: str) -> None:
        """A line through all rows."""
        self._marks.append((at, says))

    def svg(self) -> str:
        """All of it."""
        height = (self._rows + 1) * _ROW
        parts = list(self._parts)
        step = max(round(self._seconds / 10), 1)
        for second in range(0, int(self._seconds) + 1, step):
            x = _LEFT + self._axis.column(second)
            parts.append(f'<path d="M{x} {_ROW} V{height}" class="axis"/><text x="{x}" y="12">{second} s</text>')
        for at, says in self._marks:
            x = _LEFT + self._axis.column(at)
            parts.append(f'<path d="M{x} 0 V{height}" class="violation"><title>{escape(says)}</title></path>')
        return f'<svg width="{_LEFT + _WIDTH + 60}" height="{height}">{"".join(parts)}</svg>'


def _draw_faults(drawing: _Drawing, outcome: Outcome) -> None:
    for fault in outcome.plan.faults:
        drawing.row(label_of(fault))
        drawing.bar(fault.at, fault.at + fault.seconds, "fault", f"{label_of(fault)} from {fault.at:g} s")


def _draw_members(drawing: _Drawing, outcome: Outcome) -> None:
    end = outcome.plan.seconds
    for member, changes in roles(outcome.lines).items():
        drawing.row(member)
        for (begin, sign), (until, _) in zip(changes, [*changes[1:], (end, "")], strict=True):
            words, kind = _ROLES[sign]
            drawing.bar(begin, until, kind, f"{member} {words} from {begin:.3f} s")


def _draw_clients(drawing: _Drawing, outcome: Outcome) -> None:
    if outcome.history is None:
        return
    until = min((violation.at for violation in outcome.violations), default=outcome.plan.seconds) + 1.0
    operations = [one for one in outcome.history.operations if one.call_ns <= until * 1e9][-_OPERATIONS_MAX:]
    for client, own in _by_client(operations):
        drawing.row(f"client {client}")
        for one in own:
            end = one.return_ns if one.return_ns is not None else one.call_ns
            drawing.bar(one.call_ns / 1e9, end / 1e9, one.status, _in_words(one))


def _by_client(operations: Iterable[Operation]) -> list[tuple[str, list[Operation]]]:
    clients: dict[str, list[Operation]] = {}
    for one in operations:
        clients.setdefault(str(one.client), []).append(one)
    return sorted(clients.items())


def _in_words(one: Operation) -> str:
    asked = " ".join(str(part) for part in (one.op, one.key, one.input) if part is not None)
    return f"#{one.index} {asked} = {one.output} ({one.status}) from {one.call_ns / 1e9:.6f} s"


_PAGE = Template("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title><style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: #222; background: #fff; }
pre { white-space: pre-wrap; margin: 0; font: 12px/1.4 ui-monospace, monospace; }
.timeline { overflow-x: auto; border: 1px solid #ccc; }
text { font: 11px ui-monospace, monospace; fill: #222; }
.axis { stroke: #ddd; } .violation { stroke: #c00; stroke-width: 2; }
.fault { fill: #d98324; } .leads { fill: #2a6fbb; } .follows { fill: #c9d8ea; } .down { fill: #555; }
.paused { fill: #999; }
.ok { fill: #3a9a4f; } .fail { fill: #b04a4a; } .unknown { fill: #b59b2b; }
</style></head><body>
<h1>$title</h1>
<ul>$violations</ul>
<p>$drawn</p>
<div class="timeline">$timeline</div>
<p>Orange: faults. Members: dark blue leads, light blue follows, dark grey is down, grey is paused. Operations: green
ok, red failed, yellow unknown. The red line: a violation was seen.</p>
<h2>Plan</h2><pre>$plan</pre>
<h2>Story</h2><pre>$story</pre>
</body></html>
""")
