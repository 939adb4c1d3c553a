# SPDX-License-Identifier: Apache-2.0
"""A promise that was not kept."""

from __future__ import annotations


class Broken(Exception):
    """``checker`` is one of the names that ``outcome.Violation`` lists."""

    def __init__(self, checker: str, words: str) -> None:
        super().__init__(f"{checker}: {words}")
        self.checker = checker
        self.words = words


def majority(voters: tuple[int, ...], agreeing: int) -> bool:
    """Whether so many of the voters are more than half."""
    return agreeing * 2 > len(voters)
