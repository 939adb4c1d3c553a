# SPDX-License-Identifier: Apache-2.0
"""Rounds of proposals: who waits for whom, and for how long at most."""

from __future__ import annotations

from collections.abc import Callable

from tricord.server.gathering import ASKERS_SECONDS_MAX, HELD_SECONDS_MAX, ROUND_COMMANDS_MAX, Gathering
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk


class Story:
    """Gathering in simulated time; ``rounds`` are (when, tickets)."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        environment = simulated_environment(self.loop, MemoryDisk(), seed=1)
        self.rounds: list[tuple[float, list[int]]] = []
        self.gathering = Gathering[int](environment.clock, environment.tasks, self.release)

    def release(self, tickets: list[int]) -> None:
        now = round(self.loop.time(), 4)
        if not self.rounds or self.rounds[-1][0] != now:
            self.rounds.append((now, []))
            self.loop.call_soon(self.gathering.left)
        self.rounds[-1][1].extend(tickets)

    def add(self, *tickets: int) -> None:
        for ticket in tickets:
            self.gathering.add(ticket, 7)

    def at(self, when: float, what: str, *arguments: int) -> None:
        """Something happens at a time."""
        act: Callable[..., None] = self.add if what == "add" else self.gathering.answered
        self.loop.call_at(when, act, *arguments)

    def end(self, when: float = 1.0) -> list[tuple[float, list[int]]]:
        self.loop.call_at(when, self.loop.stop)
        self.loop.run_forever()
        self.loop.close()
        return self.rounds


def test_a_lone_client_never_waits() -> None:
    story = Story()
    for number in range(3):
        story.at(0.1 * number + 0.1, "add", number)
        story.at(0.1 * number + 0.15, "answered", 1)
    assert story.end() == [(0.1, [0]), (0.2, [1]), (0.3, [2])]


def test_what_comes_during_a_round_waits_for_its_end_and_for_those_it_answered() -> None:
    story = Story()
    story.at(0.1, "add", 1)
    story.at(0.105, "add", 2)
    story.at(0.106, "add", 3)
    story.at(0.11, "answered", 1)
    story.at(0.111, "add", 4)
    rounds = story.end()
    # One was answered, and three are here: nobody is waited for any longer.
    assert rounds == [(0.1, [1]), (0.111, [2, 3, 4])]


def test_who_does_not_come_back_is_not_waited_for_long() -> None:
    story = Story()
    story.at(0.1, "add", 1)
    story.at(0.105, "add", 2)
    story.at(0.108, "answered", 1)
    rounds = story.end()
    assert rounds[1][1] == [2]
    assert 0 < rounds[1][0] - 0.108 <= ASKERS_SECONDS_MAX


def test_after_a_quiet_moment_the_first_one_goes_at_once() -> None:
    story = Story()
    story.at(0.1, "add", 1, 2, 3)
    story.at(0.12, "answered", 3)
    story.at(0.5, "add", 4)
    assert story.end()[-1] == (0.5, [4])


def test_a_slow_round_holds_nobody_up_for_long() -> None:
    story = Story()
    story.at(0.1, "add", 1)
    story.at(0.2, "add", 2)
    assert story.end() == [(0.1, [1]), (0.2 + HELD_SECONDS_MAX, [2])]


def test_a_large_round_goes_at_once() -> None:
    story = Story()
    story.at(0.1, "add", 0)
    story.at(0.101, "add", *range(1, ROUND_COMMANDS_MAX + 2))
    story.at(0.102, "answered", ROUND_COMMANDS_MAX + 1)
    rounds = story.end()
    assert [(when, len(tickets)) for when, tickets in rounds] == [(0.1, 1), (0.101, ROUND_COMMANDS_MAX + 1)]


def test_what_is_withdrawn_goes_nowhere() -> None:
    story = Story()
    story.at(0.1, "add", 1)
    story.at(0.105, "add", 2, 3)
    story.loop.call_at(0.106, lambda: story.gathering.withdraw({2}.__contains__))
    story.at(0.11, "answered", 1)
    assert [tickets for _, tickets in story.end()] == [[1], [3]]
