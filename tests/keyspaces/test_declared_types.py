# SPDX-License-Identifier: Apache-2.0
"""Keyspaces that declare the type of all their keys, at all doors of a real member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

import tricord
from tests.keyspaces.test_native_door import Http
from tricord.base.errors import InvalidRequest, KeyspaceExists, TypeMismatch
from tricord.base.values import DataType
from tricord.cli.main import app
from tricord.values import add, add_element, put, put_last

VISITS, PRESENCE = "typed-visits", "typed-presence"


@pytest.fixture(scope="module")
def http(tricord_endpoint: str) -> Iterator[Http]:
    """A causal keyspace of counters, an eventual one of last-writers."""
    asks = Http(tricord_endpoint)
    made = asks.ask("POST", "/keyspaces", {"name": VISITS, "model": "causal", "type": "counter"})
    assert (made[0], made[1]["type"]) == (201, "counter")
    assert asks.ask("POST", "/keyspaces", {"name": PRESENCE, "model": "eventual", "type": "last-writer"})[0] == 201
    yield asks
    for name in (VISITS, PRESENCE):
        asks.ask("DELETE", f"/keyspaces/{name}")


def test_writes_of_another_type_are_refused_also_to_new_keys(http: Http) -> None:
    at = f"/keyspaces/{VISITS}"
    assert http.ask("GET", at)[1]["type"] == "counter"
    assert http.ask("POST", f"{at}/values/a", {"add": 2})[0] == 200
    bodies: list[dict[str, Any]] = [
        {"put": "v"},
        {"add_element": "v"},
        {"change_field": {"name": "f", "change": {"add": 1}}},
    ]
    for body in bodies:
        status, told = http.ask("POST", f"{at}/values/new", body)
        assert (status, told["code"]) == (409, "type_mismatch") and "of type counter" in told["message"]
    assert http.ask("GET", f"{at}/values/new")[0] == 404
    assert http.ask("DELETE", f"{at}/values/a")[0] == 200
    for wrong, code in (
        ({"name": "typed-none", "model": "causal", "type": "conter"}, "invalid_request"),
        ({"name": "typed-none", "model": "strong", "type": "counter"}, "invalid_request"),
        ({"name": "typed-none", "model": "causal", "type": 3}, "invalid_request"),
        ({"name": VISITS, "model": "causal"}, "keyspace_exists"),
    ):
        assert http.ask("POST", "/keyspaces", wrong)[1]["code"] == code


def test_clients_of_etcd_write_last_writers_where_these_were_chosen(http: Http, tricord_endpoint: str) -> None:
    with tricord.connect(tricord_endpoint, metadata={"tricord-keyspace": PRESENCE}) as etcds:
        etcds.put("who", "here")
        assert http.ask("GET", f"/keyspaces/{PRESENCE}/values/who")[1]["type"] == "last-writer"
        assert etcds.get("who") is not None
    with (
        tricord.connect(tricord_endpoint, metadata={"tricord-keyspace": VISITS}) as etcds,
        pytest.raises(TypeMismatch, match="of type counter"),
    ):
        etcds.put("a", "v")


def test_both_clients_and_the_command_line_choose_and_see_it(http: Http, tricord_endpoint: str) -> None:
    with tricord.connect(tricord_endpoint) as store:
        assert {one.name: one.type for one in store.keyspaces()}[VISITS] is DataType.COUNTER
        with store.keyspace(VISITS, model="causal", type="counter") as visits:
            visits.counter("c").add(3)
            with pytest.raises(TypeMismatch):
                visits.update([add("c", 1), add_element("s", "x")])
            with pytest.raises(TypeMismatch):
                visits.put("r", "v")
        with store.keyspace(PRESENCE, type="last-writer") as presence:
            presence.update([put_last("a", "v")])
            with pytest.raises(TypeMismatch):
                presence.update([put("b", "v")])
        with pytest.raises(KeyspaceExists, match="causal, of type counter"):
            store.keyspace(VISITS, model="causal", type="set").counter("c").get()
        with pytest.raises(InvalidRequest, match="a type is one of"):
            store.keyspace(VISITS, model="causal", type="sett")
        with pytest.raises(InvalidRequest, match="no types"):
            store.create_keyspace("typed-none", type="set")

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["keyspace", *arguments, "--endpoints", tricord_endpoint])
        return done.exit_code, done.output

    code, told = run("create", "typed-tags", "--model", "causal", "--type", "set")
    assert code == 0 and told.endswith("typed-tags\tcausal\tset\n")
    assert f"{PRESENCE}\teventual\tlast-writer\n" in run("list")[1]
    assert '"type": "set"' in run("describe", "typed-tags", "--json")[1]
    assert run("drop", "typed-tags")[0] == 0
    assert run("create", "typed-none", "--model", "causal", "--type", "contr")[0] == 2
    assert "did you mean counter?" in run("create", "typed-none", "--model", "causal", "--type", "contr")[1]
