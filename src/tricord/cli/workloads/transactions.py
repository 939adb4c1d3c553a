# SPDX-License-Identifier: Apache-2.0
"""The workload ``txn``: transactions that read and write one to three keys."""

from __future__ import annotations

import random
from typing import Any

from tricord.cli.workloads.run import Run
from tricord.client.steps import Step
from tricord.txn import get, put


async def worker(run: Run, number: int) -> None:
    """One client."""
    draw = random.Random()
    written = 0
    async with run.connect(None) as store:
        while not run.stopping.is_set():
            written += 1
            asked = _drawn(draw, run, f"{number}-{written}")
            steps: list[Step[Any]] = [get(key) if kind == "r" else put(key, value) for kind, key, value in asked]
            async with run.attempt():
                with run.recorder.call(number, "txn", None, asked) as call:
                    reply = await store.txn(then=steps)
                    found = [
                        [kind, key, (result.text if result else None) if kind == "r" else value]
                        for (kind, key, value), result in zip(asked, reply.results, strict=True)
                    ]
                    call.ok(found, revision=reply.revision)


def _drawn(draw: random.Random, run: Run, new: str) -> list[list[Any]]:
    """Steps, each on a key of its own: a transaction of etcd puts a key once."""
    chosen = draw.sample(range(run.keys), min(run.keys, draw.randint(1, 3)))
    steps: list[list[Any]] = []
    for place, key in enumerate(chosen):
        name = f"{run.prefix}k{key}"
        steps.append(["r", name, None] if draw.random() < 0.5 else ["w", name, f"{new}-{place}"])
    return steps
