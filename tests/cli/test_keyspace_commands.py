# SPDX-License-Identifier: Apache-2.0
"""``tricord keyspace`` and ``--keyspace`` against a member, in keyspaces of each model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import tricord
from tricord.cli.main import app
from tricord.crdt.read_context import encode_read_context
from tricord.values import put

Run = Callable[..., Result]


@pytest.fixture
def run(tricord_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command line; the keyspaces that a test makes are dropped."""
    monkeypatch.setenv("TRICORD_ENDPOINTS", tricord_endpoint)
    made: list[str] = []

    def run(*arguments: str) -> Result:
        if arguments[:2] == ("keyspace", "create"):
            made.append(arguments[2])
        return CliRunner().invoke(app, list(arguments))

    yield run
    for name in made:
        run("keyspace", "drop", name)


def document(result: Result, code: int = 0) -> Any:
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_a_strong_one_is_described(run: Run) -> None:
    made = document(run("keyspace", "create", "cli-strong", "--json"))
    assert document(run("keyspace", "describe", "cli-strong", "--json")) == made
    assert run("keyspace", "describe", "cli-strong").stdout == f"{made['id']}\tcli-strong\tstrong\n"
    refused = run("keyspace", "retire", "cli-strong", "1")
    assert refused.exit_code != 0
    assert "every member holds it" in refused.stderr


@pytest.mark.parametrize("model", ["causal", "eventual"])
def test_values_and_replicas_of_the_other_models(run: Run, model: str) -> None:
    name = f"cli-{model}"
    document(run("keyspace", "create", name, "--model", model, "--json"))
    assert run("put", "--keyspace", name, "a", "1").exit_code == 0
    assert run("get", "--keyspace", name, "a").stdout == "a\t1\n"
    assert run("del", "--keyspace", name, "a").exit_code == 0
    found = document(run("keyspace", "describe", name, "--json"))
    (replica,) = found.pop("replicas")
    here = found.pop("here")
    assert found == {"id": found["id"], "name": name, "model": model, "epoch": 1}
    assert (here["number"], here["open"], here["keys"], here["silent_seconds"]) == (1, True, 0, {})
    assert (replica["number"], replica["kind"]) == (1, "member")
    shown = run("keyspace", "describe", name).stdout.splitlines()
    assert shown[:2] == [f"{found['id']}\t{name}\t{model}", f"1\tmember\t{replica['id']}\t"]
    assert shown[2].startswith(f"1\ttrue\t{here['sequence']}\t0\t")


def test_the_only_replica_is_not_retired(run: Run) -> None:
    document(run("keyspace", "create", "cli-retire", "--model", "causal", "--json"))
    assert run("put", "--keyspace", "cli-retire", "a", "1").exit_code == 0
    refused = run("keyspace", "retire", "cli-retire", "1")
    assert refused.exit_code != 0
    assert "drop the keyspace instead" in refused.stderr


def test_who_reads_one_of_several_concurrent_values_is_told(run: Run, tricord_endpoint: str) -> None:
    run("keyspace", "create", "cli-siblings", "--model", "causal")
    with tricord.connect(tricord_endpoint) as store, store.keyspace("cli-siblings") as carts:
        for value in ("milk", "eggs", "soap"):
            carts.update([put("a", value, seen=encode_read_context({}))])
    shown = run("get", "--keyspace", "cli-siblings", "a")
    assert (shown.exit_code, shown.stdout) == (0, "a\tsoap\n")
    assert "2 more of what was written at the same time" in shown.stderr
    assert document(run("get", "--keyspace", "cli-siblings", "a", "--json"))["siblings"] == 2
    run("put", "--keyspace", "cli-siblings", "a", "all")
    assert run("get", "--keyspace", "cli-siblings", "a").stderr == ""


def test_one_that_is_not_there(run: Run) -> None:
    for arguments in (("describe", "nobody"), ("retire", "nobody", "1"), ("drop", "nobody")):
        missing = run("keyspace", *arguments)
        assert (missing.exit_code, missing.stdout) == (3, "")
        assert "no keyspace is called 'nobody'" in missing.stderr and "tricord keyspace list" in missing.stderr


def test_what_is_misspelt_is_wrong_usage_and_says_what_was_nearly_meant(run: Run) -> None:
    for arguments, meant in (
        (("keyspace", "create", "cli-typo", "--model", "casual"), "causal"),
        (("get", "a", "--level", "Lineariseable"), "linearizable"),
    ):
        refused = run(*arguments)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert f"did you mean {meant}?" in refused.stderr
    assert run("keyspace", "describe", "cli-typo").exit_code == 3


def test_an_empty_name_is_not_the_default_keyspace(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = run("put", "--keyspace", "", "cli-empty", "1")
    assert refused.exit_code == 1 and "1 to 64 of a-z" in refused.stderr
    assert run("get", "cli-empty").exit_code == 3
    monkeypatch.setenv("TRICORD_KEYSPACE", "")  # as good as not set
    assert run("get", "--json", "cli-empty").exit_code == 3
