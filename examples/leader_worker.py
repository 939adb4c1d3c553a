# SPDX-License-Identifier: Apache-2.0
"""A worker of which one works at a time: ``python leader_worker.py NAME [ENDPOINT]``, in several terminals.

Kill the one that works, and another goes on where it was: the job's state is in the store, and is written only while
its author leads.
"""

from __future__ import annotations

import asyncio
import sys

from tricord import aio
from tricord.base.errors import GuardFailed, LeadershipLost

STEPS = 20


async def work(store: aio.AsyncClient, election: aio.Election, name: str) -> None:
    """Count to STEPS, together with whoever led before."""
    while True:
        done = await store.get("job-step")
        step = int(done.text) + 1 if done is not None else 1
        if step > STEPS:
            return
        await asyncio.sleep(0.05)
        await store.put("job-step", str(step), guarded_by=election)
        print(f"{name} did step {step}", flush=True)


async def main(name: str, endpoint: str) -> None:
    """Stand in the queue until this worker leads; work until the job is done."""
    async with aio.connect(endpoint) as store:
        while True:
            try:
                async with store.election("job", ttl=5) as election:
                    await election.campaign(name)
                    await work(store, election, name)
                    return
            except (LeadershipLost, GuardFailed) as error:
                print(f"{name} does not lead any more: {error}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "localhost:2379"))
