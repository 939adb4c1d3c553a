# SPDX-License-Identifier: Apache-2.0
"""The liveness phase: nothing is broken any more, and within a bound the cluster must elect, serve and agree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tricord.base.errors import TricordError
from tricord.base.levels import Level
from tricord.sim.wide.cluster_run import ClusterRun
from tricord.sim.wide.host import Host
from tricord.sim.wide.order_check import States

ELECT_SECONDS = 15.0
WHOLE_SECONDS = 60.0
SERVE_SECONDS = 10.0
AGREE_SECONDS = 15.0
LOOK_SECONDS = 0.05


async def settle(run: ClusterRun) -> None:
    """Heal all, and hold the cluster to its promises. What it breaks goes to the outcome."""
    run.tell("everything is healed")
    heal(run)
    steps: list[tuple[float, str, Callable[[ClusterRun], Awaitable[None]]]] = [
        (ELECT_SECONDS, "no leader", _led),
        (WHOLE_SECONDS, "not all members run", _whole),
        (ELECT_SECONDS, "no leader that all know", _known),
        (SERVE_SECONDS, "not all members serve", _served),
        (AGREE_SECONDS, "members do not have the same applied", _agreed),
    ]
    for seconds, words, step in steps:
        try:
            async with asyncio.timeout(seconds):
                await step(run)
        except TimeoutError:
            run.violate("progress", f"{words} within {seconds:g} s after everything was healed")
            return
    await _check_content(run)


def heal(run: ClusterRun) -> None:
    """Nothing is broken from here on."""
    run.world.network.heal()
    for keeper in run.keepers.values():
        host = keeper.host
        host.clock.run_at(1.0)
        host.clock.go_on()
        host.clock.wall_noise = 0.0
        if not host.disk.lies:  # it loses power first
            host.disk.be_honest()
        if host.pausing.is_on:
            host.pausing.end()
        run.spawn(keeper.start(), f"start {host.name}")


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(LOOK_SECONDS)


async def _led(run: ClusterRun) -> None:
    await _until(lambda: run.leader() is not None)


async def _whole(run: ClusterRun) -> None:
    await _until(lambda: not run.unfinished and all(keeper.is_up for keeper in run.keepers.values()))


async def _known(run: ClusterRun) -> None:
    await run.world.led(within=ELECT_SECONDS)


async def _served(run: ClusterRun) -> None:
    """Each member takes a write and a read of any client."""
    for number, host in enumerate(run.world.running()):
        async with run.world.client(host.name, host="visitor", seed=run.plan.seed + number) as store:
            while True:
                try:
                    await store.put(f"visitor/{host.name}", str(number))
                    found = await store.get(f"visitor/{host.name}")
                except TricordError:
                    await asyncio.sleep(LOOK_SECONDS)
                    continue
                if found is None or found.text != str(number):
                    run.violate("linearizability", f"{host.name} answered {found} after it had written {number}")
                break


async def _agreed(run: ClusterRun) -> None:
    await _until(lambda: len({host.member.machine.applied_index for host in run.world.running()}) == 1)
    if len({host.member.machine.chain for host in run.world.running()}) != 1:
        run.violate("equal hashes", "members that have applied the same have different chains")


async def _check_content(run: ClusterRun) -> None:
    """Every member holds what the changes that were recorded lead to, and no alarm."""
    for host in run.world.running():
        if host.member.machine.alarms:
            run.violate("invariant", f"{host.name} has alarms: {host.member.machine.alarms}")
        async with run.world.client(host.name, host="visitor", seed=run.plan.seed) as store:
            try:
                reply = await store.prefix("", at_least=Level.ANY)
            except TricordError as error:
                run.violate("progress", f"{host.name} does not say what it holds: {error}")
                continue
        _compare(run, host, {kv.key.decode(): kv.text for kv in reply}, reply.revision)


def _compare(run: ClusterRun, host: Host, held: dict[str, str], revision: int) -> None:
    states = States(run.record.history)
    wanted = {key: text for key in states.names() if (text := states.at(key, revision)) is not None}
    if held != wanted:
        unlike = sorted(key for key in held.keys() | wanted.keys() if held.get(key) != wanted.get(key))
        first = unlike[0]
        run.violate("durability", f"{host.name} holds {first}={held.get(first)!r}, not {wanted.get(first)!r}")
