# SPDX-License-Identifier: Apache-2.0
"""The private descriptor pool, and how a generated module fills itself from it.

Protobuf's public modules for this load its pure Python runtime too, which took most of the time that a client's import
took. Where the C runtime is at work it is asked directly; else, or should its inside change, the public modules are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from google.protobuf.internal import api_implementation
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

if TYPE_CHECKING:
    from google.protobuf.descriptor import FileDescriptor

_PoolAndMaker = tuple[Any, Callable[[Any], Any]]


def _from_c_runtime() -> _PoolAndMaker | None:
    """An empty pool, and what makes a class of a message's descriptor; None without the C runtime."""
    runtime = getattr(api_implementation, "_c_module", None)
    new_pool, metaclass = getattr(runtime, "DescriptorPool", None), getattr(runtime, "MessageMeta", None)
    if api_implementation.Type() != "upb" or new_pool is None or metaclass is None:
        return None

    def make(descriptor: Any) -> Any:
        for nested in descriptor.nested_types:
            make(nested)
        return metaclass(descriptor.name, (Message,), {"DESCRIPTOR": descriptor, "__module__": None})

    return new_pool(), make


def _from_public_modules() -> _PoolAndMaker:
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message_factory import GetMessageClass

    return DescriptorPool(), GetMessageClass


POOL, _make_class = _from_c_runtime() or _from_public_modules()

SERIALIZED: dict[str, bytes] = {}
"""File name -> serialized FileDescriptorProto of every file loaded so far; what gRPC reflection hands out."""


def load(serialized: bytes, namespace: dict[str, Any], *dependencies: FileDescriptor) -> FileDescriptor:
    """Add a file to the pool and put its classes and enums into ``namespace``; it imports ``dependencies``."""
    assert all(dependency.pool is POOL for dependency in dependencies)
    file: FileDescriptor = POOL.AddSerializedFile(serialized)
    SERIALIZED[file.name] = serialized
    for name, message in file.message_types_by_name.items():
        namespace[name] = _make_class(message)
    for name, enum in file.enum_types_by_name.items():
        namespace[name] = EnumTypeWrapper(enum)
        namespace.update((value.name, value.number) for value in enum.values)
    return file
