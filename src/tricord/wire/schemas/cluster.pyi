# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/cluster.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.message import Message

from tricord.wire.schemas.header import ResponseHeader

DESCRIPTOR: FileDescriptor

class Member(Message):
    ID: int
    name: str
    @property
    def peerURLs(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def clientURLs(self) -> RepeatedScalarFieldContainer[str]: ...
    isLearner: bool
    def __init__(
        self,
        *,
        ID: int = ...,
        name: str = ...,
        peerURLs: Iterable[str] | None = ...,
        clientURLs: Iterable[str] | None = ...,
        isLearner: bool = ...,
    ) -> None: ...

class MemberAddRequest(Message):
    @property
    def peerURLs(self) -> RepeatedScalarFieldContainer[str]: ...
    isLearner: bool
    def __init__(
        self,
        *,
        peerURLs: Iterable[str] | None = ...,
        isLearner: bool = ...,
    ) -> None: ...

class MemberAddResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def member(self) -> Member: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        member: Member | None = ...,
        members: Iterable[Member] | None = ...,
    ) -> None: ...

class MemberRemoveRequest(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class MemberRemoveResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        members: Iterable[Member] | None = ...,
    ) -> None: ...

class MemberUpdateRequest(Message):
    ID: int
    @property
    def peerURLs(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        ID: int = ...,
        peerURLs: Iterable[str] | None = ...,
    ) -> None: ...

class MemberUpdateResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        members: Iterable[Member] | None = ...,
    ) -> None: ...

class MemberListRequest(Message):
    linearizable: bool
    def __init__(
        self,
        *,
        linearizable: bool = ...,
    ) -> None: ...

class MemberListResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        members: Iterable[Member] | None = ...,
    ) -> None: ...

class MemberPromoteRequest(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class MemberPromoteResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def members(self) -> RepeatedCompositeFieldContainer[Member]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        members: Iterable[Member] | None = ...,
    ) -> None: ...
