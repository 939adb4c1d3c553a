# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/tricord/values.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from tricord.wire.schemas.header import ResponseHeader

DESCRIPTOR: FileDescriptor

ValueType: EnumTypeWrapper
NO_TYPE: int
REGISTER: int
LAST_WRITER: int
COUNTER: int
SET: int
MAP: int

class ValueChange(Message):
    put: bytes
    put_last: bytes
    add: int
    add_element: bytes
    remove_element: bytes
    @property
    def change_field(self) -> FieldChange: ...
    remove_field: bytes
    @property
    def remove(self) -> RemoveAll: ...
    keep_only: int
    def __init__(
        self,
        *,
        put: bytes = ...,
        put_last: bytes = ...,
        add: int = ...,
        add_element: bytes = ...,
        remove_element: bytes = ...,
        change_field: FieldChange | None = ...,
        remove_field: bytes = ...,
        remove: RemoveAll | None = ...,
        keep_only: int = ...,
    ) -> None: ...

class FieldChange(Message):
    name: bytes
    @property
    def change(self) -> ValueChange: ...
    def __init__(
        self,
        *,
        name: bytes = ...,
        change: ValueChange | None = ...,
    ) -> None: ...

class RemoveAll(Message): ...

class KeyChange(Message):
    key: bytes
    @property
    def change(self) -> ValueChange: ...
    seen: bytes
    ttl_milliseconds: int
    def __init__(
        self,
        *,
        key: bytes = ...,
        change: ValueChange | None = ...,
        seen: bytes = ...,
        ttl_milliseconds: int = ...,
    ) -> None: ...

class UpdateRequest(Message):
    @property
    def changes(self) -> RepeatedCompositeFieldContainer[KeyChange]: ...
    acks: int
    def __init__(
        self,
        *,
        changes: Iterable[KeyChange] | None = ...,
        acks: int = ...,
    ) -> None: ...

class UpdateResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    sequence: int
    acks: int
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        sequence: int = ...,
        acks: int = ...,
    ) -> None: ...

class FetchRequest(Message):
    key: bytes
    range_end: bytes
    limit: int
    replicas: int
    def __init__(
        self,
        *,
        key: bytes = ...,
        range_end: bytes = ...,
        limit: int = ...,
        replicas: int = ...,
    ) -> None: ...

class FetchResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    sequence: int
    @property
    def keys(self) -> RepeatedCompositeFieldContainer[TypedKeyValue]: ...
    more: bool
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        sequence: int = ...,
        keys: Iterable[TypedKeyValue] | None = ...,
        more: bool = ...,
    ) -> None: ...

class TypedKeyValue(Message):
    key: bytes
    @property
    def value(self) -> TypedValue: ...
    context: bytes
    def __init__(
        self,
        *,
        key: bytes = ...,
        value: TypedValue | None = ...,
        context: bytes = ...,
    ) -> None: ...

class TypedValue(Message):
    type: int
    data: bytes
    counter: int
    large_counter: bytes
    @property
    def elements(self) -> RepeatedScalarFieldContainer[bytes]: ...
    @property
    def fields(self) -> RepeatedCompositeFieldContainer[MapField]: ...
    stamp: int
    @property
    def siblings(self) -> RepeatedCompositeFieldContainer[ValueSibling]: ...
    @property
    def others(self) -> RepeatedCompositeFieldContainer[TypedValue]: ...
    @property
    def unknown(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(
        self,
        *,
        type: int = ...,
        data: bytes = ...,
        counter: int = ...,
        large_counter: bytes = ...,
        elements: Iterable[bytes] | None = ...,
        fields: Iterable[MapField] | None = ...,
        stamp: int = ...,
        siblings: Iterable[ValueSibling] | None = ...,
        others: Iterable[TypedValue] | None = ...,
        unknown: Iterable[int] | None = ...,
    ) -> None: ...

class MapField(Message):
    name: bytes
    @property
    def value(self) -> TypedValue: ...
    def __init__(
        self,
        *,
        name: bytes = ...,
        value: TypedValue | None = ...,
    ) -> None: ...

class ValueSibling(Message):
    data: bytes
    replica: int
    incarnation: int
    counter: int
    stamp: int
    expires: int
    def __init__(
        self,
        *,
        data: bytes = ...,
        replica: int = ...,
        incarnation: int = ...,
        counter: int = ...,
        stamp: int = ...,
        expires: int = ...,
    ) -> None: ...

class ValuesWatchRequest(Message):
    @property
    def create(self) -> ValuesWatchCreate: ...
    @property
    def cancel(self) -> ValuesWatchCancel: ...
    def __init__(
        self,
        *,
        create: ValuesWatchCreate | None = ...,
        cancel: ValuesWatchCancel | None = ...,
    ) -> None: ...

class ValuesWatchCreate(Message):
    key: bytes
    range_end: bytes
    vector: bytes
    position: bytes
    def __init__(
        self,
        *,
        key: bytes = ...,
        range_end: bytes = ...,
        vector: bytes = ...,
        position: bytes = ...,
    ) -> None: ...

class ValuesWatchCancel(Message):
    watch_id: int
    def __init__(
        self,
        *,
        watch_id: int = ...,
    ) -> None: ...

class ValuesWatchResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    watch_id: int
    created: bool
    canceled: bool
    code: str
    reason: str
    sequence: int
    @property
    def keys(self) -> RepeatedCompositeFieldContainer[TypedKeyValue]: ...
    vector: bytes
    resynced: bool
    position: bytes
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        watch_id: int = ...,
        created: bool = ...,
        canceled: bool = ...,
        code: str = ...,
        reason: str = ...,
        sequence: int = ...,
        keys: Iterable[TypedKeyValue] | None = ...,
        vector: bytes = ...,
        resynced: bool = ...,
        position: bytes = ...,
    ) -> None: ...
