# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/watch.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from tricord.wire.schemas.header import ResponseHeader
from tricord.wire.schemas.mvcc import Event

DESCRIPTOR: FileDescriptor

class WatchRequest(Message):
    @property
    def create_request(self) -> WatchCreateRequest: ...
    @property
    def cancel_request(self) -> WatchCancelRequest: ...
    @property
    def progress_request(self) -> WatchProgressRequest: ...
    def __init__(
        self,
        *,
        create_request: WatchCreateRequest | None = ...,
        cancel_request: WatchCancelRequest | None = ...,
        progress_request: WatchProgressRequest | None = ...,
    ) -> None: ...

class WatchCreateRequest(Message):
    FilterType: EnumTypeWrapper
    NOPUT: int
    NODELETE: int
    key: bytes
    range_end: bytes
    start_revision: int
    progress_notify: bool
    @property
    def filters(self) -> RepeatedScalarFieldContainer[int]: ...
    prev_kv: bool
    watch_id: int
    fragment: bool
    def __init__(
        self,
        *,
        key: bytes = ...,
        range_end: bytes = ...,
        start_revision: int = ...,
        progress_notify: bool = ...,
        filters: Iterable[int] | None = ...,
        prev_kv: bool = ...,
        watch_id: int = ...,
        fragment: bool = ...,
    ) -> None: ...

class WatchCancelRequest(Message):
    watch_id: int
    def __init__(
        self,
        *,
        watch_id: int = ...,
    ) -> None: ...

class WatchProgressRequest(Message): ...

class WatchResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    watch_id: int
    created: bool
    canceled: bool
    compact_revision: int
    cancel_reason: str
    fragment: bool
    @property
    def events(self) -> RepeatedCompositeFieldContainer[Event]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        watch_id: int = ...,
        created: bool = ...,
        canceled: bool = ...,
        compact_revision: int = ...,
        cancel_reason: str = ...,
        fragment: bool = ...,
        events: Iterable[Event] | None = ...,
    ) -> None: ...
