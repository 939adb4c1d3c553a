# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/permission.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class UserAddOptions(Message):
    no_password: bool
    def __init__(
        self,
        *,
        no_password: bool = ...,
    ) -> None: ...

class User(Message):
    name: bytes
    password: bytes
    @property
    def roles(self) -> RepeatedScalarFieldContainer[str]: ...
    @property
    def options(self) -> UserAddOptions: ...
    def __init__(
        self,
        *,
        name: bytes = ...,
        password: bytes = ...,
        roles: Iterable[str] | None = ...,
        options: UserAddOptions | None = ...,
    ) -> None: ...

class Permission(Message):
    Type: EnumTypeWrapper
    READ: int
    WRITE: int
    READWRITE: int
    permType: int
    key: bytes
    range_end: bytes
    def __init__(
        self,
        *,
        permType: int = ...,
        key: bytes = ...,
        range_end: bytes = ...,
    ) -> None: ...

class Role(Message):
    name: bytes
    @property
    def keyPermission(self) -> RepeatedCompositeFieldContainer[Permission]: ...
    def __init__(
        self,
        *,
        name: bytes = ...,
        keyPermission: Iterable[Permission] | None = ...,
    ) -> None: ...
