# SPDX-License-Identifier: Apache-2.0
"""The list of all points that a simulation has to reach (``base.reachable``), read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import tricord
from tricord.sim.fault_kinds import FINE

_MARK = b"reachable("
_OF_THE_FINE_NET = ("base", "raft", "mvcc", "lease", "auth", "statemachine", "replica")
"""Packages whose code the fine net runs; the wide one runs all."""


def points_of(net: str = "", source: Path | None = None) -> dict[str, str]:
    """Each point's name and where it stands (``raft/election.py:41``), sorted by place. ``net``: those that it can
    reach; empty: all but those of ``causal``, which has a net of its own. Raises ValueError for a name that is no
    literal, or stands at two places."""
    root = source or Path(tricord.__file__).parent
    points: dict[str, str] = {}
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if place.parts[0] in ("sim", "cli", "causal") or (net == FINE and place.parts[0] not in _OF_THE_FINE_NET):
            continue
        text = path.read_bytes()
        if _MARK in text:
            for name, line in _points_in(text, place):
                if name in points:
                    raise ValueError(f"{place}:{line}: the point {name!r} is at {points[name]} already")
                points[name] = f"{place.as_posix()}:{line}"
    return points


def _points_in(text: bytes, place: Path) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not _is_reachable(node.func):
            continue
        match node.args:
            case [ast.Constant(value=str(name))]:
                found.append((name, node.lineno))
            case _:
                raise ValueError(f"{place}:{node.lineno}: a point's name is one literal text")
    return sorted(found, key=lambda point: point[1])


def _is_reachable(function: ast.expr) -> bool:
    match function:
        case ast.Name(id="reachable") | ast.Attribute(attr="reachable"):
            return True
    return False
