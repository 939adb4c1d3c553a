# SPDX-License-Identifier: Apache-2.0
"""An engine that answers by a list, and calls that remember what they were answered: for tests of mapping alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tests.api.scripted_membership import ScriptedMembership
from tricord.base.context import Context
from tricord.base.edges import EdgeHello, EdgeStream
from tricord.base.errors import TricordError, Unimplemented
from tricord.base.hashes import ContentHash
from tricord.base.keyspaces import DEFAULT_RECORD, KeyspaceRecord
from tricord.base.levels import Stamp
from tricord.base.operations import Request, Result
from tricord.base.typed import TypedStream
from tricord.base.watching import WatchStream
from tricord.server.engine import EdgeEnd, EdgeTell, Encoded, HealthCheck, MemberStatus, Outcome, Reply
from tricord.wire.grpc.metadata import EMPTY, Metadata
from tricord.wire.grpc.status import Status

STAMP = Stamp(cluster=11, member=22, term=3, revision=44)
STATUS = MemberStatus(
    version="1.2.3",
    size_bytes=20480,
    used_bytes=16384,
    quota_bytes=2 << 30,
    leader=22,
    raft_term=3,
    raft_index=9,
    raft_applied_index=8,
    is_learner=False,
    alarms=[],
    errors=[],
)


@dataclass
class ScriptedEngine(ScriptedMembership):
    """Gives ``outcomes`` in turn; with none left it keeps the reply for the test to give."""

    outcomes: list[Outcome] = field(default_factory=list)
    state: MemberStatus = field(default_factory=lambda: STATUS)
    requests: list[Request] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    bodies: list[bytes | None] = field(default_factory=list)
    open: list[Reply] = field(default_factory=list)

    def call(self, request: Request, context: Context, reply: Reply, body: bytes | None = None) -> None:
        self.requests.append(request)
        self.contexts.append(context)
        self.bodies.append(body)
        if self.outcomes:
            reply(self.outcomes.pop(0), STAMP)
        else:
            self.open.append(reply)

    async def open_edge(self, hello: EdgeHello, tell: EdgeTell, end: EdgeEnd) -> EdgeStream:
        raise Unimplemented("no edges")

    async def ask(self, request: Request, context: Context) -> tuple[Result, Stamp]:
        self.requests.append(request)
        self.contexts.append(context)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, TricordError):
            raise outcome
        assert not isinstance(outcome, Encoded)
        return outcome, STAMP

    def open_watch(self, context: Context, wake: Callable[[], None]) -> WatchStream:
        raise Unimplemented

    def open_typed_watch(self, context: Context, wake: Callable[[], None]) -> TypedStream:
        raise Unimplemented

    def keyspace(self, name: str) -> KeyspaceRecord | None:
        return DEFAULT_RECORD if name == DEFAULT_RECORD.name else None

    def stamp(self, keyspace: str = "default") -> Stamp:
        return STAMP

    def status(self) -> MemberStatus:
        return self.state

    async def hash_keys(self, revision: int) -> tuple[ContentHash, Stamp]:
        if self.refusal is not None:
            raise self.refusal
        return ContentHash(0x12345678_9ABCDEF0, revision if revision > 0 else 44, 7), STAMP

    async def hash_all(self) -> tuple[int, Stamp]:
        if self.refusal is not None:
            raise self.refusal
        return 0x1_00000001, STAMP

    def health(self) -> list[HealthCheck]:
        return []


@dataclass
class RecordedCall:
    """A call whose reply or failure is kept, and that gives ``incoming`` where the method streams."""

    incoming: list[bytes] = field(default_factory=list)
    deadline: float | None = None
    metadata: Metadata = EMPTY
    peer: str = "127.0.0.1:9"
    cancelled: bool = False
    replies: list[bytes] = field(default_factory=list)
    failures: list[tuple[Status | int, str]] = field(default_factory=list)
    leading: list[tuple[str, str | bytes]] = field(default_factory=list)
    trailing: list[tuple[str, str | bytes]] = field(default_factory=list)
    cancel: Callable[[], None] = lambda: None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def set_leading(self, name: str, value: str | bytes) -> None:
        assert self.metadata is not EMPTY, "a client of etcd is told nothing of its own"
        self.leading.append((name, value))

    def set_trailing(self, name: str, value: str | bytes) -> None:
        assert self.metadata is not EMPTY, "a client of etcd is told nothing of its own"
        self.trailing.append((name, value))

    def on_cancel(self, function: Callable[[], None]) -> None:
        self.cancel = function

    def reply(self, message: bytes) -> None:
        self.replies.append(message)
        self.ended.set()

    def fail(self, status: Status | int, text: str) -> None:
        self.failures.append((status, text))
        self.ended.set()

    def messages(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self.incoming:
            raise StopAsyncIteration
        return self.incoming.pop(0)

    async def send(self, message: bytes) -> None:
        self.replies.append(message)
