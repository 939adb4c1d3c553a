# SPDX-License-Identifier: Apache-2.0
"""The runner tells what a test names from what nothing names, and leaves the tree as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import run
from tests.mutants.patches import Patch, read, read_all
from tests.mutants.run import Verdict

BUG = """\
# a licence
Mutant: two and two
  make five
Breaks: sums
Named by: test_sum
Command: pytest tests/arithmetic -k 'sum or total'

--- a/src/sums.py
+++ b/src/sums.py
@@ -1,2 +1,2 @@
 def total() -> int:
-    return 2 + 2
+    return 5
"""
HARMLESS = BUG.replace("Mutant:", "Control:").replace("Breaks:", "Allowed:").replace("Named by: test_sum\n", "")
SOURCE = "def total() -> int:\n    return 2 + 2\n"
TEST = "from sums import total\n\ndef test_sum():\n    assert total() == 4\n"


def written(directory: Path, text: str, name: str = "01-sums") -> Patch:
    path = directory / f"{name}.patch"
    path.write_text(text)
    return read(path)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project in place of this one."""
    for name, text in (
        ("src/sums.py", "def total() -> int:\n    return 2 + 2\n"),
        ("tests/arithmetic/test_sum.py", TEST),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "COPIED", ("src", "tests"))
    return tmp_path


def test_a_header_says_what_the_bug_is_and_who_names_it(tmp_path: Path) -> None:
    patch = written(tmp_path, BUG)
    assert patch.about["Mutant"] == "two and two make five"
    assert (patch.name, patch.is_control, patch.seconds) == ("01-sums", False, 120)
    assert (patch.paths, patch.expression) == (["tests/arithmetic"], "sum or total")


@pytest.mark.parametrize("missing", ["Breaks: sums\n", "Named by: test_sum\n", " -k 'sum or total'", "\n--- a/"])
def test_a_header_that_lacks_something_is_refused(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ValueError, match=r"01-sums\.patch"):
        written(tmp_path, BUG.replace(missing, ""))


def test_patches_are_chosen_by_the_beginnings_of_their_names(tmp_path: Path) -> None:
    for name in ("01-sums", "02-sums", "control-sums"):
        written(tmp_path, BUG, name)
    assert [patch.name for patch in read_all(["02", "control"], tmp_path)] == ["02-sums", "control-sums"]
    with pytest.raises(ValueError, match="begins with 03"):
        read_all(["03"], tmp_path)


def test_a_mutant_that_a_test_names_is_killed_and_the_tree_stays_as_it_is(tree: Path) -> None:
    result = run.attempt(written(tree, BUG))
    assert (result.verdict, result.reason) == (Verdict.KILLED, "tests/arithmetic/test_sum.py::test_sum")
    assert "2 + 2" in (tree / "src" / "sums.py").read_text()


@pytest.mark.parametrize(
    ("code", "mutant", "control"),
    [
        (0, Verdict.SURVIVED, Verdict.UNFLAGGED),
        (1, Verdict.KILLED, Verdict.FLAGGED),
        (-1, Verdict.SURVIVED, Verdict.FLAGGED),
    ],
)
def test_without_a_verdict_of_the_tests_a_patch_fails(
    tree: Path, monkeypatch: pytest.MonkeyPatch, code: int, mutant: Verdict, control: Verdict
) -> None:
    monkeypatch.setattr(run, "run_tests", lambda *_: run.Tested(code, "", 0, 0))
    assert run.attempt(written(tree, BUG)).verdict is mutant
    assert run.attempt(written(tree, HARMLESS)).verdict is control


HUNTED = BUG.replace("Command:", "Net: fine\nChecker: addition, sums\nSeed: 17\nCommand:")


def test_a_header_may_say_who_names_it_in_a_simulation(tmp_path: Path) -> None:
    patch = written(tmp_path, HUNTED)
    assert (patch.net, patch.checkers, patch.seed) == ("fine", ["addition", "sums"], 17)
    with pytest.raises(ValueError, match="of no net"):
        written(tmp_path, HUNTED.replace("Net: fine\n", ""))


def test_the_seed_that_found_it_is_written_into_its_header(tmp_path: Path) -> None:
    patch = written(tmp_path, HUNTED)
    patch.record(3)
    assert patch.path.read_text() == HUNTED.replace("Seed: 17\n", "Seed: 3\n")
    fresh = written(tmp_path, HUNTED.replace("Seed: 17\n", ""))
    fresh.record(17)
    assert fresh.path.read_text() == HUNTED and read(fresh.path).seed == 17


@pytest.mark.parametrize(
    ("checkers", "named", "mutant", "control"),
    [
        (["sums"], "sums", Verdict.KILLED, Verdict.FLAGGED),
        (["other", "sums"], "sums", Verdict.KILLED, Verdict.FLAGGED),
        (["other"], "other", Verdict.SURVIVED, Verdict.FLAGGED),
        ([], "", Verdict.SURVIVED, Verdict.UNFLAGGED),
    ],
)
def test_a_simulated_mutant_is_killed_by_the_checker_that_is_meant_to_name_it(
    tree: Path, checkers: list[str], named: str, mutant: Verdict, control: Verdict
) -> None:
    hunter = tree / "tests" / "mutants"
    hunter.mkdir()
    said = {"seeds": 3, "seconds": 1.5, "seed": 2, "checkers": checkers, "words": "2 + 2 is 5"}
    (hunter / "hunt.py").write_text(f"import json\nprint(json.dumps({said}))\n")
    result = run.attempt(written(tree, HUNTED))
    assert result.hunted is not None
    assert (result.hunted.checker, result.verdict) == (named, mutant)
    harmless = HARMLESS.replace("Command:", "Net: fine\nCommand:").replace("return 5", "return 4")
    assert run.attempt(written(tree, harmless)).verdict is control


def test_a_simulation_that_breaks_off_names_nothing_and_lets_nothing_go(tree: Path) -> None:
    result = run.attempt(written(tree, HUNTED))
    assert (result.verdict, str(result.hunted).partition(": ")[2][:9]) == (Verdict.SURVIVED, "exception")
    harmless = HARMLESS.replace("Command:", "Net: fine\nCommand:").replace("return 5", "return 4")
    assert run.attempt(written(tree, harmless)).verdict is Verdict.FLAGGED


def test_a_patch_that_does_not_apply_is_told(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patch = written(tree, BUG.replace("2 + 2", "3 + 1"))
    assert run.check([patch]) == 1
    assert "01-sums does not apply" in capsys.readouterr().err
    assert run.attempt(patch).verdict is Verdict.SURVIVED
