# SPDX-License-Identifier: Apache-2.0
"""``tricord sim`` on a scripted run: what it prints, what it saves, how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sim.scripted_run import NEEDED
from tests.sim.test_shrink import failing_plan
from tricord.cli.main import main
from tricord.sim import nets, search
from tricord.sim.fault_kinds import KINDS
from tricord.sim.nets import run_named
from tricord.sim.outcome import Outcome
from tricord.sim.plan import Plan
from tricord.sim.plan_text import format_plan, parse_plan

SCRIPTED = "tests.sim.scripted_run:run"


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for net in nets.NETS:
        monkeypatch.setitem(nets.NETS, net, SCRIPTED)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tricord(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["tricord", *words])
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def last_line(output: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(output.splitlines()[-1])
    return document


def test_a_seed_that_holds(tricord: Any) -> None:
    code, output, _ = tricord("sim", "run", "--seed", "1", "--seconds", "2", "--members", "3", "--story")
    assert code == 0
    assert output.startswith("fine seed=1 members=3 seconds=2 ")
    assert "0.000 n1 leads\n" in output
    document = last_line(output)
    assert (document["verdict"], document["seed"], document["runs"]) == ("ok", 1, 1)


@pytest.mark.parametrize(
    "words",
    [("run", "--seed", "1", "--seconds", "nan"), ("search", "--minutes", "nan"), ("search", "--shrink-seconds", "inf")],
)
def test_a_time_is_a_number_to_count_with(tricord: Any, words: tuple[str, ...]) -> None:
    code, _, said = tricord("sim", *words)
    assert code == 3 and "is no number to count with" in said


def test_a_plan_that_fails_is_shown_shrunk_and_saved(tricord: Any, tmp_path: Path) -> None:
    plan = failing_plan(4)
    Path("failing.plan").write_text(format_plan(plan))
    code, output, _ = tricord("sim", "run", "--plan", "failing.plan", "--shrink-seconds", "30", "--out", "found")
    assert code == 1
    assert "linearizability: a read of k1 came back old after crash" in output
    assert "replay: tricord sim run --plan found/fine-4/shortest.plan\n" in output
    directory = tmp_path / "found" / "fine-4"
    shortest = parse_plan((directory / "shortest.plan").read_text())
    assert [fault.kind for fault in shortest.faults] == list(NEEDED)
    assert parse_plan((directory / "drawn.plan").read_text()) == plan
    assert json.loads((directory / "history.jsonl").read_text().splitlines()[0])["op"] == "put"
    assert "linearizability" in (directory / "timeline.html").read_text()
    assert "n1 leads" in (directory / "story.txt").read_text()
    document = last_line(output)
    assert document["failures"][0] | {"shrink_runs": 0, "at": 0} == {
        "seed": 4,
        "checker": "linearizability",
        "at": 0,
        "faults": 3,
        "shrink_runs": 0,
        "plan": "found/fine-4/shortest.plan",
    }
    code, output, _ = tricord("sim", "run", "--plan", "found/fine-4/shortest.plan")
    assert code == 1 and last_line(output)["failures"][0]["shrink_runs"] == 0


def test_a_search_stops_at_the_first_failure(tricord: Any) -> None:
    code, output, progress = tricord("sim", "search", "--minutes", "5", "--from", "0", "--shrink-seconds", "30")
    assert code == 1
    document = last_line(output)
    assert document["verdict"] == "failed" and document["runs"] >= 1 and len(document["failures"]) == 1
    assert Path(document["failures"][0]["plan"]).exists()
    failure = document["failures"][0]
    assert f"seed {failure['seed']}: {failure['checker']} at " in progress
    assert "seeds (" in progress and "1 failures" in progress and "never fired:" in progress


def test_a_search_without_time_finds_nothing(tricord: Any) -> None:
    code, output, _ = tricord("sim", "search", "--minutes", "0", "--net", "wide")
    assert code == 0 and last_line(output)["runs"] == 0


def test_a_run_that_does_not_end_is_a_failure(tricord: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(nets.NETS, "fine", "tests.sim.test_watchdog:circles")
    code, output, progress = tricord("sim", "search", "--from", "9", "--run-seconds", "0.05")
    assert code == 1 and "seed 9: real time at 0.000 s\n" in progress
    assert "the run did not end within 0.05 s of real time" in output
    assert "replay: tricord sim run --plan sim-failures/fine-9/shortest.plan --run-seconds 0.05\n" in output
    (failure,) = last_line(output)["failures"]
    assert (failure["seed"], failure["checker"], failure["shrink_runs"]) == (9, "real time", 0)
    code, output, _ = tricord("sim", "run", "--plan", failure["plan"], "--run-seconds", "0.05")
    assert code == 1 and last_line(output)["failures"][0]["checker"] == "real time"


def test_an_interrupt_ends_a_search_as_its_time_does(tricord: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> Iterator[Outcome]:
        yield run_named(SCRIPTED)(Plan("fine", 1))
        raise KeyboardInterrupt

    monkeypatch.setattr(search, "outcomes", interrupted)
    code, output, _ = tricord("sim", "search")
    document = last_line(output)
    assert code == 0 and (document["runs"], len(document["never_fired"])) == (1, len(KINDS))


def test_the_catalogue_is_listed_and_proved(tricord: Any) -> None:
    code, output, _ = tricord("sim", "kinds")
    assert code == 0 and last_line(output) == {"kinds": len(KINDS)}
    assert [line.split("\t")[0] for line in output.splitlines()[:-1]] == list(KINDS)
    code, output, _ = tricord("sim", "kinds", "--net", "wide", "--prove")
    # The scripted run violates a promise where a member is wiped, so that is no proof.
    assert code == 1 and last_line(output)["not_proved"] == ["wide wipe"]
    assert "wide\tcrash\tseed 1\t3 times\tfired\n" in output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run"], "give either --seed or --plan"),
        (["run", "--seed", "1", "--plan", "x"], "give either --seed or --plan"),
        (["run", "--seed", "1", "--net", "deep"], "there is no net 'deep', but fine and wide"),
        (["run", "--plan", "missing.plan"], "missing.plan: No such file or directory"),
        (["run", "--plan", "bad.plan"], "bad.plan: line 1: not a line of a plan: 'hello'"),
        (["run", "--plan", "good.plan", "--members", "3"], "--members and --seconds are for --seed"),
        (["run", "--seed", "x"], "Invalid value for '--seed'"),
        (["search", "--jobs", "0"], "Invalid value for '--jobs'"),
        (["kinds", "--colour"], "No such option: --colour"),
    ],
)
def test_wrong_usage_ends_with_three(tricord: Any, words: list[str], says: str) -> None:
    Path("bad.plan").write_text("hello\n")
    Path("good.plan").write_text(format_plan(Plan("fine", 1)))
    code, _, errors = tricord("sim", *words)
    assert code == 3 and says in errors
