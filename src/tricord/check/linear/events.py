# SPDX-License-Identifier: Apache-2.0
"""Calls and returns of moves in time order, and what a search knows of them before it begins."""

from __future__ import annotations

from typing import Any, Final

from tricord.check.linear.move import ANYTHING, NEVER, Move

CALL: Final = 0
RETURN: Final = 1


def events_of(moves: list[Move]) -> list[tuple[int, int, int]]:
    """(time, kind, move's number), calls before returns of the same time; an unknown move has ``~number``."""
    events = []
    for number, move in enumerate(moves):
        if move.back == NEVER:
            events.append((move.call, CALL, ~number))
        else:
            events.append((move.call, CALL, number))
            events.append((move.back, RETURN, number))
    events.sort()
    return events


def place_bits(moves: int, events: list[tuple[int, int, int]]) -> list[int]:
    """A bit for each move that returns, which another takes after the return: as many as ever run at once."""
    bits = [0] * moves
    free: list[int] = []
    most = 0
    for _, kind, number in events:
        if number < 0:
            continue
        if kind == RETURN:
            free.append(bits[number])
        elif free:
            bits[number] = free.pop()
        else:
            bits[number] = 1 << most
            most += 1
    return bits


def wanted_until(moves: list[Move]) -> tuple[dict[Any, int], int]:
    """When the last move returns that wants a state, by state; and the last that looks at more than one state."""
    wanted: dict[Any, int] = {}
    watched = -1
    for move in moves:
        if move.wants is not ANYTHING:
            wanted[move.wants] = max(move.back, wanted.get(move.wants, -1))
        elif not move.blind:
            watched = max(watched, move.back)
    return wanted, watched
