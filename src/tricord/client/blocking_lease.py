# SPDX-License-Identifier: Apache-2.0
"""``Lease`` for code that blocks: the client's thread renews it, whatever the thread that holds it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from tricord.client.leases import Lease
    from tricord.client.loop_thread import LoopThread


class BlockingLease:
    """Made by ``Client.lease``. ``with`` or ``grant`` grants it and keeps it alive; the end of the block, or
    ``revoke``, ends it, with all keys that were put with ``lease=``.

    ``id`` raises LeaseLost when it is lost, so no write begins with a lease that may be gone; the end of the block does
    too, when the block itself had no error.
    """

    def __init__(self, thread: LoopThread, lease: Lease) -> None:
        self._thread = thread
        self.of_loop = lease
        """The same for coroutines on the client's loop."""

    def grant(self) -> BlockingLease:
        """Have it granted, and kept from now on. Raises TricordError."""
        self._thread.run(self.of_loop.__aenter__)
        return self

    def __enter__(self) -> BlockingLease:
        return self.grant()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.run(self.of_loop.__aexit__, kind, error, trace)

    @property
    def id(self) -> int:
        """Its number. Raises LeaseLost when it is lost, or was not granted yet."""
        return self.of_loop.id

    @property
    def ttl(self) -> int:
        """Its time to live in seconds, as granted: it may be more than was asked for."""
        return self.of_loop.ttl

    @property
    def remaining(self) -> float:
        """Seconds for which it is sure to live without another renewal; 0 when it is lost or ended."""
        return self.of_loop.remaining

    @property
    def lost(self) -> bool:
        """Whether it is not sure, or soon not sure, to live; by the clock, so at once after a pause of the process."""
        return self.of_loop.lost

    def check(self) -> None:
        """Raises LeaseLost when it is lost, ended or was not granted yet."""
        self.of_loop.check()

    def revoke(self) -> None:
        """End it now, with its keys. Where nobody can be reached, it ends by itself when its time has passed."""
        self._thread.run(self.of_loop.revoke)
