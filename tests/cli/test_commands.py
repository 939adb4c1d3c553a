# SPDX-License-Identifier: Apache-2.0
"""The commands against a member and against a real etcd: what they print and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.peers.ports import free_port
from tests.peers.processes import EtcdProcess
from tricord.cli.main import app
from tricord.runtime import close_environment, open_environment
from tricord.transport import Server
from tricord.wire.grpc.service import Method
from tricord.wire.http.routes import Routes

Run = Callable[..., Result]


@pytest.fixture(params=["tricord", "etcd"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line against one of the two stores; every key that starts with the test's prefix is gone first."""
    endpoint = request.getfixturevalue(f"{request.param}_endpoint")
    for name in "TRICORD_ENDPOINTS", "TRICORD_TIMEOUT", "TRICORD_CONFIG":
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", endpoint)

    def run(*arguments: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin)

    run("del", "--prefix", "cli/")
    return run


def ok(result: Result, code: int = 0) -> str:
    assert result.exit_code == code, result.output
    if code in (0, 3):
        assert result.stderr == ""
    return result.stdout


def document(result: Result, code: int = 0) -> Any:
    return json.loads(ok(result, code))


def test_what_is_put_is_got(run: Run) -> None:
    revision = int(ok(run("put", "cli/a", "hello world")))
    assert ok(run("get", "cli/a")) == "cli/a\thello world\n"
    assert document(run("get", "cli/a", "--json")) == {
        "revision": revision,
        "count": 1,
        "more": False,
        "kvs": [
            {
                "key": "cli/a",
                "value": "hello world",
                "create_revision": revision,
                "mod_revision": revision,
                "version": 1,
                "lease": 0,
            }
        ],
    }


def test_values_come_from_stdin_and_leave_raw_byte_for_byte(run: Run) -> None:
    value = bytes(range(256))
    ok(run("put", "cli/a", "-", stdin=value))
    result = run("get", "--raw", "cli/a")
    assert (result.exit_code, result.stdout_bytes) == (0, value)
    assert "\\x00\\x01" in ok(run("get", "cli/a"))
    assert "value_base64" in document(run("get", "--json", "cli/a"))["kvs"][0]


def test_put_can_show_what_was_there(run: Run) -> None:
    first = ok(run("put", "cli/a", "1", "--previous"))
    assert first.endswith("\t\n")
    assert ok(run("put", "cli/a", "2", "--previous")).endswith("\t1\n")
    assert document(run("put", "cli/a", "3", "--previous", "--json"))["previous"]["value"] == "2"
    assert ok(run("put", "cli/a", "4", "--previous", "--raw")) == "3"


def test_put_can_keep_the_value(run: Run) -> None:
    ok(run("put", "cli/a", "1"))
    ok(run("put", "cli/a", "--ignore-value"))
    assert document(run("get", "cli/a", "--json"))["kvs"][0]["version"] == 2
    assert run("put", "cli/none", "--ignore-value").exit_code == 1
    assert run("put", "cli/a").exit_code == 2
    assert run("put", "cli/a", "1", "--ignore-value").exit_code == 2


def test_many_keys_in_any_order(run: Run) -> None:
    for key, value in ("cli/a", "3"), ("cli/b", "1"), ("cli/c", "2"):
        ok(run("put", key, value))
    assert ok(run("get", "--prefix", "cli/")) == "cli/a\t3\ncli/b\t1\ncli/c\t2\n"
    assert ok(run("get", "cli/a", "cli/c", "--keys-only")) == "cli/a\ncli/b\n"
    assert ok(run("get", "--prefix", "cli/", "--order", "desc", "--sort-by", "value", "--raw")) == "321"
    assert ok(run("get", "--prefix", "cli/", "--sort-by", "value", "--raw")) == "123"
    assert ok(run("get", "--prefix", "cli/", "--limit", "1")) == "cli/a\t3\n"
    assert ok(run("get", "--prefix", "cli/", "--count-only")) == "3\n"
    assert ok(run("get", "--prefix", "cli/", "--serializable", "--keys-only", "--raw")) == "cli/a\ncli/b\ncli/c\n"
    for level in ("sequential", "any", "bounded:2s", "bounded:3r"):
        assert ok(run("get", "--prefix", "cli/", "--level", level, "--keys-only", "--raw")) == "cli/a\ncli/b\ncli/c\n"
    assert run("get", "cli/a", "--any", "--level", "sequential").exit_code == 2
    refused = run("get", "cli/a", "--level", "weak")
    assert "'weak' is no read level" in refused.stderr
    assert ok(run("get", "--from-key", "cli/c", "--limit", "1")) == "cli/c\t2\n"
    assert document(run("get", "--prefix", "cli/", "--limit", "2", "--json"))["more"] is True


def test_the_past_can_be_read_until_it_is_compacted(run: Run) -> None:
    revision = ok(run("put", "cli/a", "old")).strip()
    newest = ok(run("put", "cli/a", "new")).strip()
    assert ok(run("get", "cli/a", "--revision", revision)) == "cli/a\told\n"
    assert ok(run("compact", newest)) == f"{newest}\n"
    result = run("get", "cli/a", "--rev", revision)
    assert result.exit_code == 1
    assert "has been compacted" in result.stderr
    assert "hint: " in result.stderr
    assert run("compact", "999999999").exit_code == 1


def test_what_is_not_there_ends_with_3(run: Run) -> None:
    assert ok(run("get", "cli/none"), 3) == ""
    assert ok(run("del", "cli/none"), 3) == "0\n"
    assert document(run("get", "cli/none", "--json"), 3)["kvs"] == []
    assert ok(run("get", "--prefix", "cli/none", "--count-only")) == "0\n"


def test_deleting_counts_or_shows(run: Run) -> None:
    for key in "cli/a", "cli/b", "cli/c", "cli/d":
        ok(run("put", key, key.upper()))
    assert ok(run("del", "cli/a")) == "1\n"
    assert ok(run("del", "cli/b", "cli/c", "--previous")) == "cli/b\tCLI/B\n"
    found = document(run("del", "--prefix", "cli/", "--previous", "--json"))
    assert (found["deleted"], [kv["key"] for kv in found["previous"]]) == (2, ["cli/c", "cli/d"])


def test_a_transaction_takes_the_branch_of_its_conditions(run: Run) -> None:
    take = ("txn", "--if", "absent(cli/lock)", "--then", "put cli/lock me", "--else", "get cli/lock")
    assert ok(run(*take)).splitlines()[0].startswith("txn\ttrue\t")
    assert ok(run(*take), 3).splitlines()[1] == "get\tcli/lock\tme"
    assert ok(run(*take, "--raw"), 3) == "me"
    found = document(run(*take, "--json"), 3)
    assert (found["succeeded"], found["results"][0]["operation"]) == (False, "get")


def test_a_transaction_can_be_read_from_stdin(run: Run) -> None:
    text = b'# all at once\nthen put cli/a "1 2"\nthen put cli/b 2 --previous\nthen del cli/c\nthen get cli/ --prefix\n'
    lines = ok(run("txn", stdin=text)).splitlines()
    assert lines[1:] == ["put\tcli/a\t", "put\tcli/b\t", "del\t0\t", "get\tcli/a\t1 2", "get\tcli/b\t2"]


def test_refusals_are_one_sentence(run: Run) -> None:
    for arguments, code, text in (
        (("put", "", "v"), 1, "key is not provided"),
        (("put", "cli/a", "v", "--lease", "0x7b"), 3, "lease not found"),
        (("txn", "--then", "put cli/a 1", "--then", "put cli/a 2"), 1, "duplicate key"),
        (("txn", "--if", "nonsense"), 2, "no condition"),
        (("get", "a", "b", "--prefix"), 2, "exclude each other"),
        (("get", "a", "--json", "--raw"), 2, "exclude each other"),
        (("get", "a", "--timeout", "soon"), 2, "no time above 0"),
        (("get", "a", "--endpoints", "ftp://x"), 2, "scheme"),
        (("get", "a", "--endpoints", "x:y"), 2, "host:port"),
        (("put", "a", "b", "--lease", "x"), 2, "no lease id"),
        (("put", "a", "b", "--lease", f"{1 << 63:#x}"), 2, "fit into 64 bits"),
        (("elect", "a", "b", "--once"), 2, "--once"),
    ):
        result = run(*arguments)
        assert result.exit_code == code, (arguments, result.output)
        assert text in result.stderr, arguments
        assert result.stdout == ""
        assert result.stderr.startswith("tricord: ")
        assert len(result.stderr.splitlines()) == 2


def test_the_member_can_be_looked_at(run: Run) -> None:
    (status,) = document(run("status", "--json"))
    (member,) = document(run("member", "list", "--json"))
    assert (status["id"], status["name"], status["leader"]) == (member["id"], "default", member["id"])
    assert (status["role"], status["lag"], status["is_learner"], status["errors"]) == ("leader", 0, False, [])
    endpoint, name, role, *_ = ok(run("status", "--cluster")).split("\t")
    assert (endpoint, name, role) == (status["endpoint"], "default", "leader")
    assert ok(run("member", "list")).startswith(member["id"])
    assert ok(run("member", "list", "--any")) == ok(run("member", "list"))


def test_an_endpoint_that_does_not_answer_is_a_row_and_a_code(run: Run) -> None:
    (status,) = document(run("status", "--json"))
    nowhere = f"127.0.0.1:{free_port()}"
    both = run("status", "--endpoints", f"{nowhere},{status['endpoint']}")
    assert both.exit_code == 4
    down, up = both.stdout.splitlines()
    assert down.startswith(f"{nowhere}\t\tdown\t") and down.endswith(f"{nowhere}: connection refused")
    assert up.startswith(status["endpoint"])


def test_a_lone_member_refuses_to_lose_itself(run: Run) -> None:
    (member,) = document(run("member", "list", "--json"))
    assert ok(run("move-leader", "default")) == f"{member['id']}\tdefault\n"
    for arguments, text in (
        (("member", "promote", "default"), "can only promote a learner member"),
        (("member", "remove", "nobody"), "no member is called 'nobody'; there are default"),
        (("member", "update", member["id"], "--peer", "x"), "given member URLs are invalid: http://x; write HOST:PORT"),
        (("member", "add", "default", "--peer", "127.0.0.1:1"), "there is a member called 'default' already"),
        (("member", "replace", "default", "n2", "--peer", "127.0.0.1:1"), "a cluster of 1 survives no failure"),
        (("member", "replace", "x", "n2", "--peer", "127.0.0.1:1"), "no member is called 'x'; there are default"),
        (("move-leader",), "no other voter answers that could lead"),
    ):
        refused = run(*arguments)
        assert (refused.exit_code, refused.stdout) == (1, ""), refused.output
        assert refused.stderr.startswith(f"tricord: {text}"), refused.stderr


def test_a_plan_shows_its_steps_and_changes_nothing(run: Run) -> None:
    before = ok(run("member", "list"))
    shown = run("member", "replace", "default", "n2", "--peer", "127.0.0.1:1", "--plan")
    assert shown.exit_code == 1
    assert shown.stdout.startswith("1\tadd n2 as a learner, and wait until it has caught up\tdefault\t0\n")
    assert "a cluster of 1 survives no failure: add another member" in shown.stderr
    assert ok(run("member", "list")) == before


def test_members_come_by_way_of_learners_and_go(fresh_etcd: EtcdProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRICORD_ENDPOINTS", fresh_etcd.endpoint)

    def run(*arguments: str) -> str:
        return ok(CliRunner().invoke(app, ["member", *arguments]))

    (first,) = json.loads(run("list", "--json"))
    added = json.loads(run("add", "n2", "--peer", "127.0.0.1:9", "--learner", "--json"))
    peer = first["peer_urls"][0].removeprefix("http://")
    assert added["command"] == (
        "tricord serve --name n2 --data-dir n2-data --listen 127.0.0.1:9"
        f" --initial-cluster default={peer},n2=127.0.0.1:9 --initial-cluster-state existing"
    )
    assert (added["name"], added["is_learner"], added["peer_urls"]) == ("n2", True, ["http://127.0.0.1:9"])
    behind = CliRunner().invoke(app, ["member", "promote", added["id"]])
    assert (behind.exit_code, behind.stderr.splitlines()[0]) == (
        1,
        "tricord: can only promote a learner member which is in sync with leader",
    )
    updated = run("update", added["id"], "--peer", "127.0.0.1:8")
    assert f"{added['id']}\t\t" in updated and "\thttp://127.0.0.1:8\t\n" in updated  # etcd 3.5 forgets the learner
    assert run("remove", added["id"]).split("\t")[0] == first["id"]


def test_an_absent_member_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("TRICORD_ENDPOINTS", endpoint)
    result = CliRunner().invoke(app, ["put", "a", "b", "--timeout", "300ms"])
    assert (result.exit_code, result.stdout) == (4, "")
    assert endpoint in result.stderr


def test_the_nearest_endpoint_wins(monkeypatch: pytest.MonkeyPatch, etcd_endpoint: str) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("TRICORD_ENDPOINTS", nowhere)
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", etcd_endpoint)
    monkeypatch.setenv("TRICORD_TIMEOUT", "30")
    assert CliRunner().invoke(app, ["status"]).exit_code == 4
    assert CliRunner().invoke(app, ["--endpoints", etcd_endpoint, "status"]).exit_code == 0
    assert CliRunner().invoke(app, ["--endpoints", nowhere, "status", "--endpoints", etcd_endpoint]).exit_code == 0


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """A server that takes every call and never answers."""
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop, environment = asyncio.Event(), open_environment()
        methods = [Method(f"/etcdserverpb.KV/{name}", lambda message, call: None) for name in ("Put", "Range")]
        server = Server(environment, methods, Routes())
        host, port = (await server.listen("127.0.0.1", 0)).addresses()[0]
        started.set_result((f"{host}:{port}", asyncio.get_running_loop(), stop))
        await stop.wait()
        server.abort()
        close_environment(environment)

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    endpoint, loop, stop = started.result(60)
    yield endpoint
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)


def test_a_write_without_an_answer_is_unknown_and_a_read_is_late(silent_endpoint: str) -> None:
    asked = ("--endpoints", silent_endpoint, "--timeout")
    written = CliRunner().invoke(app, ["put", "a", "b", *asked, "3s"])  # so long that it leaves before
    assert (written.exit_code, written.stdout) == (5, "")
    assert "may or may not have happened" in written.stderr
    read = CliRunner().invoke(app, ["get", "a", *asked, "200ms"])
    assert (read.exit_code, read.stdout) == (4, "")
    assert "deadline exceeded" in read.stderr
