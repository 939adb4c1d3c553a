# SPDX-License-Identifier: Apache-2.0
"""A story of aetcd: watches, leases, locks, upkeep. Prints what it saw, without ids and times. Argument: PORT"""

from __future__ import annotations

import asyncio
import io
import sys
from typing import Any

import aetcd
from aetcd.rtypes import EventKind


def shown(event: Any) -> tuple[Any, ...]:
    """An event, with the value before it."""
    before = event.prev_kv.value if event.prev_kv else None
    return str(event.kind), event.kv.key, event.kv.value, event.kv.version, before


async def take(watch: Any, count: int) -> list[tuple[Any, ...]]:
    """So many events, then the end of the watch."""
    seen = []
    async for event in watch:
        seen.append(shown(event))
        if len(seen) == count:
            break
    await watch.cancel()
    return seen


async def watches(client: Any) -> None:
    """The present, the past, filters, and the compacted past."""
    first = (await client.put(b"aetcd/w/a", b"1")).header.revision
    live = await client.watch_prefix(b"aetcd/w/", prev_kv=True)
    taking = asyncio.create_task(take(live, 4))
    await client.put(b"aetcd/w/a", b"2")
    await client.put(b"aetcd/w/b", b"3")
    await client.delete_prefix(b"aetcd/w/")
    print(await taking)
    print(await take(await client.watch(b"aetcd/w/a", start_revision=first), 3))
    print(await take(await client.watch_prefix(b"aetcd/w/", start_revision=first, kind=EventKind.PUT), 3))
    once = asyncio.create_task(client.watch_once(b"aetcd/w/c", timeout=60))
    while not once.done():
        await client.put(b"aetcd/w/c", b"4")
        await asyncio.sleep(0.01)
    event = await once
    print(str(event.kind), event.kv.key, event.kv.value)
    last = (await client.put(b"aetcd/w/end", b"")).header.revision
    await client.compact(last)
    try:
        await take(await client.watch(b"aetcd/w/a", start_revision=first), 1)
    except aetcd.exceptions.RevisionCompactedError as error:
        print("compacted", error.compacted_revision - last)


async def leases(client: Any) -> None:
    """Granted, asked about, renewed, revoked twice."""
    lease = await client.lease(60)
    await client.put(b"aetcd/leased", b"x", lease=lease)
    print(lease.ttl, await lease.granted_ttl(), await lease.remaining_ttl() > 50, await lease.keys())
    print((await lease.refresh()).TTL)
    await lease.revoke()
    print(await client.get(b"aetcd/leased"), await lease.remaining_ttl())
    try:
        await lease.revoke()
    except aetcd.exceptions.ClientError as error:
        print(type(error).__name__)


async def locks(client: Any) -> None:
    """One holds, one is refused, one waits until the holder's lease is gone."""
    async with client.lock(b"aetcd/lock", ttl=30) as lock:
        print(await lock.is_acquired(), await client.lock(b"aetcd/lock", ttl=30).acquire(timeout=0))
        waiting = client.lock(b"aetcd/lock", ttl=30)
        acquiring = asyncio.create_task(waiting.acquire())
        await lock.refresh()
        await lock.lease.revoke()
        print(await acquiring, await waiting.is_acquired(), await lock.is_acquired())
    print(await waiting.release(), await waiting.release())


async def upkeep(client: Any) -> None:
    """What an operator asks of a member."""
    status = await client.status()
    print(status.raft_index > 0, status.leader is not None)
    await client.hash()
    file = io.BytesIO()
    await client.snapshot(file)
    print(len(file.getvalue()) > 1000, await client.defragment() is not None)
    print([alarm async for alarm in client.list_alarms()], await client.disarm_alarm())
    print([(alarm.alarm_type, alarm.member_id) for alarm in await client.create_alarm()])
    print(len([alarm async for alarm in client.list_alarms()]), len(await client.disarm_alarm()))
    print([alarm async for alarm in client.list_alarms()])


async def main(port: int) -> None:
    """The whole story."""
    async with aetcd.Client(port=port) as client:
        await client.delete_prefix(b"aetcd/")
        for part in (watches, leases, locks, upkeep):
            await part(client)
        print("the end")


asyncio.run(main(int(sys.argv[1])))
