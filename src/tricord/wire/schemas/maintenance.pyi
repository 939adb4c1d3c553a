# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/maintenance.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from tricord.wire.schemas.header import ResponseHeader

DESCRIPTOR: FileDescriptor

AlarmType: EnumTypeWrapper
NONE: int
NOSPACE: int
CORRUPT: int

class AlarmRequest(Message):
    AlarmAction: EnumTypeWrapper
    GET: int
    ACTIVATE: int
    DEACTIVATE: int
    action: int
    memberID: int
    alarm: int
    def __init__(
        self,
        *,
        action: int = ...,
        memberID: int = ...,
        alarm: int = ...,
    ) -> None: ...

class AlarmMember(Message):
    memberID: int
    alarm: int
    def __init__(
        self,
        *,
        memberID: int = ...,
        alarm: int = ...,
    ) -> None: ...

class AlarmResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def alarms(self) -> RepeatedCompositeFieldContainer[AlarmMember]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        alarms: Iterable[AlarmMember] | None = ...,
    ) -> None: ...

class StatusRequest(Message): ...

class StatusResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    version: str
    dbSize: int
    leader: int
    raftIndex: int
    raftTerm: int
    raftAppliedIndex: int
    @property
    def errors(self) -> RepeatedScalarFieldContainer[str]: ...
    dbSizeInUse: int
    isLearner: bool
    storageVersion: str
    dbSizeQuota: int
    @property
    def downgradeInfo(self) -> DowngradeInfo: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        version: str = ...,
        dbSize: int = ...,
        leader: int = ...,
        raftIndex: int = ...,
        raftTerm: int = ...,
        raftAppliedIndex: int = ...,
        errors: Iterable[str] | None = ...,
        dbSizeInUse: int = ...,
        isLearner: bool = ...,
        storageVersion: str = ...,
        dbSizeQuota: int = ...,
        downgradeInfo: DowngradeInfo | None = ...,
    ) -> None: ...

class DowngradeInfo(Message):
    enabled: bool
    targetVersion: str
    def __init__(
        self,
        *,
        enabled: bool = ...,
        targetVersion: str = ...,
    ) -> None: ...

class DefragmentRequest(Message): ...

class DefragmentResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class HashRequest(Message): ...

class HashResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    hash: int
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        hash: int = ...,
    ) -> None: ...

class HashKVRequest(Message):
    revision: int
    def __init__(
        self,
        *,
        revision: int = ...,
    ) -> None: ...

class HashKVResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    hash: int
    compact_revision: int
    hash_revision: int
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        hash: int = ...,
        compact_revision: int = ...,
        hash_revision: int = ...,
    ) -> None: ...

class SnapshotRequest(Message): ...

class SnapshotResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    remaining_bytes: int
    blob: bytes
    version: str
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        remaining_bytes: int = ...,
        blob: bytes = ...,
        version: str = ...,
    ) -> None: ...

class MoveLeaderRequest(Message):
    targetID: int
    def __init__(
        self,
        *,
        targetID: int = ...,
    ) -> None: ...

class MoveLeaderResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class DowngradeRequest(Message):
    DowngradeAction: EnumTypeWrapper
    VALIDATE: int
    ENABLE: int
    CANCEL: int
    action: int
    version: str
    def __init__(
        self,
        *,
        action: int = ...,
        version: str = ...,
    ) -> None: ...

class DowngradeResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    version: str
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        version: str = ...,
    ) -> None: ...

class DowngradeVersionTestRequest(Message):
    ver: str
    def __init__(
        self,
        *,
        ver: str = ...,
    ) -> None: ...
