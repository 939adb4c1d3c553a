# SPDX-License-Identifier: Apache-2.0
"""Keyspaces over the wire of a real member: any client of etcd that can send metadata may use them."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

import tricord
from tricord.base.errors import KeyspaceNotFound, Unimplemented


@pytest.fixture
def carts(tricord_endpoint: str) -> str:
    """The name of a keyspace of the member."""
    with tricord.connect(tricord_endpoint) as store:
        if "carts" in [record.name for record in store.keyspaces()]:
            store.drop_keyspace("carts")
        store.create_keyspace("carts")
    return "carts"


def posted(endpoint: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    request = urllib.request.Request(f"http://{endpoint}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_metadata_picks_the_keyspace_of_every_call(tricord_endpoint: str, carts: str) -> None:
    with (
        tricord.connect(tricord_endpoint) as store,
        tricord.connect(tricord_endpoint, metadata={"tricord-keyspace": carts}) as other,
    ):
        store.put("doors", "default")
        with other.lease(60) as lease:
            assert other.put("doors", "carts", lease=lease).revision == 2
            assert other.get("doors", revision=2) == other.get("doors")
            with other.watch("doors", from_revision=2) as watch:
                assert next(iter(watch)).text == "carts"
        assert other.get("doors") is None
        assert other.compact(3).revision == 3
        found = store.get("doors")
        assert found is not None and found.text == "default"


def test_one_that_is_not_there(tricord_endpoint: str) -> None:
    with tricord.connect(tricord_endpoint, metadata={"tricord-keyspace": "nobody"}) as store:
        with pytest.raises(KeyspaceNotFound, match="no keyspace is called 'nobody'"):
            store.get("a")
        with pytest.raises(KeyspaceNotFound), store.watch("a") as watch:
            next(iter(watch))


def test_an_empty_name_is_no_keyspaces(tricord_endpoint: str) -> None:
    with tricord.connect(tricord_endpoint, metadata={"tricord-keyspace": ""}) as store:
        for call in (lambda: store.put("empty-name", "1"), lambda: store.get("empty-name")):
            with pytest.raises(KeyspaceNotFound, match="no keyspace is called ''"):
                call()
    with tricord.connect(tricord_endpoint) as store:
        assert store.get("empty-name") is None


@pytest.mark.parametrize("header", ["tricord-keyspace", "Grpc-Metadata-Tricord-Keyspace"])
def test_the_json_gateway_takes_it_as_a_header(tricord_endpoint: str, carts: str, header: str) -> None:
    key = {"key": "Z2F0ZXdheQ=="}
    put = posted(tricord_endpoint, "/v3/kv/put", {**key, "value": "MQ=="}, {header: carts})
    assert put["header"]["revision"] == "2"
    assert posted(tricord_endpoint, "/v3/kv/range", key, {header: carts})["kvs"][0]["value"] == "MQ=="
    assert "kvs" not in posted(tricord_endpoint, "/v3/kv/range", key, {})


def test_etcd_has_none_and_is_not_written_to_by_mistake(etcd_endpoint: str) -> None:
    with tricord.connect(etcd_endpoint) as store:
        for use in (lambda: store.keyspace("carts"), lambda: store.create_keyspace("carts"), store.keyspaces):
            with pytest.raises(Unimplemented):
                use()
