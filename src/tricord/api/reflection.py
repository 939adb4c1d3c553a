# SPDX-License-Identifier: Apache-2.0
"""grpc.reflection v1 and v1alpha: generic clients (grpcurl, Postman) ask which services there are and what their
messages look like.

The two versions differ in name only. Descriptors come from a mapping of file name to serialized FileDescriptorProto,
which is looked at when asked, for schemas may be loaded late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

from tricord.wire.grpc.service import Method, StreamCall
from tricord.wire.grpc.status import GrpcError, Status

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


def reflection_methods(services: Callable[[], list[str]], files: Callable[[], Mapping[str, bytes]]) -> list[Method]:
    """Both versions. ``services()`` names what the server offers (with or without these two)."""
    from tricord.wire.schemas import reflection_v1, reflection_v1alpha

    methods = []
    for service, schema in zip(SERVICES, (reflection_v1, reflection_v1alpha), strict=True):
        reflection = _Reflection(services, DescriptorFiles(files), schema)
        path = f"/{service}/ServerReflectionInfo"
        methods.append(Method(path, reflection.serve, client_streaming=True, server_streaming=True))
    return methods


class DescriptorFiles:
    """Finds files by name, symbol and extension."""

    def __init__(self, source: Callable[[], Mapping[str, bytes]]) -> None:
        self._source = source
        self._indexed: set[str] = set()
        self._by_symbol: dict[str, str] = {}

    def by_name(self, name: str) -> bytes | None:
        """The file's serialized descriptor."""
        return self._source().get(name)

    def by_symbol(self, symbol: str) -> bytes | None:
        """The file that defines a message, enum, service, method or field."""
        source = self._source()
        for name, serialized in source.items():
            if name not in self._indexed:
                self._indexed.add(name)
                for found in _symbols(FileDescriptorProto.FromString(serialized)):
                    self._by_symbol[found] = name
        file = self._by_symbol.get(symbol.lstrip("."))
        return None if file is None else source.get(file)

    def with_dependencies(self, serialized: bytes, sent: set[str]) -> list[bytes]:
        """The file and all that it imports, but those in ``sent``; they are added to it."""
        out: list[bytes] = []
        waiting = [serialized]
        while waiting:
            file = FileDescriptorProto.FromString(waiting.pop())
            if file.name not in sent or not out:
                sent.add(file.name)
                out.append(file.SerializeToString())
                imported = (self.by_name(name) for name in file.dependency if name not in sent)
                waiting.extend(found for found in imported if found is not None)
        return out


def _symbols(file: FileDescriptorProto) -> Iterator[str]:
    prefix = f"{file.package}." if file.package else ""
    for message in file.message_type:
        yield from _message_symbols(prefix, message)
    for enum in file.enum_type:
        yield prefix + enum.name
    for service in file.service:
        yield prefix + service.name
        for method in service.method:
            yield f"{prefix}{service.name}.{method.name}"


def _message_symbols(prefix: str, message: DescriptorProto) -> Iterator[str]:
    name = prefix + message.name
    yield name
    for field in message.field:
        yield f"{name}.{field.name}"
    for enum in message.enum_type:
        yield f"{name}.{enum.name}"
    for nested in message.nested_type:
        yield from _message_symbols(f"{name}.", nested)


class _Reflection:
    def __init__(self, services: Callable[[], list[str]], files: DescriptorFiles, schema: Any) -> None:
        self._services = services
        self._files = files
        self._schema = schema

    async def serve(self, call: StreamCall) -> None:
        """Answers each question of the stream."""
        sent: set[str] = set()
        async for message in call.messages():
            try:
                request = self._schema.ServerReflectionRequest.FromString(message)
            except Exception:  # protobuf's DecodeError is of another module in each of its majors
                raise GrpcError(Status.INTERNAL, "grpc: not a ServerReflectionRequest") from None
            response = self._schema.ServerReflectionResponse(valid_host=request.host, original_request=request)
            self._answer(request, response, sent)
            await call.send(response.SerializeToString())

    def _answer(self, request: Any, response: Any, sent: set[str]) -> None:
        kind = request.WhichOneof("message_request")
        if kind == "list_services":
            for name in sorted({*self._services(), *SERVICES}):
                response.list_services_response.service.add(name=name)
            return
        found = None
        if kind == "file_by_filename":
            found = self._files.by_name(request.file_by_filename)
        elif kind == "file_containing_symbol":
            found = self._files.by_symbol(request.file_containing_symbol)
        elif kind == "all_extension_numbers_of_type":
            known = self._files.by_symbol(request.all_extension_numbers_of_type) is not None
            if known:  # proto3 messages have no extensions
                response.all_extension_numbers_response.base_type_name = request.all_extension_numbers_of_type
                return
        elif kind != "file_containing_extension":
            _fail(response, Status.INVALID_ARGUMENT, "no question was asked")
            return
        if found is None:
            _fail(response, Status.NOT_FOUND, f"{kind} is not known here")
        else:
            files = self._files.with_dependencies(found, sent)
            response.file_descriptor_response.file_descriptor_proto.extend(files)


def _fail(response: Any, status: Status, text: str) -> None:
    response.error_response.error_code = int(status)
    response.error_response.error_message = text
