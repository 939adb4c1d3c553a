# SPDX-License-Identifier: Apache-2.0
"""Virtual time: it jumps, it repeats, and a program that waits for nothing is told so."""

from __future__ import annotations

import asyncio

import pytest

from tricord.sim.virtual_loop import Deadlock, VirtualLoop


def test_an_hour_of_sleep_takes_no_time_and_the_order_of_timers_holds() -> None:
    loop = VirtualLoop()
    seen: list[tuple[float, str]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((round(loop.time(), 6), name))

    async def story() -> None:
        await asyncio.gather(sleeper("hour", 3600), sleeper("minute", 60), sleeper("second", 1))

    loop.run_until_complete(story())
    loop.close()
    assert seen == [(1.0, "second"), (60.0, "minute"), (3600.0, "hour")]


def test_waiting_for_what_cannot_come_is_a_deadlock() -> None:
    loop = VirtualLoop()
    forever = loop.create_future()
    with pytest.raises(Deadlock):
        loop.run_until_complete(forever)
    forever.cancel()
    loop.close()
