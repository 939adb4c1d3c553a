# SPDX-License-Identifier: Apache-2.0
"""Types of ``proto/tricord/membership.proto``. Written by proto/generate.py: do not edit."""

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class DescribeRequest(Message): ...

class DescribeResponse(Message):
    version: str
    def __init__(
        self,
        *,
        version: str = ...,
    ) -> None: ...

class ReplaceRequest(Message):
    old: int
    new: int
    def __init__(
        self,
        *,
        old: int = ...,
        new: int = ...,
    ) -> None: ...

class ReplaceResponse(Message): ...
