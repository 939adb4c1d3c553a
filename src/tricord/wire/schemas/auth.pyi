# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/etcd/auth.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.message import Message

from tricord.wire.schemas.header import ResponseHeader
from tricord.wire.schemas.permission import Permission, UserAddOptions

DESCRIPTOR: FileDescriptor

class AuthEnableRequest(Message): ...

class AuthEnableResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthDisableRequest(Message): ...

class AuthDisableResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthStatusRequest(Message): ...

class AuthStatusResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    enabled: bool
    authRevision: int
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        enabled: bool = ...,
        authRevision: int = ...,
    ) -> None: ...

class AuthenticateRequest(Message):
    name: str
    password: str
    def __init__(
        self,
        *,
        name: str = ...,
        password: str = ...,
    ) -> None: ...

class AuthenticateResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    token: str
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        token: str = ...,
    ) -> None: ...

class AuthUserAddRequest(Message):
    name: str
    password: str
    @property
    def options(self) -> UserAddOptions: ...
    hashedPassword: str
    def __init__(
        self,
        *,
        name: str = ...,
        password: str = ...,
        options: UserAddOptions | None = ...,
        hashedPassword: str = ...,
    ) -> None: ...

class AuthUserAddResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthUserGetRequest(Message):
    name: str
    def __init__(
        self,
        *,
        name: str = ...,
    ) -> None: ...

class AuthUserGetResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def roles(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        roles: Iterable[str] | None = ...,
    ) -> None: ...

class AuthUserListRequest(Message): ...

class AuthUserListResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def users(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        users: Iterable[str] | None = ...,
    ) -> None: ...

class AuthUserDeleteRequest(Message):
    name: str
    def __init__(
        self,
        *,
        name: str = ...,
    ) -> None: ...

class AuthUserDeleteResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthUserChangePasswordRequest(Message):
    name: str
    password: str
    hashedPassword: str
    def __init__(
        self,
        *,
        name: str = ...,
        password: str = ...,
        hashedPassword: str = ...,
    ) -> None: ...

class AuthUserChangePasswordResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthUserGrantRoleRequest(Message):
    user: str
    role: str
    def __init__(
        self,
        *,
        user: str = ...,
        role: str = ...,
    ) -> None: ...

class AuthUserGrantRoleResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthUserRevokeRoleRequest(Message):
    name: str
    role: str
    def __init__(
        self,
        *,
        name: str = ...,
        role: str = ...,
    ) -> None: ...

class AuthUserRevokeRoleResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthRoleAddRequest(Message):
    name: str
    def __init__(
        self,
        *,
        name: str = ...,
    ) -> None: ...

class AuthRoleAddResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthRoleGetRequest(Message):
    role: str
    def __init__(
        self,
        *,
        role: str = ...,
    ) -> None: ...

class AuthRoleGetResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def perm(self) -> RepeatedCompositeFieldContainer[Permission]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        perm: Iterable[Permission] | None = ...,
    ) -> None: ...

class AuthRoleListRequest(Message): ...

class AuthRoleListResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    @property
    def roles(self) -> RepeatedScalarFieldContainer[str]: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
        roles: Iterable[str] | None = ...,
    ) -> None: ...

class AuthRoleDeleteRequest(Message):
    role: str
    def __init__(
        self,
        *,
        role: str = ...,
    ) -> None: ...

class AuthRoleDeleteResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthRoleGrantPermissionRequest(Message):
    name: str
    @property
    def perm(self) -> Permission: ...
    def __init__(
        self,
        *,
        name: str = ...,
        perm: Permission | None = ...,
    ) -> None: ...

class AuthRoleGrantPermissionResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...

class AuthRoleRevokePermissionRequest(Message):
    role: str
    key: bytes
    range_end: bytes
    def __init__(
        self,
        *,
        role: str = ...,
        key: bytes = ...,
        range_end: bytes = ...,
    ) -> None: ...

class AuthRoleRevokePermissionResponse(Message):
    @property
    def header(self) -> ResponseHeader: ...
    def __init__(
        self,
        *,
        header: ResponseHeader | None = ...,
    ) -> None: ...
