# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/lock.proto``. Written by proto/generate.py: do not edit."""

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message

from tricord.wire.schemas.header import ResponseHeader

DESCRIPTOR: FileDescriptor

class LockRequest(Message):
    name: bytes
    lease: int
    def __init__(
        self,
        *,
        name: bytes = ...,
        lease: int = ...,
    ) -> None: ...

class LockResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    key: bytes
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        key: bytes = ...,
    ) -> None: ...

class UnlockRequest(Message):
    key: bytes
    def __init__(
        self,
        *,
        key: bytes = ...,
    ) -> None: ...

class UnlockResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...
