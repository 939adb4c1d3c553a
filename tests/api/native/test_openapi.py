# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document speaks of each endpoint that there is, and of nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.api.etcd.scripted_engine import ScriptedEngine
from tests.api.native.schemas import DOCUMENT, faults, resolved
from tricord.api.native.http import Endpoint, endpoints
from tricord.api.native.openapi import document_text

ENDPOINTS = endpoints(ScriptedEngine(), "1.2.3")


def operations() -> Iterator[tuple[str, str, Any]]:
    for path, found in DOCUMENT["paths"].items():
        for method, operation in found.items():
            yield method.upper(), path, operation


def test_each_endpoint_has_its_operation() -> None:
    served = {(each.method, each.path, each.operation) for each in ENDPOINTS}
    assert {(method, path, operation["operationId"]) for method, path, operation in operations()} == served
    assert len({each.operation for each in ENDPOINTS}) == len(ENDPOINTS)


def named(endpoint: Endpoint, place: str) -> set[str]:
    operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    parameters = [resolved(each["$ref"]) for each in operation["parameters"]]
    return {each["name"] for each in parameters if each["in"] == place}


def test_parameters_are_those_that_are_read() -> None:
    for endpoint in ENDPOINTS:
        assert named(endpoint, "query") == endpoint.parameters
        assert named(endpoint, "path") == {part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            if name == "$ref":
                yield one
            else:
                yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_references_lead_somewhere_and_nothing_is_left_over() -> None:
    found = set(references(DOCUMENT))
    for reference in found:
        assert isinstance(resolved(reference), dict)
    for kind, names in DOCUMENT["components"].items():
        assert {f"#/components/{kind}/{name}" for name in names} <= found


def test_the_document_is_json_and_its_schemas_can_tell() -> None:
    assert json.loads(document_text("1.2.3")) == DOCUMENT
    schema = {"$ref": "#/components/schemas/Change"}
    assert faults(schema, {"add": 1}) == []
    for wrong in ({}, {"add": "1"}, {"add": 2**63}, {"psychic": 1}, {"add": 1, "put": "a"}, 7):
        assert faults(schema, wrong) != []
    assert faults({"$ref": "#/components/schemas/Bytes"}, {"base64": 7}) != []
