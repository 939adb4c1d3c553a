# SPDX-License-Identifier: Apache-2.0
"""Members that rebuild and copy their stores while they serve, under the faults of ``test_cluster_faults``: processes
die and power goes in the middle of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.sim.test_cluster_faults import Faults, check
from tricord.base.errors import TricordError
from tricord.storage import backend_rebuild
from tricord.wire.etcd.bolt_state import etcd_database


class MaintenanceFaults(Faults):
    """Faults, and somebody who maintains the members all the time."""

    done = 0

    async def play(self) -> None:
        maintaining = [asyncio.ensure_future(work()) for work in (self.defragment, self.save)]
        await super().play()
        for one in maintaining:
            one.cancel()
        assert self.done > 20

    async def defragment(self) -> None:
        await self.again_and_again(lambda engine: engine.defragment())

    async def save(self) -> None:
        async def save(engine: Any) -> None:
            export = await engine.open_snapshot(etcd_database)
            try:
                assert len(await export.read(0, export.size)) == export.size
            finally:
                export.close()

        await self.again_and_again(save)

    async def again_and_again(self, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        while True:
            running = self.world.running()
            if running:
                try:
                    async with asyncio.timeout(0.5):
                        await work(self.chance.choice(running).member.engine)
                        self.done += 1
                except (TricordError, TimeoutError):
                    pass
            await asyncio.sleep(self.chance.uniform(0.0, 0.05))


@pytest.mark.parametrize("seed", range(201, 204))
def test_what_was_acknowledged_stays(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_rebuild, "SLICE_RECORDS", 2)
    check(seed, MaintenanceFaults)
