# SPDX-License-Identifier: Apache-2.0
"""Faults of the processes: they die, pause, lose everything, and start again."""

from __future__ import annotations

from collections.abc import Callable

from tricord.sim.fine.fault import Active, Handler


def crash(active: Active) -> Callable[[], None]:
    """It dies with all that was not synced."""
    keeper = active.cluster.operator
    host = active.host
    if host.up:
        active.took_hold()
    keeper.take_down(host)
    return lambda: keeper.bring_back(host)


def power_cut(active: Active) -> Callable[[], None]:
    """All die at once."""
    keeper = active.cluster.operator
    hosts = list(active.cluster.hosts.values())
    active.took_hold()
    for host in hosts:
        keeper.take_down(host)

    def ended() -> None:
        for host in hosts:
            keeper.bring_back(host)

    return ended


def pause(active: Active) -> Callable[[], None] | None:
    """It does nothing for a while."""
    host, keeper = active.host, active.cluster.operator
    if not host.up or host.paused:
        return None
    life = host.life
    host.pause()
    keeper.away(host)
    active.took_hold()

    def ended() -> None:
        keeper.bring_back(host)
        if host.life == life:
            host.resume()

    return ended


def wipe(active: Active) -> Callable[[], None]:
    """It loses its disk, and comes back empty under a new identity."""
    keeper, host = active.cluster.operator, active.host
    active.took_hold()
    keeper.lose(host)
    return lambda: keeper.replace(host)


def restart_loop(active: Active) -> Callable[[], None]:
    """It dies and starts again and again."""
    keeper, host = active.cluster.operator, active.host
    over = False

    def die() -> None:
        if over:
            return
        if host.up:
            active.took_hold()
        keeper.take_down(host)
        active.later(0.02 + active.random.random() * 0.1, start)

    def start() -> None:
        keeper.bring_back(host)
        active.later(max(active.amount, 0.02), die)

    def ended() -> None:
        nonlocal over
        over = True

    die()
    return ended


def stop(active: Active) -> Callable[[], None]:
    """Stopped in order."""
    keeper, host = active.cluster.operator, active.host
    if host.up:
        active.took_hold()
    keeper.stop(host)
    return lambda: keeper.bring_back(host)


HANDLERS: dict[str, Handler] = {
    "crash": crash,
    "power-cut": power_cut,
    "pause": pause,
    "wipe": wipe,
    "restart-loop": restart_loop,
    "stop": stop,
}
