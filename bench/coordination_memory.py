# SPDX-License-Identifier: Apache-2.0
"""Memory for each idle watcher and each lease, and the cost of idleness: tricord beside a real etcd 3.6.

`python -m bench.coordination_memory`: resident memory before and after 20,000 watchers on 20 streams, each of a key of
its own, and 100,000 leases; then the processor time of ten quiet seconds. Needs the peer `etcd` (`make peers`).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import grpc
from tests.peers.processes import EtcdProcess, MemberProcess, ServerProcess

from bench.etcd_kv import etcd_binary
from tricord.wire.schemas import lease, watch

STREAMS = 20
QUIET_SECONDS = 10.0


class Stream:
    """One Watch call with many watches."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        self._answers: Iterator[bytes] = channel.stream_stream("/etcdserverpb.Watch/Watch")(self._sent())

    def _sent(self) -> Iterator[bytes]:
        while (request := self._requests.get()) is not None:
            yield request

    def watch(self, keys: list[bytes]) -> None:
        """Watch each key; returns when all watches are there."""
        for key in keys:
            create = watch.WatchCreateRequest(key=key)
            self._requests.put(watch.WatchRequest(create_request=create).SerializeToString())
        for _ in keys:
            assert watch.WatchResponse.FromString(next(self._answers)).created

    def close(self) -> None:
        """End the call."""
        self._requests.put(None)


def add_watchers(channel: grpc.Channel, count: int) -> list[Stream]:
    """Spread ``count`` watchers over the streams."""
    streams = [Stream(channel) for _ in range(STREAMS)]
    for place, stream in enumerate(streams):
        stream.watch([b"watched/%08d" % number for number in range(place, count, STREAMS)])
    return streams


def add_leases(channel: grpc.Channel, count: int) -> None:
    """Grant ``count`` leases of an hour and more."""
    grant = channel.unary_unary("/etcdserverpb.Lease/LeaseGrant")
    calls = []
    for number in range(count):
        request = lease.LeaseGrantRequest(TTL=3600 + number % 600).SerializeToString()
        calls.append(grant.future(request))
        if len(calls) == 500:
            for call in calls:
                call.result()
            calls.clear()
    for call in calls:
        call.result()


def measure(server: ServerProcess, watchers: int, leases: int) -> dict[str, float]:
    """Bytes for each, and processor milliseconds a second while idle."""
    with server, grpc.insecure_channel(server.endpoint) as channel:
        add_leases(channel, 1000)
        time.sleep(2)
        before = server.resident_bytes()
        streams = add_watchers(channel, watchers)
        time.sleep(2)
        with_watchers = server.resident_bytes()
        add_leases(channel, leases)
        time.sleep(2)
        with_leases = server.resident_bytes()
        used = server.cpu_seconds()
        time.sleep(QUIET_SECONDS)
        idle = (server.cpu_seconds() - used) / QUIET_SECONDS
        for stream in streams:
            stream.close()
    return {
        "bytes per watcher": (with_watchers - before) / watchers,
        "bytes per lease": (with_leases - with_watchers) / leases,
        "idle, ms of processor a second": idle * 1000,
    }


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.coordination_memory", description=__doc__.splitlines()[0])
    parser.add_argument("--watchers", type=int, default=20_000)
    parser.add_argument("--leases", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tricord-bench-") as name:
        folder = Path(name)
        ours = measure(MemberProcess(folder / "tricord"), options.watchers, options.leases)
        theirs = measure(EtcdProcess(etcd_binary(), folder / "etcd"), options.watchers, options.leases)
    print(f"{options.watchers:,} watchers, {options.leases:,} leases{'tricord':>14}{'etcd':>12}")
    for title, value in ours.items():
        print(f"{title:32}{value:14.1f}{theirs[title]:12.1f}")


if __name__ == "__main__":
    main()
