# SPDX-License-Identifier: Apache-2.0
"""The wire contracts are etcd's: names, numbers and types agree with those that another client was generated from."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import aetcd.rpc.auth_pb2
import aetcd.rpc.kv_pb2
import aetcd.rpc.rpc_pb2
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from tricord.wire.schemas.pool import POOL, SERIALIZED

ROOT = Path(__file__).resolve().parents[3]
MODULES = ["auth", "cluster", "election", "kv", "lease", "lock", "maintenance", "mvcc", "permission", "watch"]
for _name in MODULES:
    importlib.import_module(f"tricord.wire.schemas.{_name}")

THEIRS = [aetcd.rpc.rpc_pb2.DESCRIPTOR, aetcd.rpc.kv_pb2.DESCRIPTOR, aetcd.rpc.auth_pb2.DESCRIPTOR]


def proto(descriptor: Any) -> FileDescriptorProto:
    """The file's definition as data."""
    file = FileDescriptorProto()
    descriptor.CopyToProto(file)
    return file


def shape(message: Any) -> dict[int, tuple[Any, ...]]:
    """Number -> what the wire sees of a field."""
    unions = [union.name for union in message.oneof_decl]
    return {
        field.number: (
            field.name,
            field.type,
            field.label,
            field.type_name,
            unions[field.oneof_index] if field.HasField("oneof_index") else None,
        )
        for field in message.field
    }


def enums(holder: Any) -> dict[str, dict[str, int]]:
    """Name -> its values."""
    return {enum.name: {value.name: value.number for value in enum.value} for enum in holder.enum_type}


def ours() -> dict[str, Any]:
    """Full name -> definition, of every message here."""
    files = [FileDescriptorProto.FromString(serialized) for serialized in SERIALIZED.values()]
    return {f"{file.package}.{message.name}": message for file in files for message in file.message_type}


def their_messages() -> list[tuple[str, Any]]:
    return [(f"{file.package}.{message.name}", message) for file in map(proto, THEIRS) for message in file.message_type]


@pytest.mark.parametrize(("name", "theirs"), their_messages(), ids=[name for name, _ in their_messages()])
def test_every_field_of_the_other_client_is_here_with_its_number_and_type(name: str, theirs: Any) -> None:
    mine = ours()[name]
    here = shape(mine)
    assert {number: here.get(number) for number in shape(theirs)} == shape(theirs)
    for enum, values in enums(theirs).items():
        assert values.items() <= enums(mine)[enum].items()


def test_every_method_of_the_other_client_is_here_with_its_types_and_streams() -> None:
    def methods(files: list[FileDescriptorProto]) -> dict[tuple[str, str], tuple[str, str, bool, bool]]:
        return {
            (service.name, method.name): (
                method.input_type,
                method.output_type,
                method.client_streaming,
                method.server_streaming,
            )
            for file in files
            for service in file.service
            for method in service.method
        }

    here = methods([FileDescriptorProto.FromString(serialized) for serialized in SERIALIZED.values()])
    there = methods([proto(descriptor) for descriptor in THEIRS])
    assert there
    assert {key: here.get(key) for key in there} == there


# What the generated client is too old to know, by the numbers of etcd 3.6 and 3.7.
NEWER = [
    ("etcdserverpb.MemberListRequest", 1, "linearizable"),
    ("etcdserverpb.StatusResponse", 11, "storageVersion"),
    ("etcdserverpb.StatusResponse", 12, "dbSizeQuota"),
    ("etcdserverpb.StatusResponse", 13, "downgradeInfo"),
    ("etcdserverpb.HashKVResponse", 4, "hash_revision"),
    ("etcdserverpb.SnapshotResponse", 4, "version"),
    ("etcdserverpb.AuthStatusResponse", 3, "authRevision"),
    ("etcdserverpb.RangeStreamResponse", 1, "range_response"),
    ("etcdserverpb.Compare", 64, "range_end"),
    ("etcdserverpb.WatchResponse", 11, "events"),
]


@pytest.mark.parametrize(("message", "number", "field"), NEWER)
def test_newer_fields_have_etcds_numbers(message: str, number: int, field: str) -> None:
    assert POOL.FindMessageTypeByName(message).fields_by_number[number].name == field


def test_what_is_committed_is_what_proto_compiles_to() -> None:
    command = [sys.executable, str(ROOT / "proto" / "generate.py"), "--check"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
