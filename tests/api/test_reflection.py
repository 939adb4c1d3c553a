# SPDX-License-Identifier: Apache-2.0
"""gRPC reflection, asked by grpcio in both versions."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from tests.transport.serving import Serving
from tricord.api.reflection import SERVICES, reflection_methods
from tricord.wire.schemas import kv, pool, reflection_v1, reflection_v1alpha

VERSIONS = [(SERVICES[0], reflection_v1), (SERVICES[1], reflection_v1alpha)]


def _ask(endpoint: str, service: str, schema: Any, **questions: Any) -> Any:
    with grpc.insecure_channel(endpoint) as channel:
        ask = channel.stream_stream(
            f"/{service}/ServerReflectionInfo", response_deserializer=schema.ServerReflectionResponse.FromString
        )
        requests = [schema.ServerReflectionRequest(**{name: value}) for name, value in questions.items()]
        return list(ask(iter([request.SerializeToString() for request in requests]), timeout=60))


@pytest.mark.parametrize(("service", "schema"), VERSIONS)
def test_services_files_and_symbols_are_found(service: str, schema: Any) -> None:
    assert kv.DESCRIPTOR.name in pool.SERIALIZED
    methods = reflection_methods(lambda: ["etcdserverpb.KV"], lambda: pool.SERIALIZED)
    with Serving(methods) as serving:
        listed, by_symbol, by_name, unknown = _ask(
            serving.endpoint,
            service,
            schema,
            list_services="",
            file_containing_symbol="etcdserverpb.RangeRequest",
            file_by_filename=kv.DESCRIPTOR.name,
            all_extension_numbers_of_type="no.such.Message",
        )
        names = [entry.name for entry in listed.list_services_response.service]
        assert names == ["etcdserverpb.KV", *SERVICES]
        files = [
            FileDescriptorProto.FromString(file) for file in by_symbol.file_descriptor_response.file_descriptor_proto
        ]
        assert files[0].name == kv.DESCRIPTOR.name
        assert {name for file in files for name in file.dependency} <= {file.name for file in files}
        again = [
            FileDescriptorProto.FromString(file) for file in by_name.file_descriptor_response.file_descriptor_proto
        ]
        assert [file.name for file in again] == [kv.DESCRIPTOR.name]  # what it imports was sent on this stream already
        assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


@pytest.mark.parametrize(("service", "schema"), VERSIONS)
def test_a_method_leads_to_the_file_of_its_service(service: str, schema: Any) -> None:
    with Serving(reflection_methods(list, lambda: pool.SERIALIZED)) as serving:
        symbol = f"{service}.ServerReflectionInfo"
        (answer,) = _ask(serving.endpoint, service, schema, file_containing_symbol=symbol)
        (file,) = answer.file_descriptor_response.file_descriptor_proto
        assert FileDescriptorProto.FromString(file).name == schema.DESCRIPTOR.name
