# SPDX-License-Identifier: Apache-2.0
"""What watches do between a lost member and the next attempt: they wait, longer each time, until they are closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tricord.base import errors
from tricord.base.errors import TricordError
from tricord.client.caller import Caller

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
AGAIN = (errors.Unavailable, errors.DeadlineExceeded, errors.NotForLearners, errors.TooManyRequests)
"""After these another attempt may help."""


class Attempts:
    """Of one watch. The first failure after a success costs no pause."""

    def __init__(self, opener: Callable[[], Awaitable[Caller]]) -> None:
        self._opener = opener
        self._failure: TricordError | None = None
        self._failures = 0
        self._closing = asyncio.Event()

    def worked(self) -> None:
        """A member told something."""
        self._failure, self._failures = None, 0

    def close(self) -> None:
        """No pause is waited for any more."""
        self._closing.set()

    def too_late(self, seconds: float) -> TricordError:
        """Why there is no watch after so long."""
        return self._failure or errors.DeadlineExceeded(f"no member made the watch in {seconds:g} s")

    async def pause_after(self, error: TricordError) -> None:
        """Wait before the next attempt."""
        self._failure = error
        self._failures += 1
        if self._failures > 1:
            longest = min(FIRST_PAUSE_SECONDS * 2 ** min(self._failures - 2, 30), LONGEST_PAUSE_SECONDS)
            pause = (await self._opener()).environment.random.uniform(longest / 2, longest)
            try:
                async with asyncio.timeout(pause):
                    await self._closing.wait()
            except TimeoutError:
                pass
