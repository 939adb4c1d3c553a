# SPDX-License-Identifier: Apache-2.0
"""A history as a page for a browser: the clients' lanes, a bar from each call to its return, and what there is to say.

One file that loads nothing else and runs no script. Of a long history the neighbourhood of what is marked is drawn.
Everything that came out of the history is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from string import Template

from tricord.check.finding import Finding
from tricord.check.history import History, Operation
from tricord.check.lanes import LANE_GAP, ROW_HEIGHT, Bar, Lane, Layout, lanes_of, lay_out
from tricord.check.models import MODELS
from tricord.check.neighbourhood import neighbourhood
from tricord.check.words import duration_in_words, operation_in_words, plain

AXIS_HEIGHT = 30
TICK_EVERY = 90
"""Pixels between labels of the axis, at least."""
LONGEST_NAME = 18


@dataclass(slots=True)
class PictureLane:
    """What happened to one thing beside the clients: (from, to, label, class) each, times in nanoseconds."""

    name: str
    bars: list[tuple[int, int, str, str]] = field(default_factory=list)


def page(history: History, finding: Finding, model: str) -> str:
    """The HTML of a finding: its operations, its argument, and the timeline around them."""
    anomaly = f" ({finding.anomaly})" if finding.anomaly else ""
    marked = sorted(set(finding.operations))
    origin = min((history.operations[index].call_ns for index in marked), default=_first_call(history))
    body = [f'<p class="meaning">{escape(model)}: {escape(MODELS.get(model, ""))}.</p>']
    body += [f'<p class="reason">{_linked(finding.reason)}</p>'] if finding.reason else []
    if marked:
        own = [history.operations[index] for index in marked]
        body += ["<h2>The counter-example</h2>", _table(own, origin)]
        alone = lay_out(lanes_of(own, (), origin, anchored=False))
        body += [_picture(alone, origin)] if len(own) < len(history) else []
    if finding.steps:
        body += ["<h2>Why</h2>", _list(finding.steps)]
    return _page(f"{finding.verdict.value}: {model}{anomaly}", "".join(body), history, marked, (), origin)


def story_page(
    title: str, history: History, marked: Sequence[int], words: Sequence[str], lanes: Sequence[PictureLane]
) -> str:
    """The HTML of any history: what is to say, a paragraph each, and ``lanes`` above those of the clients."""
    origin = min([_first_call(history), *(bar[0] for lane in lanes for bar in lane.bars)])
    body = "".join(f"<p>{_linked(each)}</p>" for each in words)
    return _page(title, body, history, sorted(set(marked)), lanes, min(origin, 0))


def _first_call(history: History) -> int:
    return min((one.call_ns for one in history.operations), default=0)


def _page(
    title: str, body: str, history: History, marked: Sequence[int], more: Sequence[PictureLane], origin_ns: int
) -> str:
    drawn = neighbourhood(history.operations, marked)
    above = [
        Lane(lane.name, [Bar(begin, end, label, label, kind, roomy=False) for begin, end, label, kind in lane.bars])
        for lane in more
    ]
    layout = lay_out([*above, *lanes_of(drawn, marked, origin_ns)])
    part = "all" if len(drawn) == len(history) else f"{len(drawn)} of {len(history)}, those around the ones marked"
    return PAGE.substitute(
        title=escape(title),
        body=body,
        about=f"Operations: {part}. The axis counts from the first operation marked.",
        picture=_picture(layout, origin_ns),
    )


def escape(text: str) -> str:
    """Text that is no markup and steers nothing."""
    return html.escape(plain(text))


def _linked(text: str) -> str:
    return re.sub(r"#(\d+)", r'<a href="#op-\1">#\1</a>', escape(text))


def _list(steps: Iterable[str]) -> str:
    return f"<ol>{''.join(f'<li>{_linked(step)}</li>' for step in steps)}</ol>"


def _table(operations: Iterable[Operation], origin_ns: int) -> str:
    rows = []
    for one in operations:
        words = operation_in_words(one, origin_ns)
        rows.append(
            f'<tr><td><a href="#op-{one.index}">#{one.index}</a></td><td>line {one.index + 1}</td>'
            f"<td>{escape(words)}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _picture(layout: Layout, origin_ns: int) -> str:
    return (
        f'<div class="picture"><div class="names">{_names(layout)}</div>'
        f'<div class="scroll">{_timeline(layout, origin_ns)}</div></div>'
    )


def _names(layout: Layout) -> str:
    parts = []
    for lane in layout.lanes:
        text = (
            lane.name if len(lane.name) <= LONGEST_NAME else f"{lane.name[: LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"
        )
        middle = AXIS_HEIGHT + lane.top + ROW_HEIGHT * 0.55
        parts.append(f'<text x="8" y="{middle:.0f}"><title>{escape(lane.name)}</title>{escape(text)}</text>')
    height = AXIS_HEIGHT + layout.height
    return f'<svg width="150" height="{height:.0f}" role="presentation">{"".join(parts)}</svg>'


def _timeline(layout: Layout, origin_ns: int) -> str:
    height = AXIS_HEIGHT + layout.height
    parts = []
    for lane in layout.lanes:
        top, tall = AXIS_HEIGHT + lane.top - LANE_GAP / 4, lane.rows * ROW_HEIGHT
        parts.append(f'<rect class="lane" x="0" y="{top:.1f}" width="{layout.width:.0f}" height="{tall:.1f}"/>')
    parts += _axis(layout, height, origin_ns)
    parts += [_bar(bar, lane) for lane in layout.lanes for bar in lane.bars]
    return (
        f'<svg width="{layout.width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="what happened in {len(layout.lanes)} lanes, in the order of time">{"".join(parts)}</svg>'
    )


def _axis(layout: Layout, height: float, origin_ns: int) -> list[str]:
    parts, last = [], float(-TICK_EVERY)
    for time, x in layout.ticks:
        if x - last < TICK_EVERY:
            continue
        last = x
        parts.append(f'<line class="tick" x1="{x:.1f}" y1="18" x2="{x:.1f}" y2="{height:.0f}"/>')
        parts.append(f'<text class="time" x="{x + 2:.1f}" y="14">{duration_in_words(time - origin_ns)}</text>')
    return parts


def _bar(bar: Bar, lane: Lane) -> str:
    top = AXIS_HEIGHT + lane.top + bar.row * ROW_HEIGHT
    name = f' id="{bar.anchor}"' if bar.anchor else ""
    fits = bar.roomy or bar.right - bar.left > len(bar.label) * 7
    label = f'<text x="{bar.left + 5:.1f}" y="{top + ROW_HEIGHT * 0.55:.1f}">{escape(bar.label)}</text>' if fits else ""
    return (
        f'<g{name} class="{escape(bar.classes)}"><title>{escape(bar.tip)}</title>'
        f'<rect x="{bar.left:.1f}" y="{top:.1f}" width="{bar.right - bar.left:.1f}" height="{ROW_HEIGHT - 6}" rx="3"/>'
        f"{label}</g>"
    )


PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { --ink: #1d2330; --paper: #ffffff; --faint: #667085; --stripe: #f4f6f9; --line: #d5dae3;
  --ok: #cfe6d4; --ok-edge: #3d8b57; --fail: #e3e5ea; --fail-edge: #80889a; --unknown: #fbe7bd;
  --unknown-edge: #b9821b; --bad: #f6cdd3; --mark: #c4213b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaf0; --paper: #14171d; --faint: #98a2b3; --stripe: #1b1f27;
  --line: #343b48; --ok: #1f4a2e; --ok-edge: #58b57a; --fail: #2d323c; --fail-edge: #828b9c; --unknown: #55400f;
  --unknown-edge: #dba63d; --bad: #5c1f2b; --mark: #ff6b81; } }
body { margin: 0 auto; padding: 1.5rem; max-width: 1600px; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.meaning, .about { color: var(--faint); margin: .2rem 0; }
.reason { font-size: 1.05rem; }
table { border-collapse: collapse; } td { padding: .15rem .9rem .15rem 0; vertical-align: top; }
td:last-child { font-family: ui-monospace, monospace; font-size: 13px; overflow-wrap: anywhere; }
td:nth-child(2) { color: var(--faint); white-space: nowrap; }
a { color: var(--mark); font-weight: 600; text-decoration: none; } a:hover { text-decoration: underline; }
.picture { display: flex; margin-top: .6rem; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.names { flex: none; border-right: 1px solid var(--line); }
.scroll { overflow-x: auto; }
svg { display: block; } svg text { font: 12px ui-monospace, monospace; fill: var(--ink); }
svg .time { font-size: 11px; fill: var(--faint); } svg .tick { stroke: var(--line); stroke-dasharray: 2 3; }
svg .lane { fill: var(--stripe); }
g rect { fill: var(--fail); stroke: var(--fail-edge); }
.ok rect { fill: var(--ok); stroke: var(--ok-edge); }
.unknown rect { fill: var(--unknown); stroke: var(--unknown-edge); } .open rect { stroke-dasharray: 5 3; }
.leads rect { fill: var(--ok); stroke: var(--ok-edge); }
.paused rect { fill: var(--unknown); stroke: var(--unknown-edge); }
.down rect, .fault rect { fill: var(--bad); stroke: var(--mark); }
.marked rect { stroke: var(--mark); stroke-width: 3; stroke-dasharray: none; } .marked text { font-weight: 700; }
g:target rect { stroke-width: 5; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: .6rem 0; color: var(--faint); }
.legend i { display: inline-block; width: 22px; height: 12px; border-radius: 3px; border: 1px solid;
  margin-right: .4rem; }
</style>
</head>
<body>
<h1>$title</h1>
$body
<h2>The timeline</h2>
<p class="about">$about The order of beginnings and ends is true, lengths are not: long gaps are shortened, and a bar
is as wide as its words. Point at a bar for all of it.</p>
<div class="legend">
<span><i style="background:var(--ok);border-color:var(--ok-edge)"></i>ok</span>
<span><i style="background:var(--fail);border-color:var(--fail-edge)"></i>failed: it had no effect</span>
<span><i style="background:var(--unknown);border-color:var(--unknown-edge)"></i>unknown: it may take effect later, or
never; dashed: it never returned</span>
<span><i style="border:3px solid var(--mark)"></i>of the counter-example</span>
</div>
$picture
</body>
</html>
""")
