# SPDX-License-Identifier: Apache-2.0
"""A command that holds something until it is told to stop: SIGTERM ends it as Ctrl-C does, so it gives back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


@asynccontextmanager
async def until_told() -> AsyncIterator[None]:
    """Within the block SIGTERM is a KeyboardInterrupt, after all that the block holds was given back."""
    import asyncio
    import signal

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    told = False

    def tell() -> None:
        nonlocal told
        told = True
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, tell)
    try:
        yield
    except asyncio.CancelledError:
        if not told or task.uncancel() > 0:
            raise
        raise KeyboardInterrupt from None
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@contextmanager
def first_stops(stopping: asyncio.Event) -> Iterator[None]:
    """Within the block the first SIGINT or SIGTERM sets ``stopping``; a second one cancels what runs."""
    import asyncio
    import signal

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop() -> None:
        if stopping.is_set():
            task.cancel()
        stopping.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
