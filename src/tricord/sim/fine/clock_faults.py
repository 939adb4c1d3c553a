# SPDX-License-Identifier: Apache-2.0
"""Faults of the clocks."""

from __future__ import annotations

from collections.abc import Callable

from tricord.sim.fine.fault import Active, Handler
from tricord.sim.fine.schedule import SECOND


def drift(active: Active) -> Callable[[], None]:
    """The clock runs faster or slower."""
    clock, schedule = active.host.clock, active.cluster.schedule
    clock.run_at(schedule.now, active.amount)
    active.cluster.watcher.leases.clock_runs(active.amount)
    active.took_hold()
    return lambda: clock.run_at(schedule.now, 1.0)


def jump_forward(active: Active) -> None:
    """The clock is suddenly ahead."""
    active.host.clock.jump_forward(active.cluster.schedule.now, active.amount)
    active.cluster.watcher.leases.clock_jumped(active.cluster.schedule.now, active.amount)
    active.took_hold()


def jump_back(active: Active) -> None:
    """The clock is suddenly behind; a core is given no tick until the time has passed."""
    active.host.clock.jump_back(active.cluster.schedule.now, active.amount)
    active.took_hold()


def freeze(active: Active) -> None:
    """The clock stands still for a while."""
    clock, schedule = active.host.clock, active.cluster.schedule
    clock.still_until = max(clock.still_until, schedule.now + int(active.seconds * SECOND))
    active.took_hold()


def noise(active: Active) -> Callable[[], None]:
    """Ticks come in uneven steps."""
    clock = active.host.clock
    clock.noise = active.amount
    active.took_hold()

    def ended() -> None:
        clock.noise = 0.0

    return ended


HANDLERS: dict[str, Handler] = {
    "drift": drift,
    "jump-forward": jump_forward,
    "jump-back": jump_back,
    "freeze": freeze,
    "noise": noise,
}
