# SPDX-License-Identifier: Apache-2.0
"""A loop on a thread of its own, for callers that block.

Any number of threads may use it at once. It does not survive a fork: in the child there is no such thread, which is
said instead of waiting for ever.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tricord.base.errors import Cancelled, ConfigurationError

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

P = ParamSpec("P")
R = TypeVar("R")


class LoopThread:
    """Runs coroutines for other threads, as long as anybody has it: clients, those of their keyspaces and sessions,
    handles and watches. Who forgets it without ``stop`` is warned."""

    def __init__(self, name: str, make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._loop = make_loop()
        self._process = os.getpid()
        self._stopped = False
        self.last: Callable[[], Coroutine[Any, Any, None]] | None = None
        """What is done before the loop ends, where that was forgotten."""
        self._thread = threading.Thread(target=_work, args=(self._loop,), name=name, daemon=True)
        self._thread.start()

    def __del__(self) -> None:
        last = getattr(self, "last", None)
        if last is not None and self._abandon(last):
            warnings.warn("a tricord client was not closed: use `with`, or close it", ResourceWarning, stacklevel=2)

    def run(self, function: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``function(...)`` on the loop and wait for it. An interrupt of the waiting thread cancels it."""
        if os.getpid() != self._process:
            raise ConfigurationError("this client was made before the process forked: make one in each process")
        if self._stopped:
            raise Cancelled("the client was closed")
        if threading.current_thread() is self._thread:
            raise ConfigurationError("a blocking call on the client's own loop would wait for itself: use tricord.aio")
        from asyncio import run_coroutine_threadsafe

        future: Future[R] | None = None
        try:
            future = run_coroutine_threadsafe(function(*args, **kwargs), self._loop)
            return future.result()
        except BaseException:
            if future is not None:
                future.cancel()
            raise

    @property
    def stopped(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopped

    def _abandon(self, last: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run ``last()`` and stop, without waiting; False when it was stopped already."""
        if self._stopped or os.getpid() != self._process or not self._thread.is_alive():
            return False
        self._stopped = True
        loop = self._loop

        def finish() -> None:
            loop.create_task(last()).add_done_callback(lambda task: loop.stop())

        loop.call_soon_threadsafe(finish)
        return True

    def stop(self) -> None:
        """End what runs there, close the loop and wait for the thread. Stopping twice is fine."""
        if self._stopped or os.getpid() != self._process:
            return
        self._stopped = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join()


def _work(loop: asyncio.AbstractEventLoop) -> None:
    """What the thread does. It has nothing but the loop, so that it keeps nobody from being forgotten."""
    import asyncio

    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
