# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/tricord/keyspaces.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

KeyspaceModel: EnumTypeWrapper
UNSPECIFIED: int
STRONG: int
CAUSAL: int
EVENTUAL: int

class Keyspace(Message):
    id: int
    name: str
    model: int
    type: int
    def __init__(
        self,
        *,
        id: int = ...,
        name: str = ...,
        model: int = ...,
        type: int = ...,
    ) -> None: ...

class KeyspaceCreateRequest(Message):
    name: str
    model: int
    type: int
    def __init__(
        self,
        *,
        name: str = ...,
        model: int = ...,
        type: int = ...,
    ) -> None: ...

class KeyspaceCreateResponse(Message):
    @property
    def keyspace(self) -> Keyspace: ...
    def __init__(
        self,
        *,
        keyspace: Keyspace | None = ...,
    ) -> None: ...

class KeyspaceDropRequest(Message):
    name: str
    def __init__(
        self,
        *,
        name: str = ...,
    ) -> None: ...

class KeyspaceDropResponse(Message):
    @property
    def keyspace(self) -> Keyspace: ...
    def __init__(
        self,
        *,
        keyspace: Keyspace | None = ...,
    ) -> None: ...

class KeyspaceListRequest(Message):
    serializable: bool
    def __init__(
        self,
        *,
        serializable: bool = ...,
    ) -> None: ...

class KeyspaceListResponse(Message):
    @property
    def keyspaces(self) -> RepeatedCompositeFieldContainer[Keyspace]: ...
    def __init__(
        self,
        *,
        keyspaces: Iterable[Keyspace] | None = ...,
    ) -> None: ...

class Replica(Message):
    number: int
    member: int
    edge: bytes
    def __init__(
        self,
        *,
        number: int = ...,
        member: int = ...,
        edge: bytes = ...,
    ) -> None: ...

class KeyspaceDescribeRequest(Message):
    name: str
    serializable: bool
    def __init__(
        self,
        *,
        name: str = ...,
        serializable: bool = ...,
    ) -> None: ...

class KeyspaceDescribeResponse(Message):
    @property
    def keyspace(self) -> Keyspace: ...
    epoch: int
    next_number: int
    @property
    def replicas(self) -> RepeatedCompositeFieldContainer[Replica]: ...
    @property
    def here(self) -> ReplicaHere: ...
    def __init__(
        self,
        *,
        keyspace: Keyspace | None = ...,
        epoch: int = ...,
        next_number: int = ...,
        replicas: Iterable[Replica] | None = ...,
        here: ReplicaHere | None = ...,
    ) -> None: ...

class ReplicaHere(Message):
    number: int
    is_open: bool
    sequence: int
    keys: int
    bytes: int
    unsent: int
    @property
    def silences(self) -> RepeatedCompositeFieldContainer[ReplicaSilence]: ...
    def __init__(
        self,
        *,
        number: int = ...,
        is_open: bool = ...,
        sequence: int = ...,
        keys: int = ...,
        bytes: int = ...,
        unsent: int = ...,
        silences: Iterable[ReplicaSilence] | None = ...,
    ) -> None: ...

class ReplicaSilence(Message):
    number: int
    milliseconds: int
    def __init__(
        self,
        *,
        number: int = ...,
        milliseconds: int = ...,
    ) -> None: ...

class ReplicaAttachRequest(Message):
    keyspace: int
    member: int
    edge: bytes
    former: int
    def __init__(
        self,
        *,
        keyspace: int = ...,
        member: int = ...,
        edge: bytes = ...,
        former: int = ...,
    ) -> None: ...

class ReplicaRetireRequest(Message):
    keyspace: int
    number: int
    def __init__(
        self,
        *,
        keyspace: int = ...,
        number: int = ...,
    ) -> None: ...

class ReplicaRetireResponse(Message):
    epoch: int
    def __init__(
        self,
        *,
        epoch: int = ...,
    ) -> None: ...
