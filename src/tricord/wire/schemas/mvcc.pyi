# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/mvcc.proto``. Written by proto/generate.py: do not edit."""

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class KeyValue(Message):
    key: bytes
    create_revision: int
    mod_revision: int
    version: int
    value: bytes
    lease: int
    def __init__(
        self,
        *,
        key: bytes = ...,
        create_revision: int = ...,
        mod_revision: int = ...,
        version: int = ...,
        value: bytes = ...,
        lease: int = ...,
    ) -> None: ...

class Event(Message):
    EventType: EnumTypeWrapper
    PUT: int
    DELETE: int
    type: int
    @property
    def kv(self) -> KeyValue: ...
    @property
    def prev_kv(self) -> KeyValue: ...
    def __init__(
        self,
        *,
        type: int = ...,
        kv: KeyValue | None = ...,
        prev_kv: KeyValue | None = ...,
    ) -> None: ...
