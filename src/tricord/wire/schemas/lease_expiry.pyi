# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/tricord/lease_expiry.proto``. Written by proto/generate.py: do not edit."""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedScalarFieldContainer
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class LeaseExpireRequest(Message):
    @property
    def ids(self) -> RepeatedScalarFieldContainer[int]: ...
    def __init__(
        self,
        *,
        ids: Iterable[int] | None = ...,
    ) -> None: ...
