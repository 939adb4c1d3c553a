# SPDX-License-Identifier: Apache-2.0
"""A block of code that is cancelled when what it relies on is lost, as ``asyncio.timeout`` cancels one that is late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from tricord.base.errors import LeaseLost

if TYPE_CHECKING:
    from types import TracebackType


class Losable(Protocol):
    """What tells of its loss."""

    def listen(self, listener: Callable[[LeaseLost], object]) -> None:
        """Call ``listener`` on the loop when it is lost."""

    def forget(self, listener: Callable[[LeaseLost], object]) -> None:
        """Do not."""


class LossScope:
    """``async with LossScope(lease, LockLost):`` - at the loss the task that entered (or ``task``) is cancelled, and
    ``kind`` raised where the block ends. An error of the block's own passes as it is."""

    def __init__(self, held: Losable, kind: type[LeaseLost], task: asyncio.Task[object] | None = None) -> None:
        self._held = held
        self._kind = kind
        self._task = task
        self._cancels_before = 0
        self._loss: LeaseLost | None = None

    async def __aenter__(self) -> LossScope:
        task = self._task = self._task or asyncio.current_task()
        assert task is not None
        self._cancels_before = task.cancelling()
        self._held.listen(self._strike)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.forget(self._strike)
        loss, task = self._loss, self._task
        if loss is None:
            return
        assert task is not None
        cancelled = isinstance(error, asyncio.CancelledError)
        if not cancelled:
            # The block ended before our cancellation reached it, or in spite of it.
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                pass
        others = task.uncancel() > self._cancels_before
        if others and not cancelled:
            raise asyncio.CancelledError
        if not others and (cancelled or error is None):
            raise self._kind(str(loss)) from error

    def disarm(self) -> None:
        """From now on no loss cancels anything."""
        self._held.forget(self._strike)

    def _strike(self, loss: LeaseLost) -> None:
        if self._loss is None and self._task is not None:
            self._loss = loss
            self._task.cancel()
