# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/election.proto``. Written by proto/generate.py: do not edit."""

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message

from tricord.wire.schemas.header import ResponseHeader
from tricord.wire.schemas.mvcc import KeyValue

DESCRIPTOR: FileDescriptor

class CampaignRequest(Message):
    name: bytes
    lease: int
    value: bytes
    def __init__(
        self,
        *,
        name: bytes = ...,
        lease: int = ...,
        value: bytes = ...,
    ) -> None: ...

class CampaignResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def leader(self) -> LeaderKey: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        leader: LeaderKey | None = ...,
    ) -> None: ...

class LeaderKey(Message):
    name: bytes
    key: bytes
    rev: int
    lease: int
    def __init__(
        self,
        *,
        name: bytes = ...,
        key: bytes = ...,
        rev: int = ...,
        lease: int = ...,
    ) -> None: ...

class LeaderRequest(Message):
    name: bytes
    def __init__(
        self,
        *,
        name: bytes = ...,
    ) -> None: ...

class LeaderResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def kv(self) -> KeyValue: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        kv: KeyValue | None = ...,
    ) -> None: ...

class ResignRequest(Message):
    @property
    def leader(self) -> LeaderKey: ...
    def __init__(
        self,
        *,
        leader: LeaderKey | None = ...,
    ) -> None: ...

class ResignResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class ProclaimRequest(Message):
    @property
    def leader(self) -> LeaderKey: ...
    value: bytes
    def __init__(
        self,
        *,
        leader: LeaderKey | None = ...,
        value: bytes = ...,
    ) -> None: ...

class ProclaimResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...
