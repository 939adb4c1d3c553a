# SPDX-License-Identifier: Apache-2.0
"""Lanes run blocking work in order, elsewhere, and report to the loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tricord.base.environment import Environment
from tricord.runtime import close_environment, open_environment


def in_environment(test: object) -> None:
    async def main() -> None:
        environment = open_environment()
        try:
            await test(environment)  # type: ignore[operator]
        finally:
            close_environment(environment)

    asyncio.run(main())


def test_jobs_of_a_lane_run_in_order_on_one_thread_and_report_in_order() -> None:
    async def story(environment: Environment) -> None:
        ran: list[tuple[int, int]] = []
        reported: list[int] = []
        ended = asyncio.Event()

        def job(number: int) -> int:
            ran.append((number, threading.get_ident()))
            return number

        def done(result: int | None, error: BaseException | None) -> None:
            assert error is None and result is not None
            assert threading.current_thread() is threading.main_thread()
            reported.append(result)
            if result == 499:
                ended.set()

        for number in range(500):
            environment.tasks.in_lane_then("wal", job, (number,), done)
        await ended.wait()
        assert reported == list(range(500))
        assert [number for number, _ in ran] == reported
        assert {thread for _, thread in ran} != {threading.get_ident()}
        assert len({thread for _, thread in ran}) == 1

    in_environment(story)


def test_lanes_do_not_wait_for_each_other() -> None:
    async def story(environment: Environment) -> None:
        gate = threading.Event()
        slow = environment.tasks.in_lane("backend", gate.wait)
        assert await environment.tasks.in_lane("wal", lambda: "done") == "done"
        gate.set()
        assert await slow

    in_environment(story)


def test_an_error_reaches_who_asked_and_the_lane_goes_on() -> None:
    async def story(environment: Environment) -> None:
        with pytest.raises(ZeroDivisionError):
            await environment.tasks.in_lane("wal", lambda: 1 // 0)
        assert await environment.tasks.in_lane("wal", int, "7") == 7

    in_environment(story)


def test_a_callback_that_raises_does_not_keep_the_others_from_being_told() -> None:
    async def story(environment: Environment) -> None:
        told: list[int] = []
        faults: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
        ended = asyncio.Event()

        def done(result: int | None, _: BaseException | None) -> None:
            assert result is not None
            told.append(result)
            if result == 1:
                raise RuntimeError("a fault of the caller")
            if result == 3:
                ended.set()

        gate = threading.Event()
        environment.tasks.in_lane_then("wal", gate.wait, (), lambda result, error: None)
        for number in range(4):
            environment.tasks.in_lane_then("wal", int, (number,), done)
        gate.set()
        await ended.wait()
        assert told == [0, 1, 2, 3]
        assert [str(fault) for fault in faults] == ["a fault of the caller"]

    in_environment(story)


def test_who_gave_up_waiting_is_not_told() -> None:
    async def story(environment: Environment) -> None:
        gate = threading.Event()
        waiting = asyncio.ensure_future(environment.tasks.in_lane("wal", gate.wait))
        waiting.cancel()
        gate.set()
        assert await environment.tasks.in_lane("wal", lambda: True)
        assert waiting.cancelled()

    in_environment(story)


def test_closing_runs_what_was_queued_and_ends_the_threads() -> None:
    ran: list[int] = []

    async def main() -> None:
        environment = open_environment()
        for number in range(10):
            environment.tasks.in_lane_then("wal", ran.append, (number,), lambda result, error: None)
        close_environment(environment)

    asyncio.run(main())
    assert ran == list(range(10))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tricord-wal")]
