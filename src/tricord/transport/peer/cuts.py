# SPDX-License-Identifier: Apache-2.0
"""Faults on purpose: which members' messages are dropped on the way to which others."""

from __future__ import annotations

from collections.abc import Iterable


class Cuts:
    """Pairs (sender, receiver), by id. Whoever injects the faults replaces them; links only ask."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._pairs = frozenset(pairs)

    def replace(self, pairs: Iterable[tuple[int, int]]) -> None:
        """From now on drop what goes from the first of a pair to the second, and nothing else."""
        self._pairs = frozenset(pairs)

    def blocked(self, sender: int, receiver: int) -> bool:
        """Whether a message from one to the other is dropped."""
        return bool(self._pairs) and (sender, receiver) in self._pairs
