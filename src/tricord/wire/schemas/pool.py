# SPDX-License-Identifier: Apache-2.0
"""The private descriptor pool, and how a generated module fills itself from it."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message_factory import GetMessageClass

POOL = DescriptorPool()
SERIALIZED: dict[str, bytes] = {}
"""File name -> serialized FileDescriptorProto of every file loaded so far; what gRPC reflection hands out."""


def load(serialized: bytes, namespace: dict[str, Any], *dependencies: FileDescriptor) -> FileDescriptor:
    """Add a file to the pool and put its classes and enums into ``namespace``. ``dependencies`` are those it imports."""
    assert all(dependency.pool is POOL for dependency in dependencies)
    file: FileDescriptor = POOL.AddSerializedFile(serialized)
    SERIALIZED[file.name] = serialized
    for name, message in file.message_types_by_name.items():
        namespace[name] = GetMessageClass(message)
    for name, enum in file.enum_types_by_name.items():
        namespace[name] = EnumTypeWrapper(enum)
        namespace.update((value.name, value.number) for value in enum.values)
    return file
