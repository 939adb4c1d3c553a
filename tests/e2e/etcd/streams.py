# SPDX-License-Identifier: Apache-2.0
"""Calls by name, and open streams, over gRPC and over the JSON gateway, that give one message after another."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from tests.e2e.etcd.speaker import Speaker
from tricord.wire.schemas import cluster, election, health, lease, lock, maintenance, watch

SECONDS = 60.0
"""A bound on a hang: nothing that is asked takes so long."""

Call = tuple[str, type[Message], type[Message]]


def calls_of(service: str, module: Any, *methods: str) -> dict[str, Call]:
    """Method -> (path, request, response), by the names that protobuf's convention gives them."""
    return {
        method: (f"/{service}/{method}", getattr(module, f"{method}Request"), getattr(module, f"{method}Response"))
        for method in methods
    }


UNARY: dict[str, Call] = {
    **calls_of("etcdserverpb.Lease", lease, "LeaseGrant", "LeaseRevoke", "LeaseTimeToLive", "LeaseLeases"),
    **calls_of("v3lockpb.Lock", lock, "Lock", "Unlock"),
    **calls_of("v3electionpb.Election", election, "Campaign", "Proclaim", "Leader", "Resign"),
    **calls_of(
        "etcdserverpb.Cluster", cluster, "MemberAdd", "MemberRemove", "MemberUpdate", "MemberList", "MemberPromote"
    ),
    **calls_of(
        "etcdserverpb.Maintenance",
        maintenance,
        *("Alarm", "Status", "Defragment", "Hash", "HashKV", "MoveLeader", "Downgrade"),
    ),
}
STREAMS: dict[str, Call] = {
    **calls_of("etcdserverpb.Watch", watch, "Watch"),
    **calls_of("etcdserverpb.Lease", lease, "LeaseKeepAlive"),
    **calls_of("etcdserverpb.Maintenance", maintenance, "Snapshot"),
    "Observe": ("/v3electionpb.Election/Observe", election.LeaderRequest, election.LeaderResponse),
    "HealthWatch": ("/grpc.health.v1.Health/Watch", health.HealthCheckRequest, health.HealthCheckResponse),
}


# Streams that take requests as long as they live; the others take one.
BOTH_WAYS = ("Watch", "LeaseKeepAlive")


class Requests:
    """What grpcio takes a stream's requests from: an iterator that waits for the next."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[bytes | None] = SimpleQueue()

    def __iter__(self) -> Iterator[bytes]:
        while (request := self.queue.get()) is not None:
            yield request


class Stream:
    """An open gRPC stream."""

    def __init__(self, channel: grpc.Channel, call: Call, metadata: Any, *, one_request: bool) -> None:
        self.channel = channel
        self.path, self.request, self.response = call
        self.metadata = metadata
        self.requests = Requests()
        self.call: Any = None
        if not one_request:
            begin = channel.stream_stream(self.path)
            self.call = begin(iter(self.requests), timeout=SECONDS, metadata=metadata)

    def send(self, request: dict[str, Any] | bytes) -> None:
        data = request if isinstance(request, bytes) else self.request(**request).SerializeToString()
        if self.call is None:
            self.call = self.channel.unary_stream(self.path)(data, timeout=SECONDS, metadata=self.metadata)
        else:
            self.requests.queue.put(data)

    def next(self) -> Any:
        """The next message's fields, or ("end", code, text)."""
        try:
            return to_fields(self.response.FromString(next(self.call)))
        except StopIteration:
            return "end", "OK", ""
        except grpc.RpcError as error:
            assert isinstance(error, grpc.Call)
            return "end", error.code().name, Speaker.text(error.details() or "")

    def finish(self) -> None:
        """No more requests follow."""
        self.requests.queue.put(None)

    def close(self) -> None:
        """Drop the stream."""
        if self.call is not None:
            self.call.cancel()
        self.finish()


class HttpStream:
    """An answer of the JSON gateway that goes on, an object a line."""

    def __init__(self, connection: http.client.HTTPConnection, path: str, bodies: list[Any]) -> None:
        self.connection = connection
        texts = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
        connection.request("POST", path, b"\n".join(texts), {"content-type": "application/json"})
        self.response = connection.getresponse()

    def opening(self) -> Any:
        """Status, content type and transfer encoding."""
        response = self.response
        return response.status, response.getheader("content-type"), response.getheader("transfer-encoding")

    def next(self) -> Any:
        """The next line's object, or ("end", "OK", "")."""
        line = self.response.readline()
        return json.loads(line) if line.strip() else ("end", "OK", "")

    def finish(self) -> None:
        """The requests ended with the body."""

    def close(self) -> None:
        """Drop the connection."""
        self.response.close()
        self.connection.close()


def to_fields(message: Message) -> dict[str, Any]:
    """A message's fields by their names in ``proto/``."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def is_message(value: Any) -> bool:
    """Whether a stream's ``next`` gave a message, not its end."""
    return not isinstance(value, tuple)


def watch_of(message: Any) -> int:
    """The watch that a message is of; ends come last."""
    if not is_message(message):
        return 1 << 63
    return int(message.get("result", message).get("watch_id", 0))


def shape_of_snapshot(parts: list[Any]) -> dict[str, Any]:
    """What is the same of any snapshot: how parts count down, what they carry beside bytes, the digest at the end."""
    blobs = [part.blob for part in parts]
    content, digest = b"".join(blobs[:-1]), blobs[-1]
    left, counts = len(content), []
    for part in parts[:-1]:
        left -= len(part.blob)
        counts.append(part.remaining_bytes == left)
    return {
        "each says what remains": all(counts),
        "the last says": parts[-1].remaining_bytes,
        "the last is the digest of all": digest == hashlib.sha256(content).digest(),
        "versions": sorted({part.version for part in parts}),
        "headers": [part.HasField("header") for part in (parts[0], parts[-1])],
    }
