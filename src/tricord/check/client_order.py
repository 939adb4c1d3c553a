# SPDX-License-Identifier: Apache-2.0
"""The order of each client's own operations."""

from __future__ import annotations

from collections.abc import Iterable

from tricord.check.history import OK
from tricord.check.transactions import Transaction


def client_order(transactions: list[Transaction], numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Each client's operations one after the other. Nothing waits for one of unknown fate: it may come later."""
    last: dict[int | str, int] = {}
    found = []
    for number in sorted(numbers, key=lambda n: _turn(transactions[n])):
        one = transactions[number]
        if one.client in last:
            found.append((last[one.client], number))
        if one.status == OK:
            last[one.client] = number
    return found


def _turn(one: Transaction) -> tuple[int, int, int]:
    """As ``history.turn``, with the line."""
    return one.call, one.back if one.status == OK else -1, one.index
