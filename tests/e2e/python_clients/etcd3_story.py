# SPDX-License-Identifier: Apache-2.0
"""A story of python-etcd3: watches, leases, locks, upkeep. Prints what it saw, no ids, no times. Argument: PORT"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import etcd3


def take(watch: tuple[Iterator[Any], Callable[[], None]], count: int) -> list[tuple[Any, ...]]:
    """So many events, then the end of the watch."""
    events, cancel = watch
    seen = []
    for event in events:
        seen.append((type(event).__name__, event.key, event.value, event.version, event.prev_value))
        if len(seen) == count:
            break
    cancel()
    return seen


def watches(client: Any) -> None:
    """The present, the past, by callback, in vain, and the compacted past."""
    client.put("etcd3/w/a", "1")
    first = client.get("etcd3/w/a")[1].mod_revision
    live = client.watch_prefix("etcd3/w/", prev_kv=True)
    client.put("etcd3/w/a", "2")
    client.put("etcd3/w/b", "3")
    client.delete_prefix("etcd3/w/")
    print(take(live, 4))
    print(take(client.watch("etcd3/w/a", start_revision=first), 3))
    called = threading.Event()
    watch_id = client.add_watch_callback("etcd3/w/called", lambda response: called.set())
    client.put("etcd3/w/called", "")
    print(called.wait(60))
    client.cancel_watch(watch_id)
    try:
        client.watch_once("etcd3/w/quiet", timeout=0.1)
    except etcd3.exceptions.WatchTimedOut:
        print("timed out")
    client.put("etcd3/w/end", "")
    last = client.get("etcd3/w/end")[1].mod_revision
    client.compact(last)
    try:
        take(client.watch("etcd3/w/a", start_revision=first), 1)
    except etcd3.exceptions.RevisionCompactedError as error:
        print("compacted", error.compacted_revision - last)


def leases(client: Any) -> None:
    """Granted, asked about, renewed, revoked; one with an id of the caller's choice."""
    lease = client.lease(60)
    client.put("etcd3/leased", "x", lease)
    renewed = [answer.TTL for answer in lease.refresh()]
    print(lease.ttl, lease.granted_ttl, lease.remaining_ttl > 50, lease.keys, renewed)
    lease.revoke()
    print(client.get("etcd3/leased"), lease.remaining_ttl)
    chosen = client.lease(30, lease_id=987654321)
    print(chosen.id)
    chosen.revoke()


def locks(client: Any) -> None:
    """One holds, one is refused, one waits for the release."""
    lock = client.lock("etcd3", ttl=30)
    print(lock.acquire(), lock.is_acquired(), client.lock("etcd3", ttl=30).acquire(timeout=0.2))
    waiting = client.lock("etcd3", ttl=30)
    lock.refresh()
    threading.Timer(0.1, lock.release).start()
    while not waiting.acquire(timeout=1):  # its watch begins after it found the lock held: it may miss the end
        pass
    print(waiting.is_acquired(), lock.is_acquired(), waiting.release(), waiting.release())


def upkeep(client: Any) -> None:
    """What an operator asks of a member."""
    status = client.status()
    print(status.raft_index > 0, status.leader is not None)
    client.hash()
    file = io.BytesIO()
    client.snapshot(file)
    client.defragment()
    print(len(file.getvalue()) > 1000, list(client.list_alarms()))
    print([alarm.alarm_type for alarm in client.create_alarm()], len(list(client.list_alarms())))
    client.disarm_alarm()
    print(list(client.list_alarms()))


client = etcd3.client(port=int(sys.argv[1]))
client.delete_prefix("etcd3/")
client.delete_prefix("/locks/etcd3")
for part in (watches, leases, locks, upkeep):
    part(client)
print("the end")
