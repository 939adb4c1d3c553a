# SPDX-License-Identifier: Apache-2.0
"""The workload ``locks``: clients that take locks, hold them for a moment and give them back, each under a lease whose
grants and renewals are recorded too."""

from __future__ import annotations

import asyncio
import random

from tricord.base.errors import LeaseLost, TricordError
from tricord.base.leases import LeaseGrant, LeaseGrantResult, LeaseKeepAlive, LeaseKeepAliveResult, LeaseRevoke
from tricord.base.trace import Completed, Invoked, TraceEvent
from tricord.check.history import Operation
from tricord.check.recording import Recorder
from tricord.cli.workloads.run import Run
from tricord.client.asynchronous import AsyncClient
from tricord.client.leases import Lease

LEASE_SECONDS = 5
WAIT_SECONDS = 2.0
LONGEST_SECONDS = 0.05
"""That a lock is held."""


class LeaseLines:
    """Watches a client's calls and writes down those on leases."""

    def __init__(self, recorder: Recorder, client: int) -> None:
        self._recorder = recorder
        self._client = f"{client}, leases"
        self._open: dict[int, Operation] = {}

    def __call__(self, event: TraceEvent) -> None:
        if isinstance(event, Invoked):
            self._begin(event)
        elif isinstance(event, Completed) and event.call in self._open:
            one = self._open.pop(event.call)
            one.return_ns, one.status = self._recorder.now(), event.status
            if isinstance(event.result, LeaseGrantResult | LeaseKeepAliveResult):
                one.output = {"ttl": max(event.result.ttl, 0)}
            self._recorder.add(one)

    def _begin(self, event: Invoked) -> None:
        request = event.request
        names = {LeaseGrant: "grant", LeaseKeepAlive: "renew", LeaseRevoke: "revoke"}
        if isinstance(request, LeaseGrant | LeaseKeepAlive | LeaseRevoke):
            # Calls on a lease may overlap: each is a client of its own.
            client = f"{self._client}, call {event.call}"
            op, lease = names[type(request)], f"{request.id:x}"
            self._open[event.call] = Operation(client, op, lease, call_ns=self._recorder.now())


async def worker(run: Run, number: int) -> None:
    """One client."""
    draw = random.Random()
    async with run.connect(LeaseLines(run.recorder, number)) as store:
        while not run.stopping.is_set():
            async with run.attempt():
                lease = await store.lease(LEASE_SECONDS)
                try:
                    while not run.stopping.is_set():
                        async with run.attempt():
                            lease.check()
                            await _hold(run, store, lease, run.key(draw), number)
                        lease.check()
                finally:
                    await lease.revoke()


async def _hold(run: Run, store: AsyncClient, lease: Lease, name: str, number: int) -> None:
    lock = store.lock(name, lease=lease)
    with run.recorder.call(number, "acquire", name, {"lease": f"{lease.id:x}"}) as call:
        call.unknown()
        try:
            if await lock.acquire(WAIT_SECONDS):
                call.ok({"token": lock.token.revision}, revision=lock.token.revision)
            else:
                call.fail()
        except TricordError as error:
            call.unknown()  # its key may be in the queue for a while
            run.errors[error.code] = run.errors.get(error.code, 0) + 1
    if not lock.held:
        return
    await asyncio.sleep(random.uniform(0, LONGEST_SECONDS))
    with run.recorder.call(number, "release", name) as call:
        try:
            await lock.release()
            call.ok()
        except LeaseLost:
            call.operation.op = "lose"
            call.ok()
            raise
