# SPDX-License-Identifier: Apache-2.0
"""Steps of scripts that hold streams and calls which wait, as data. ``script`` carries them out.

``cases`` has KV's own steps. A stream and a waiting call have names of the script's choice. Nothing here waits for a
time: a script that means "nothing came" makes something come that must be the next message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.e2e.etcd.cases import Step


@dataclass(frozen=True)
class Name:
    """What an earlier step's answer was given the name of, see ``bind``."""

    name: str


def open_(stream: str, method: str, *requests: Any, metadata: tuple[tuple[str, str], ...] = ()) -> Step:
    """Open a stream and send the requests on it."""
    return "open", (stream, method, list(requests), metadata)


def open_http(stream: str, path: str, *bodies: Any) -> Step:
    """POST the bodies, one after another, and keep the answer open: its lines are the stream's messages."""
    return "open http", (stream, path, list(bodies))


def send(stream: str, *requests: Any) -> Step:
    """Send the requests on an open stream."""
    return "send", (stream, list(requests))


def receive(stream: str, count: int = 1) -> Step:
    """The next so many messages, as they are."""
    return "receive", (stream, count)


def receive_by_watch(stream: str, count: int) -> Step:
    """The next so many messages, those of each watch in their order: a server may serve its watches in any."""
    return "receive by watch", (stream, count)


def events(stream: str, count: int) -> Step:
    """The next so many events by watch, and the header of each watch's last message; how they share messages is the
    server's affair."""
    return "events", (stream, count)


def fragments(stream: str) -> Step:
    """Messages up to one that says it is not a fragment: their events together, and whether there were several."""
    return "fragments", (stream,)


def finish(stream: str) -> Step:
    """Say that no more requests follow: what still comes, and how the stream ends."""
    return "finish", (stream,)


def half_close(stream: str) -> Step:
    """Say that no more requests follow, and go on."""
    return "half close", (stream,)


def cancel(stream: str) -> Step:
    """Drop the stream from the client's side."""
    return "cancel", (stream,)


def start(call: str, step: Step) -> Step:
    """Begin a unary call and do not wait for its answer."""
    return "start", (call, step)


def result(call: str) -> Step:
    """The answer of a call that was begun."""
    return "result", (call,)


def abandon(call: str) -> Step:
    """Cancel a call that was begun."""
    return "abandon", (call,)


def until(step: Step, **fields: Any) -> Step:
    """Ask again and again until the answer has these fields."""
    return "until", (step, fields)


def until_refused(step: Step, most: int = 1000) -> Step:
    """Ask again and again until the answer is an error: that one."""
    return "until refused", (step, most)


def until_done(step: Step) -> Step:
    """Ask again and again until the answer is no error: whether it came."""
    return "until done", (step,)


def bind(name: str, step: Step, *path: str | int) -> Step:
    """The step's answer, with a name for what is found along the path in it."""
    return "bind", (name, step, list(path))


def fields(step: Step, *names: str) -> Step:
    """Only these fields of the step's answer: the others are the server's affair."""
    return "fields", (step, names)


def same(one: Step, other: Step, between: Step | None = None) -> Step:
    """Whether both answers are the same, masks aside: for what each server has in a form of its own."""
    return "same", (one, other, between)


def snapshot() -> Step:
    """The shape of a snapshot's stream: its bytes are the server's affair."""
    return "snapshot", ()


def snapshot_http(path: str) -> Step:
    """As ``snapshot``, through the JSON gateway."""
    return "snapshot http", (path,)


def unary(method: str, **request: Any) -> Step:
    """Any unary call by its method's name."""
    return method, request


def web(method: str, path: str, body: bytes = b"") -> Step:
    """A plain HTTP request whose answer is text."""
    return "web", (method, path, body)


def grant(ttl: int, lease: int = 0) -> Step:
    return unary("LeaseGrant", TTL=ttl, ID=lease)


def revoke(lease: Any) -> Step:
    return unary("LeaseRevoke", ID=lease)


def time_to_live(lease: Any, *, keys: bool = True) -> Step:
    return unary("LeaseTimeToLive", ID=lease, keys=keys)


def leases() -> Step:
    return unary("LeaseLeases")


def watch(key: bytes, range_end: bytes = b"", **fields: Any) -> dict[str, Any]:
    """The request that creates a watch."""
    return {"create_request": {"key": key, "range_end": range_end, **fields}}


def unwatch(watch_id: int) -> dict[str, Any]:
    """The request that cancels a watch."""
    return {"cancel_request": {"watch_id": watch_id}}


PROGRESS: dict[str, Any] = {"progress_request": {}}
