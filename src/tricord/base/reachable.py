# SPDX-License-Identifier: Apache-2.0
"""Points in the code that a simulation has to reach: rare branches whose bugs nobody would see otherwise.

``reachable("an election was lost")`` stands in the branch itself. A simulator counts the points that its runs passed
and says which it never reached; anywhere else the call costs a comparison. The names are literals, each used at one
place, so that the list of all points is read from the source.

This is the one variable of a module that changes: a point belongs to the code, not to a member, as an assertion does
(docs/decisions/0018-reachable-points.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_count: Callable[[str], None] | None = None


def reachable(point: str) -> None:
    """This point was reached."""
    if _count is not None:
        _count(point)


@contextmanager
def counted_by(count: Callable[[str], None]) -> Iterator[None]:
    """Tell ``count`` of each point reached within."""
    global _count  # noqa: PLW0603
    before, _count = _count, count
    try:
        yield
    finally:
        _count = before
