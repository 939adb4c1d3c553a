# SPDX-License-Identifier: Apache-2.0
"""Runs scripts that hold streams and waiting calls against one endpoint: a ``Speaker`` that also knows ``steps``."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from tests.e2e.etcd.cases import Step, Steps
from tests.e2e.etcd.masks import RUN, masked, without_ids
from tests.e2e.etcd.speaker import Speaker
from tests.e2e.etcd.steps import Name
from tests.e2e.etcd.streams import (
    BOTH_WAYS,
    SECONDS,
    STREAMS,
    UNARY,
    HttpStream,
    Stream,
    is_message,
    shape_of_snapshot,
    to_fields,
    watch_of,
)


class Script(Speaker):
    """Speaks to one server in scripts of ``cases`` and ``steps``."""

    def __init__(
        self, endpoint: str, credentials: grpc.ChannelCredentials | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(endpoint, credentials, tls)
        self.streams: dict[str, Stream | HttpStream] = {}
        self.begun: dict[str, tuple[Any, type[Message]]] = {}
        self.names: dict[str, Any] = {}
        self.runs = 0
        self.begun_at = 0.0
        self.steps: dict[str, Callable[..., Any]] = {
            "open": self.open,
            "open http": self.open_http,
            "send": self.send,
            "receive": self.receive,
            "receive by watch": self.receive_by_watch,
            "events": self.events,
            "fragments": self.fragments,
            "half close": self.half_close,
            "finish": self.finish,
            "cancel": self.cancel,
            "start": self.start,
            "result": self.result,
            "abandon": self.abandon,
            "until": self.until,
            "until refused": self.until_refused,
            "until done": self.until_done,
            "bind": self.bind,
            "fields": self.fields,
            "same": self.same,
            "snapshot": self.snapshot,
            "snapshot http": self.snapshot_http,
            "web": self.web,
        }

    def run(self, steps: Steps) -> list[Any]:
        """Each step's answer, on an empty key space without leases, alarms and learners."""
        self.names = {}
        self.runs += 1
        self.begun_at = time.monotonic()
        try:
            self.clear()
            return super().run(steps)
        finally:
            for stream in self.streams.values():
                stream.close()
            for future, _ in self.begun.values():
                future.cancel()
            self.streams.clear()
            self.begun.clear()

    def clear(self) -> None:
        """End the alarms, leases and learners that there are. Keys are deleted by ``run``."""
        for raised in self.message("Alarm", {}).alarms:
            self.message("Alarm", {"action": 2, "memberID": raised.memberID, "alarm": raised.alarm})
        for entry in self.message("LeaseLeases", {}).leases:
            self.message("LeaseRevoke", {"ID": entry.ID})
        for member in self.message("MemberList", {}).members:
            if member.isLearner:
                self.message("MemberRemove", {"ID": member.ID})

    def call(self, step: Step) -> Any:
        method, request = step
        if method in self.steps:
            return self.steps[method](*request)
        if method in UNARY:
            path, kind, response = UNARY[method]
            return self.rpc(path, kind(**self.absolute(request)).SerializeToString(), response)
        return super().call(step)

    def message(self, method: str, request: Any) -> Any:
        """A unary call's answer as it is."""
        path, kind, response = UNARY[method]
        data = kind(**self.absolute(request)).SerializeToString()
        return response.FromString(self.channel.unary_unary(path)(data, timeout=SECONDS))

    def absolute(self, value: Any) -> Any:
        if isinstance(value, Name):
            return self.names[value.name]
        if isinstance(value, str):
            return value.replace(RUN, f"{self.runs >> 8}.{self.runs & 255}")
        return super().absolute(value)

    def relative(self, value: Any) -> Any:
        names = {str(value): name for name, value in self.names.items()}
        return masked(value, self.base, names, math.ceil(time.monotonic() - self.begun_at))

    def open(self, name: str, method: str, requests: list[Any], metadata: Any) -> Any:
        self.streams[name] = Stream(self.channel, STREAMS[method], metadata, one_request=method not in BOTH_WAYS)
        return self.send(name, requests)

    def open_http(self, name: str, path: str, bodies: list[Any]) -> Any:
        stream = HttpStream(self.connection(), path, [self.absolute(body) for body in bodies])
        self.streams[name] = stream
        return stream.opening()

    def send(self, name: str, requests: list[Any]) -> Any:
        stream = self.streams[name]
        assert isinstance(stream, Stream), "an HTTP request's body is sent at its start"
        for request in requests:
            stream.send(self.absolute(request))
        return "sent"

    def next(self, name: str) -> Any:
        """The stream's next message, masked, or ("end", code, text)."""
        return self.relative(self.streams[name].next())

    def receive(self, name: str, count: int) -> list[Any]:
        messages = [self.next(name)]
        while len(messages) < count and is_message(messages[-1]):
            messages.append(self.next(name))
        return messages

    def receive_by_watch(self, name: str, count: int) -> Any:
        return sorted(self.receive(name, count), key=watch_of)

    def events(self, name: str, count: int) -> Any:
        seen: dict[int, list[Any]] = {}
        headers: dict[int, Any] = {}
        while sum(map(len, seen.values())) < count:
            message = self.next(name)
            if not is_message(message) or not (inner := message.get("result", message)).get("events"):
                return sorted(seen.items()), message
            seen.setdefault(watch_of(message), []).extend(inner["events"])
            headers[watch_of(message)] = inner["header"]
        return sorted(seen.items()), sorted(headers.items())

    def fragments(self, name: str) -> Any:
        messages = [self.next(name)]
        while is_message(messages[-1]) and messages[-1].get("fragment"):
            messages.append(self.next(name))
        found = [event for message in messages if is_message(message) for event in message.get("events", [])]
        last = messages[-1]
        return found, last["header"] if is_message(last) else last, len(messages) > 1

    def half_close(self, name: str) -> Any:
        self.streams[name].finish()
        return "closed"

    def finish(self, name: str) -> Any:
        self.streams[name].finish()
        messages = [self.next(name)]
        while is_message(messages[-1]):
            messages.append(self.next(name))
        return messages

    def cancel(self, name: str) -> Any:
        self.streams.pop(name).close()
        return "cancelled"

    def start(self, name: str, step: Step) -> Any:
        path, kind, response = UNARY[step[0]]
        data = kind(**self.absolute(step[1])).SerializeToString()
        self.begun[name] = self.channel.unary_unary(path).future(data, timeout=SECONDS), response
        return "begun"

    def result(self, name: str) -> Any:
        future, response = self.begun.pop(name)
        try:
            return "ok", self.relative(to_fields(response.FromString(future.result())))
        except grpc.RpcError as error:
            assert isinstance(error, grpc.Call)
            return "error", error.code().name, self.text(error.details() or "")

    def abandon(self, name: str) -> Any:
        self.begun.pop(name)[0].cancel()
        return "abandoned"

    def until(self, step: Step, wanted: dict[str, Any]) -> Any:
        stop = time.monotonic() + SECONDS
        while time.monotonic() < stop:
            answer = self.call(step)
            fields = answer[-1] if isinstance(answer[-1], dict) else {}
            if all(fields.get(name) == value for name, value in wanted.items()):
                return "came", wanted
            time.sleep(0.01)
        return "never", wanted, answer

    def until_refused(self, step: Step, most: int) -> Any:
        for _ in range(most):
            answer = self.call(step)
            if answer[0] != "ok":
                return answer
        return "never refused"

    def until_done(self, step: Step) -> Any:
        stop = time.monotonic() + SECONDS
        while (answer := self.call(step))[0] != "ok" and time.monotonic() < stop:
            time.sleep(0.01)
        return answer[0]

    def bind(self, name: str, step: Step, path: list[str | int]) -> Any:
        value = message = self.message(*step)
        for part in path:
            value = value[part] if isinstance(part, int) else getattr(value, part)
        self.names[name] = value
        return "ok", self.relative(to_fields(message))

    def fields(self, step: Step, names: tuple[str, ...]) -> Any:
        answer = self.call(step)
        if not isinstance(answer[-1], dict):
            return answer
        return *answer[:-1], {name: answer[-1].get(name) for name in names}

    def same(self, one: Step, other: Step, between: Step | None) -> Any:
        answers = [self.message(*one)]
        if between is not None:
            self.call(between)
        answers.append(self.message(*other))
        hashes = {answer.hash for answer in answers}
        return "same" if len(hashes) == 1 else "different"

    def snapshot(self) -> Any:
        path, kind, response = STREAMS["Snapshot"]
        parts = [
            response.FromString(part)
            for part in self.channel.unary_stream(path)(kind().SerializeToString(), timeout=SECONDS)
        ]
        return shape_of_snapshot(parts)

    def snapshot_http(self, path: str) -> Any:
        stream = HttpStream(self.connection(), path, [{}])
        parts = []
        while is_message(message := stream.next()):
            parts.append(json_format.ParseDict(message["result"], STREAMS["Snapshot"][2]()))
        stream.close()
        return stream.opening(), shape_of_snapshot(parts)

    def web(self, method: str, path: str, body: bytes) -> Any:
        connection = self.connection()
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            text = without_ids(response.read().decode())
            lines = sorted(text.splitlines())  # etcd tells checks in the order of a map
            return response.status, response.getheader("content-type"), lines
        finally:
            connection.close()
