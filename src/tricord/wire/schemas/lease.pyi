# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/lease.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.message import Message

from tricord.wire.schemas.header import ResponseHeader

DESCRIPTOR: FileDescriptor

class LeaseGrantRequest(Message):
    TTL: int
    ID: int
    def __init__(
        self,
        *,
        TTL: int = ...,
        ID: int = ...,
    ) -> None: ...

class LeaseGrantResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    ID: int
    TTL: int
    error: str
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        ID: int = ...,
        TTL: int = ...,
        error: str = ...,
    ) -> None: ...

class LeaseRevokeRequest(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class LeaseRevokeResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class LeaseCheckpoint(Message):
    ID: int
    remaining_TTL: int
    def __init__(
        self,
        *,
        ID: int = ...,
        remaining_TTL: int = ...,
    ) -> None: ...

class LeaseCheckpointRequest(Message):
    @property
    def checkpoints(self) -> RepeatedCompositeFieldContainer[LeaseCheckpoint]: ...
    def __init__(
        self,
        *,
        checkpoints: Iterable[LeaseCheckpoint] | None = ...,
    ) -> None: ...

class LeaseCheckpointResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class LeaseKeepAliveRequest(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class LeaseKeepAliveResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    ID: int
    TTL: int
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        ID: int = ...,
        TTL: int = ...,
    ) -> None: ...

class LeaseTimeToLiveRequest(Message):
    ID: int
    keys: bool
    def __init__(
        self,
        *,
        ID: int = ...,
        keys: bool = ...,
    ) -> None: ...

class LeaseTimeToLiveResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    ID: int
    TTL: int
    grantedTTL: int
    @property
    def keys(self) -> RepeatedScalarFieldContainer[bytes]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        ID: int = ...,
        TTL: int = ...,
        grantedTTL: int = ...,
        keys: Iterable[bytes] | None = ...,
    ) -> None: ...

class LeaseLeasesRequest(Message): ...

class LeaseStatus(Message):
    ID: int
    def __init__(
        self,
        *,
        ID: int = ...,
    ) -> None: ...

class LeaseLeasesResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def leases(self) -> RepeatedCompositeFieldContainer[LeaseStatus]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        leases: Iterable[LeaseStatus] | None = ...,
    ) -> None: ...
