# SPDX-License-Identifier: Apache-2.0
"""Times of operations, for oracles that look at each moment."""

from __future__ import annotations

from tricord.check.history import Operation


def end(one: Operation) -> int:
    """When it had returned."""
    assert one.return_ns is not None
    return one.return_ns
