# SPDX-License-Identifier: Apache-2.0
"""Lets long work on a lane take its share of the time, and no more, while this member has requests to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PAUSE_SHARE = 2.0
"""How long to pause after each second of work while there are requests; a third of the time is worked then."""


class Pacing:
    """Of one long piece of work, cut into slices of some milliseconds."""

    def __init__(self, requests: Callable[[], int]) -> None:
        """``requests`` counts what this member did for clients and peers."""
        self._requests = requests
        self._seen = requests()

    async def after(self, seconds: float) -> None:
        """A slice took that long. Where nothing was asked meanwhile, the next one may begin at once."""
        seen = self._requests()
        was_asked, self._seen = seen != self._seen, seen
        await asyncio.sleep(seconds * PAUSE_SHARE if was_asked else 0)
