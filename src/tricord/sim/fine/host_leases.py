# SPDX-License-Identifier: Apache-2.0
"""The product's own keeping of leases on one host, in one life of its process: timers and clock are the member's.

What happens on a member that is paused waits until it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from tricord.base.environment import Environment
from tricord.base.errors import TricordError
from tricord.server.lease_keeping import LeaseKeeping
from tricord.server.turn import TurnLoop
from tricord.sim.fine.schedule import SECOND
from tricord.statemachine.machine import Applied

if TYPE_CHECKING:
    from tricord.sim.fine.host import Host

CHECKPOINT_SECONDS = 0.5


class _Timer:
    """One call that is yet to come."""

    __slots__ = ("_action", "_arguments", "_host", "_life")

    def __init__(self, host: Host, action: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._host = host
        self._life = host.life
        self._action: Callable[..., object] | None = action
        self._arguments = arguments

    def cancel(self) -> None:
        """Never."""
        self._action = None

    def run(self) -> None:
        """Its time has come."""
        host = self._host
        if self._action is None or host.life != self._life:
            return
        if host.paused:
            host.put_off(self.run)
            return
        self._action(*self._arguments)


class HostWorld:
    """Clock, tasks and turns as ``LeaseKeeping`` wants them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.clock = self
        self.tasks = self
        self.keeping: LeaseKeeping

    def monotonic(self) -> float:
        """Seconds on the member's clock."""
        return self._host.clock.local(self._host.cluster.schedule.now) / SECOND

    def call_soon(self, action: Callable[..., object], *arguments: Any) -> None:
        """After the events at hand."""
        schedule = self._host.cluster.schedule
        schedule.at(schedule.now, _Timer(self._host, action, arguments).run)

    def call_later(self, delay: float, action: Callable[..., object], *arguments: Any) -> _Timer:
        """After so many seconds on the member's clock."""
        timer = _Timer(self._host, action, arguments)
        self._host.cluster.schedule.after(max(delay, 0.0) / max(self._host.clock.rate, 0.01), timer.run)
        return timer

    @property
    def started(self) -> bool:
        """Whether turns are taken."""
        return self._host.up

    def new_ticket(self) -> int:
        """One that this part waits for."""
        return self._host.reserve(self)

    def read(self, ticket: int) -> None:
        """A round that confirms the lead."""
        self._host.input.reads.append(ticket)
        self._host.wake()

    def propose(self, ticket: int, command: bytes) -> None:
        """An end or a checkpoint."""
        self._host.input.proposals.append((ticket, command))
        self._host.wake()

    # --- what becomes of its tickets ------------------------------------------------------------------------------

    def applied(self, ticket: int, applied: Applied) -> None:
        """The command of this ticket took effect, or was refused."""
        self.keeping.settled(ticket, failed=isinstance(applied.outcome, TricordError))

    def readable(self, ticket: int) -> None:
        """The round was answered."""
        self.keeping.confirmed(ticket)

    def dropped(self, ticket: int) -> None:
        """It came to an end without effect."""
        self.keeping.settled(ticket, failed=True)


def keeping_of(host: Host) -> LeaseKeeping:
    """A new process's keeping of leases."""
    world = HostWorld(host)
    world.keeping = LeaseKeeping(
        cast(Environment, world),
        host.machine,
        cast(TurnLoop, world),
        host.replica,
        world.new_ticket,
        CHECKPOINT_SECONDS,
    )
    return world.keeping
