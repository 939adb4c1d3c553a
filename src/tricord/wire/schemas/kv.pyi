# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/kv.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from tricord.wire.schemas.header import ResponseHeader
from tricord.wire.schemas.mvcc import KeyValue

DESCRIPTOR: FileDescriptor

class RangeRequest(Message):
    SortOrder: EnumTypeWrapper
    NONE: int
    ASCEND: int
    DESCEND: int
    SortTarget: EnumTypeWrapper
    KEY: int
    VERSION: int
    CREATE: int
    MOD: int
    VALUE: int
    key: bytes
    range_end: bytes
    limit: int
    revision: int
    sort_order: int
    sort_target: int
    serializable: bool
    keys_only: bool
    count_only: bool
    min_mod_revision: int
    max_mod_revision: int
    min_create_revision: int
    max_create_revision: int
    def __init__(
        self,
        *,
        key: bytes = ...,
        range_end: bytes = ...,
        limit: int = ...,
        revision: int = ...,
        sort_order: int = ...,
        sort_target: int = ...,
        serializable: bool = ...,
        keys_only: bool = ...,
        count_only: bool = ...,
        min_mod_revision: int = ...,
        max_mod_revision: int = ...,
        min_create_revision: int = ...,
        max_create_revision: int = ...,
    ) -> None: ...

class RangeResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def kvs(self) -> RepeatedCompositeFieldContainer[KeyValue]: ...
    more: bool
    count: int
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        kvs: Iterable[KeyValue] | None = ...,
        more: bool = ...,
        count: int = ...,
    ) -> None: ...

class RangeStreamResponse(Message):
    @property
    def range_response(self) -> RangeResponse: ...
    def __init__(
        self,
        *,
        range_response: RangeResponse | None = ...,
    ) -> None: ...

class PutRequest(Message):
    key: bytes
    value: bytes
    lease: int
    prev_kv: bool
    ignore_value: bool
    ignore_lease: bool
    def __init__(
        self,
        *,
        key: bytes = ...,
        value: bytes = ...,
        lease: int = ...,
        prev_kv: bool = ...,
        ignore_value: bool = ...,
        ignore_lease: bool = ...,
    ) -> None: ...

class PutResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def prev_kv(self) -> KeyValue: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        prev_kv: KeyValue | None = ...,
    ) -> None: ...

class DeleteRangeRequest(Message):
    key: bytes
    range_end: bytes
    prev_kv: bool
    def __init__(
        self,
        *,
        key: bytes = ...,
        range_end: bytes = ...,
        prev_kv: bool = ...,
    ) -> None: ...

class DeleteRangeResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    deleted: int
    @property
    def prev_kvs(self) -> RepeatedCompositeFieldContainer[KeyValue]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        deleted: int = ...,
        prev_kvs: Iterable[KeyValue] | None = ...,
    ) -> None: ...

class RequestOp(Message):
    @property
    def request_range(self) -> RangeRequest: ...
    @property
    def request_put(self) -> PutRequest: ...
    @property
    def request_delete_range(self) -> DeleteRangeRequest: ...
    @property
    def request_txn(self) -> TxnRequest: ...
    def __init__(
        self,
        *,
        request_range: RangeRequest | None = ...,
        request_put: PutRequest | None = ...,
        request_delete_range: DeleteRangeRequest | None = ...,
        request_txn: TxnRequest | None = ...,
    ) -> None: ...

class ResponseOp(Message):
    @property
    def response_range(self) -> RangeResponse: ...
    @property
    def response_put(self) -> PutResponse: ...
    @property
    def response_delete_range(self) -> DeleteRangeResponse: ...
    @property
    def response_txn(self) -> TxnResponse: ...
    def __init__(
        self,
        *,
        response_range: RangeResponse | None = ...,
        response_put: PutResponse | None = ...,
        response_delete_range: DeleteRangeResponse | None = ...,
        response_txn: TxnResponse | None = ...,
    ) -> None: ...

class Compare(Message):
    CompareResult: EnumTypeWrapper
    EQUAL: int
    GREATER: int
    LESS: int
    NOT_EQUAL: int
    CompareTarget: EnumTypeWrapper
    VERSION: int
    CREATE: int
    MOD: int
    VALUE: int
    LEASE: int
    result: int
    target: int
    key: bytes
    version: int
    create_revision: int
    mod_revision: int
    value: bytes
    lease: int
    range_end: bytes
    def __init__(
        self,
        *,
        result: int = ...,
        target: int = ...,
        key: bytes = ...,
        version: int = ...,
        create_revision: int = ...,
        mod_revision: int = ...,
        value: bytes = ...,
        lease: int = ...,
        range_end: bytes = ...,
    ) -> None: ...

class TxnRequest(Message):
    @property
    def compare(self) -> RepeatedCompositeFieldContainer[Compare]: ...
    @property
    def success(self) -> RepeatedCompositeFieldContainer[RequestOp]: ...
    @property
    def failure(self) -> RepeatedCompositeFieldContainer[RequestOp]: ...
    def __init__(
        self,
        *,
        compare: Iterable[Compare] | None = ...,
        success: Iterable[RequestOp] | None = ...,
        failure: Iterable[RequestOp] | None = ...,
    ) -> None: ...

class TxnResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    succeeded: bool
    @property
    def responses(self) -> RepeatedCompositeFieldContainer[ResponseOp]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        succeeded: bool = ...,
        responses: Iterable[ResponseOp] | None = ...,
    ) -> None: ...

class CompactionRequest(Message):
    revision: int
    physical: bool
    def __init__(
        self,
        *,
        revision: int = ...,
        physical: bool = ...,
    ) -> None: ...

class CompactionResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...
