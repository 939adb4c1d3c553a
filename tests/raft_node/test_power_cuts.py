# SPDX-License-Identifier: Apache-2.0
"""The power goes, or the file system fails, at every single call of a scripted life: nothing acknowledged is lost."""

from __future__ import annotations

import errno

import pytest

from tests.raft_node.world import Journal, node_on, simulate
from tricord.base.environment import Environment
from tricord.base.errors import TricordError
from tricord.storage.memory_disk import MemoryDisk, PowerLost

SETTINGS = {"snapshot_entries": 4, "trailing_entries": 2}


async def live(environment: Environment, acknowledged: list[bytes]) -> None:
    """Two lives on one directory, with snapshots."""
    for life in range(2):
        node = node_on(environment, Journal(), "/data", **SETTINGS)
        await node.start()
        try:
            for number in range(5):
                command = b"%d.%d" % (life, number)
                await node.apply(command)
                acknowledged.append(command)
        finally:
            await node.shutdown()


def run(disk: MemoryDisk) -> list[bytes]:
    """What was acknowledged before the trouble came."""
    acknowledged: list[bytes] = []
    try:
        simulate(lambda environment: live(environment, acknowledged), disk)
    except (TricordError, OSError, PowerLost):
        pass
    return acknowledged


def check(disk: MemoryDisk, acknowledged: list[bytes]) -> None:
    """A start after the trouble finds all that was acknowledged, in order, each once."""

    async def look(environment: Environment) -> list[bytes]:
        machine = Journal()
        async with node_on(environment, machine, "/data", **SETTINGS):
            return machine.commands

    found = simulate(look, disk)
    assert len(set(found)) == len(found)
    assert [command for command in found if command in acknowledged] == acknowledged


def count_calls() -> int:
    disk = MemoryDisk()
    acknowledged = run(disk)
    assert len(acknowledged) == 10
    check(disk, acknowledged)
    return disk.calls


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["power", "input/output error", "no space"])
def test_at_every_call_of_the_disk(trouble: str) -> None:
    for call in range(1, count_calls() + 1):
        disk = MemoryDisk(seed=call)
        if trouble == "power":
            disk.cut_at = call
        else:
            disk.fail_at[call] = errno.EIO if trouble == "input/output error" else errno.ENOSPC
        acknowledged = run(disk)
        disk.fail_at.clear()
        disk.power_cut()
        check(disk, acknowledged)
