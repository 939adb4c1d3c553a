# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/tricord/replication.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedScalarFieldContainer
from google.protobuf.message import Message

from tricord.wire.schemas.keyspaces import Keyspace

DESCRIPTOR: FileDescriptor

class ReplicationRequest(Message):
    @property
    def hello(self) -> ReplicationHello: ...
    @property
    def said(self) -> ReplicationPiece: ...
    def __init__(
        self,
        *,
        hello: ReplicationHello | None = ...,
        said: ReplicationPiece | None = ...,
    ) -> None: ...

class ReplicationHello(Message):
    protocol: int
    keyspace: str
    model: int
    edge: bytes
    former: int
    cluster: int
    history: int
    keyspace_id: int
    type: int
    run: int
    def __init__(
        self,
        *,
        protocol: int = ...,
        keyspace: str = ...,
        model: int = ...,
        edge: bytes = ...,
        former: int = ...,
        cluster: int = ...,
        history: int = ...,
        keyspace_id: int = ...,
        type: int = ...,
        run: int = ...,
    ) -> None: ...

class ReplicationPiece(Message):
    data: bytes
    more: bool
    def __init__(
        self,
        *,
        data: bytes = ...,
        more: bool = ...,
    ) -> None: ...

class ReplicationResponse(Message):
    @property
    def welcome(self) -> ReplicationWelcome: ...
    @property
    def set(self) -> ReplicationSet: ...
    @property
    def said(self) -> ReplicationPiece: ...
    def __init__(
        self,
        *,
        welcome: ReplicationWelcome | None = ...,
        set: ReplicationSet | None = ...,
        said: ReplicationPiece | None = ...,
    ) -> None: ...

class ReplicationWelcome(Message):
    cluster: int
    history: int
    member: int
    @property
    def keyspace(self) -> Keyspace: ...
    number: int
    replica: int
    @property
    def set(self) -> ReplicationSet: ...
    def __init__(
        self,
        *,
        cluster: int = ...,
        history: int = ...,
        member: int = ...,
        keyspace: Keyspace | None = ...,
        number: int = ...,
        replica: int = ...,
        set: ReplicationSet | None = ...,
    ) -> None: ...

class ReplicationSet(Message):
    epoch: int
    @property
    def members(self) -> RepeatedScalarFieldContainer[int]: ...
    @property
    def edges(self) -> RepeatedScalarFieldContainer[int]: ...
    next_number: int
    def __init__(
        self,
        *,
        epoch: int = ...,
        members: Iterable[int] | None = ...,
        edges: Iterable[int] | None = ...,
        next_number: int = ...,
    ) -> None: ...
