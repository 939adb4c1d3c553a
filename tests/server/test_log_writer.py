# SPDX-License-Identifier: Apache-2.0
"""The log writer: fast appends are waited for on the loop, slow ones on the lane, and nothing runs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from tricord.base.errors import DiskFault
from tricord.base.log import Entry, HardState
from tricord.server.log_writer import WARY_SECONDS_FIRST, LogWriter
from tricord.sim.environment import simulated_environment
from tricord.sim.virtual_loop import VirtualLoop
from tricord.storage.memory_disk import MemoryDisk


class Log:
    """Takes as long as it is told, and notes what happened."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.seconds = 0.0
        self.error: Exception | None = None
        self.happened: list[str] = []

    def append(self, hard_state: HardState | None, entries: list[Entry]) -> None:
        self._loop.advance(self.seconds)
        if self.error is not None:
            raise self.error
        self.happened.append(f"append {entries[-1].index}")

    def mark(self) -> None:
        self.happened.append("mark")

    def seal(self) -> None:
        self.happened.append("seal")

    def cut_before(self, index: int, disposable_to: int = 0, budget_bytes: int = 0) -> None:
        self.happened.append(f"cut {index}")


class Story:
    """A log writer in simulated time."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.log = Log(self.loop)
        self.writer = LogWriter(simulated_environment(self.loop, MemoryDisk(), seed=1), self.log)
        self.ended: list[str] = []

    def append(self, index: int) -> None:
        def done(error: BaseException | None) -> None:
            self.ended.append(f"{index} {type(error).__name__}")

        self.writer.append(None, [Entry(index, 1, 0, b"")], done)

    def play(self, story: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            self.loop.run_until_complete(story())
        finally:
            self.loop.close()


def test_a_fast_append_is_done_when_the_call_returns_and_told_afterwards() -> None:
    told = Story()

    async def story() -> None:
        told.append(1)
        assert (told.log.happened, told.ended) == (["append 1"], [])
        await asyncio.sleep(0)
        assert told.ended == ["1 NoneType"]

    told.play(story)


def test_after_a_slow_append_the_next_ones_go_to_the_lane_until_they_are_fast_again() -> None:
    told = Story()

    async def story() -> None:
        told.log.seconds = 0.05
        told.append(1)
        told.append(2)
        assert told.log.happened == ["append 1"], "the loop does not wait for the second"
        await asyncio.sleep(0.06)
        assert told.log.happened == ["append 1", "append 2"]
        told.log.seconds = 0.0
        await asyncio.sleep(WARY_SECONDS_FIRST)
        told.append(3)
        assert told.log.happened[-1] == "append 2", "wary for twice as long now"
        await asyncio.sleep(2 * WARY_SECONDS_FIRST)
        told.append(4)
        assert told.log.happened[-1] == "append 4"
        await asyncio.sleep(0.01)
        assert told.ended == [f"{index} NoneType" for index in (1, 2, 3, 4)]

    told.play(story)


def test_nothing_is_appended_beside_a_mark_or_a_cut() -> None:
    told = Story()
    others: list[BaseException | None] = []

    async def story() -> None:
        told.writer.mark(others.append)
        told.writer.cut_before(7, others.append)
        told.append(1)
        assert told.log.happened == []
        await asyncio.sleep(0.01)
        assert told.log.happened == ["mark", "cut 7", "append 1"]
        told.append(2)
        assert told.log.happened[-1] == "append 2"
        await told.writer.seal()
        assert told.log.happened[-1] == "seal"
        assert others == [None, None]

    told.play(story)


def test_a_failure_reaches_the_caller_from_either_place() -> None:
    told = Story()

    async def story() -> None:
        told.log.error = DiskFault("broken")
        told.append(1)
        told.writer.mark(lambda error: None)
        told.append(2)
        await asyncio.sleep(0.01)
        assert told.ended == ["1 DiskFault", "2 DiskFault"]

    told.play(story)
