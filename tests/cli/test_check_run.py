# SPDX-License-Identifier: Apache-2.0
"""``tricord check run``: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tricord.check import models
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History
from tricord.cli.check_run import NAMES
from tricord.cli.main import app

SECOND = 1_000_000_000


def put(client: int, value: str, at: int) -> dict[str, Any]:
    times = {"call_ns": at * SECOND, "return_ns": at * SECOND + 5}
    return {"client": client, "op": "put", "key": "k", "input": value, "output": None, "status": "ok", **times}


def get(client: int, value: str | None, at: int) -> dict[str, Any]:
    return {**put(client, "", at), "op": "get", "input": None, "output": value}


GOOD = [put(1, "a", 0), put(1, "b", 1), get(2, "b", 12), get(3, "b", 13)]
BAD = [*GOOD, get(2, "a", 20)]


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["check", "run", *arguments], input=stdin)


def last(result: Result, code: int) -> dict[str, Any]:
    assert result.exit_code == code, result.output
    document: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert result.exit_code == ["holds", "violated", "undecided", "bad-input"].index(document["verdict"])
    return document


def lines(operations: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in operations)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_text(lines(BAD))
    return path


def test_what_holds() -> None:
    result = run("-", "--model", "convergence", stdin=lines(GOOD))
    document = last(result, 0)
    assert (document["model"], document["operations"], document["picture"]) == ("convergence", 4, None)
    assert result.stdout.startswith("holds: convergence (4 operations)\n")


def test_a_violation_is_told_and_drawn(file: Path) -> None:
    result = run(str(file), "--model", "convergence")
    document = last(result, 1)
    assert document["anomaly"] == "older value"
    assert [one["line"] for one in document["counter_example"]] == [1, 2, 5]
    assert '  #4  client 2: get k -> "a" (20 s .. 20 s)\n' in result.stdout
    assert document["picture"] == f"{file}.html"
    assert 'id="op-4" class="ok marked"' in Path(document["picture"]).read_text()


def test_the_picture_goes_where_it_is_wanted(file: Path, tmp_path: Path) -> None:
    wanted = tmp_path / "picture.html"
    document = last(run(str(file), "--model", "convergence", "--html", str(wanted), "--json"), 1)
    assert document["picture"] == str(wanted) and wanted.exists() and not Path(f"{file}.html").exists()


def test_a_violation_is_one_without_its_picture(file: Path, tmp_path: Path) -> None:
    result = run(str(file), "--model", "convergence", "--html", str(tmp_path))
    assert last(result, 1)["picture"] is None
    assert "no picture" in result.stderr


def test_no_picture_is_drawn_of_stdin_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert last(run("-", "--model", "convergence", stdin=lines(BAD)), 1)["picture"] is None
    assert not list(tmp_path.iterdir())


def test_no_picture_is_drawn_beside_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(pipe.write_text, lines(BAD))
        assert last(run(str(pipe), "--model", "convergence"), 1)["picture"] is None
        written.result()
    assert list(tmp_path.iterdir()) == [pipe]


AT_ONCE = [put(1, "a", 0), {**get(1, "a", 0), "call_ns": 2}]
SEPARATE = ("sequential", "sessions", "causal")


@pytest.mark.parametrize("model", [model for model in models.MODELS if model != "locks"])
def test_a_client_may_do_several_things_at_once_unless_the_model_goes_by_its_order(model: str) -> None:
    result = run("-", "--model", model, stdin=lines(AT_ONCE))
    assert last(result, 3 if model in SEPARATE else 0)["model"] == model
    assert ("line 2: client 1 calls get at 2 ns" in result.stderr) == (model in SEPARATE)


@pytest.mark.parametrize("model", [model for model in models.MODELS if model != "locks"])
@pytest.mark.parametrize("bad", [False, True])
def test_a_failed_write_without_a_return_is_one(model: str, bad: bool) -> None:
    history = [{**put(1, "a", 0), "status": "fail", "return_ns": None}, get(2, "a" if bad else None, 20)]
    last(run("-", "--model", model, stdin=lines(history)), 1 if bad and model != "watch" else 0)


def test_a_checker_that_fails_has_decided_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(history: History, limits: Limits) -> Finding:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(models, "check_of", lambda model: check)
    result = run(str(file), "--model", "convergence")
    assert last(result, 2)["reason"] == "the checker itself failed: ZeroDivisionError: of all things"
    assert "Traceback" in result.stderr


def test_the_help_names_the_models() -> None:
    assert tuple(models.MODELS) == NAMES


def test_the_bound_is_given_in_seconds(file: Path) -> None:
    last(run(str(file), "--model", "convergence", "--bound", "19"), 0)


def test_only_the_last_line_is_printed_for_programs(file: Path) -> None:
    assert len(run(str(file), "--model", "convergence", "--json").stdout.splitlines()) == 1


def test_an_empty_history_holds_and_it_is_said() -> None:
    result = run("-", "--model", "convergence", stdin="")
    assert last(result, 0)["operations"] == 0
    assert "holds no operation" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing"),
        (("-",), "Missing option '--model'"),
        (("-", "--model", "strict"), "there is no model 'strict': choose one of linearizable, "),
        (("-", "--model", "causal", "--level", "best"), "causal has no level 'best': choose one of cc, ccv, cm"),
        (("-", "--model", "locks", "--level", "cc"), "locks has no level 'cc': leave --level out"),
        (("-", "--model", "locks", "--bound", "soon"), "Invalid value"),
        (("-", "--model", "convergence", "--bound", "inf"), "inf is no number to count with"),
        (("-", "--model", "locks", "--timeout", "nan"), "nan is no number to count with"),
        (("-", "--model", "locks", "--quick"), "No such option"),
        (("-", "-", "--model", "locks"), "unexpected extra argument"),
        (("/nowhere/history.jsonl", "--model", "locks"), "/nowhere/history.jsonl: No such file"),
        (("/", "--model", "locks"), "/: Is a directory"),
    ],
)
def test_wrong_usage_is_bad_input(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments, stdin="")
    document = last(result, 3)
    assert words in result.stderr
    assert words in document["reason"]


def test_a_bad_line_is_named(file: Path) -> None:
    file.write_text(lines([*GOOD, {**get(2, "a", 20), "status": "maybe"}]))
    result = run(str(file), "--model", "convergence")
    assert "history.jsonl, line 5: status must be" in last(result, 3)["reason"]
    file.write_text(lines([{**put(1, "a", 3), "op": "enqueue"}]))
    assert "line 1: convergence is about" in last(run(str(file), "--model", "convergence"), 3)["reason"]


def test_limits_reach_the_checker_and_undecided_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(history: History, limits: Limits) -> Finding:
        assert (limits.steps, limits.level, limits.bound_ns, limits.expired()) == (5, "ccv", 10 * SECOND, True)
        return Finding(Verdict.UNDECIDED, "the time was up", statistics={"steps": 5})

    monkeypatch.setattr(models, "check_of", lambda model: check)
    result = run("-", "--model", "causal", "--level", "ccv", "--steps", "5", "--timeout", "0", stdin=lines(GOOD))
    assert last(result, 2)["statistics"] == {"steps": 5}
    assert "undecided: causal\nthe time was up\n" in result.stdout
