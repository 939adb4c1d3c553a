# SPDX-License-Identifier: Apache-2.0
"""Show that the tests name each known bug: ``python -m tests.mutants.run [--check] [NAME ...]``.

The tree is copied, one patch is applied to the copy, and the tests that its header names run there. A mutant is killed
when a test fails; it survives when all pass, when none ran, or when time is up. A control is flagged when a test fails.
Before that, all those tests must pass on the tree as it is. ``--check`` only looks whether each patch applies.

A patch that names a net is also simulated, one seed after the other (``hunt.py``), until a checker says something: for
a mutant the one that is meant to, before time is up; for a control none. A mutant that hides for longer is given the
seed that its header records at the end. ``--record`` writes the seed that did it into the header.

A NAME is the beginning of a file's name: ``01``, or ``control``. Exit code 1: a mutant survived, a control was flagged,
or a patch does not apply.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path

from tests.mutants.patches import ROOT, Patch, read_all

PENDING = {
    "13-snapshot-without-users": "there are no users and client sessions yet that it could lack",
    "16-retry-in-a-session-applied-twice": "there are no client sessions yet",
}
"""Known bugs, by the beginnings of their names, that are told outside of the counts while no patch has such a name:
their parts are not there yet."""

COPIED = ("src", "tests", "examples", "pyproject.toml")
PASSED, FAILED = 0, 1
HUNT_SECONDS = 120
"""With all in vain, about 65 hunts in two processes would take an hour."""


class Verdict(Enum):
    """What became of a patch."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    UNFLAGGED = "unflagged"
    FLAGGED = "FLAGGED"


@dataclass(frozen=True, slots=True)
class Result:
    """A verdict, what the tests said in how many seconds, and what the simulation said."""

    patch: Patch
    verdict: Verdict
    reason: str
    seconds: float
    hunted: Hunted | None = None

    def __str__(self) -> str:
        simulated = f"{self.hunted}; " if self.hunted else ""
        tested = f"{self.reason or 'no test'} in {self.seconds:.1f} s"
        return f"{self.verdict.value:<10} {self.patch.name:<48} {simulated}{tested}"


@dataclass(frozen=True, slots=True)
class Hunted:
    """What the simulation of one seed after the other came to."""

    seeds: int
    seconds: float
    seed: int
    checker: str
    """Empty: nobody said anything."""
    intended: bool
    words: str = ""
    is_recorded: bool = False
    """The seeds from the first on, for so long, had come to nothing; the one that the patch's header names did it."""

    def __str__(self) -> str:
        if not self.checker:
            return f"not found in {self.seeds} seeds, {self.seconds:.1f} s"
        other = "" if self.intended else " (another was meant to)"
        recorded = "recorded " if self.is_recorded else ""
        return f"{self.seeds} seeds, {self.seconds:.1f} s: {self.checker}{other} by {recorded}seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Tested:
    """What pytest said: its exit code (-1: no verdict), the test that failed and why, and how many passed before."""

    code: int
    reason: str
    passed: int
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.run", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="beginnings of patches' names (default: all)")
    parser.add_argument("--check", action="store_true", help="only look whether each patch applies")
    parser.add_argument("--hunt", type=int, default=HUNT_SECONDS, help="seconds of simulation for each (default: 120)")
    parser.add_argument("--record", action="store_true", help="write the seeds that found them into the patches")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="patches at a time (default: processors)")
    options = parser.parse_args(arguments)
    try:
        patches = read_all(options.names)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if options.check:
        return check(patches)
    return run(patches, options.jobs, options.hunt, record=options.record)


def check(patches: Sequence[Patch]) -> int:
    """Whether each patch applies to the tree as it is, and its tests are there."""
    failures = {patch.name: wrong for patch in patches if (wrong := patch.apply(ROOT, check=True) or lacking(patch))}
    for name, wrong in failures.items():
        print(f"{name} does not apply: {wrong}", file=sys.stderr)
    print(f"{len(patches) - len(failures)} of {len(patches)} mutants and controls apply")
    return bool(failures)


def lacking(patch: Patch) -> str:
    """Which of the patch's tests are gone, or nothing."""
    return ", ".join(f"{path} is not there" for path in patch.paths if not (ROOT / path.partition("::")[0]).exists())


def run(patches: Sequence[Patch], jobs: int, hunt_seconds: int, *, record: bool = False) -> int:
    """Try each patch; say what became of it."""
    before = untouched([patch for patch in patches if not patch.is_control])
    if before is not None and before.code != PASSED:
        print(f"tests fail without any patch: {before.reason}", file=sys.stderr)
        return 2
    verdicts = []
    hunts: list[Hunted] = []
    with ThreadPoolExecutor(jobs) as pool:
        for result in pool.map(partial(attempt, hunt_seconds=hunt_seconds), patches):
            print(result, flush=True)
            verdicts.append(result.verdict)
            if result.hunted is not None and not result.patch.is_control:
                hunts.append(result.hunted)
                if record and result.hunted.intended:
                    result.patch.record(result.hunted.seed)
    known = [patch.name for patch in read_all([])]
    for name, about in PENDING.items():
        if not any(one.startswith(name) for one in known):
            print(f"{'pending':<10} {name:<48} {about}")
    if hunts:
        print(summary(hunts))
    survived, flagged = verdicts.count(Verdict.SURVIVED), verdicts.count(Verdict.FLAGGED)
    print(f"{verdicts.count(Verdict.KILLED)} killed, {survived} survived, {flagged} controls flagged")
    return bool(survived or flagged)


def untouched(mutants: Sequence[Patch]) -> Tested | None:
    """The tests that are to kill these, on a copy without any patch: what fails there names nothing."""
    if not mutants:
        return None
    paths = {path for mutant in mutants for path in mutant.paths}
    names = " or ".join(sorted({f"({mutant.expression})" for mutant in mutants}))
    with copied_tree() as tree:
        return run_tests([*sorted(paths), "-k", names], tree, sum(mutant.seconds for mutant in mutants))


def summary(hunts: Sequence[Hunted]) -> str:
    """How soon the simulation found them."""
    found = [one for one in hunts if one.checker]
    seeds, seconds = ([getattr(one, name) for one in found] or [0] for name in ("seeds", "seconds"))
    return (
        f"simulation: {len(found)} of {len(hunts)} found, {sum(one.intended for one in found)} by the checker that was "
        f"meant to; median {statistics.median(seeds):g} seeds, {statistics.median(seconds):.1f} s"
    )


def attempt(patch: Patch, *, hunt_seconds: int = HUNT_SECONDS) -> Result:
    """The patch's tests on a copy with it, and its simulation."""
    hunted = None
    with copied_tree() as tree:
        wrong = patch.apply(tree)
        tested = Tested(-1, wrong, 0, 0) if wrong else run_tests(patch.arguments, tree, patch.seconds)
        if patch.net and not wrong:
            hunted = hunt(patch, tree, hunt_seconds)
            if not hunted.checker and patch.seed is not None:
                known = hunt(patch, tree, hunt_seconds, first=patch.seed, seeds=1)
                seeds, seconds = hunted.seeds + known.seeds, hunted.seconds + known.seconds
                hunted = replace(known, seeds=seeds, seconds=seconds, is_recorded=True)
    # Nothing but a test that fails and a checker name a bug; nothing but tests that pass and silence let a control go.
    if patch.is_control:
        silent = tested.code == PASSED and not (hunted and hunted.checker)
        verdict = Verdict.UNFLAGGED if silent else Verdict.FLAGGED
    else:
        named = tested.code == FAILED and (hunted is None or hunted.intended)
        verdict = Verdict.KILLED if named else Verdict.SURVIVED
    return Result(patch, verdict, tested.reason.partition(" - ")[0], tested.seconds, hunted)


def hunt(patch: Patch, tree: Path, seconds: int, first: int = 0, seeds: int = 0) -> Hunted:
    """Simulate seeds on the tree until somebody says something, or so many seconds (or seeds) are over."""
    command = [sys.executable, "-m", "tests.mutants.hunt", f"--net={patch.net}", f"--seconds={seconds}"]
    command += [f"--from={first}", f"--seeds={seeds}"]
    environment = {**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=10 * seconds + 60, check=False
        )
        said = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError) as error:
        return Hunted(0, seconds, 0, "exception", False, words=str(error))
    checkers = said["checkers"]
    intended = next((checker for checker in checkers if checker in patch.checkers), "")
    named = intended or next(iter(checkers), "")
    return Hunted(said["seeds"], said["seconds"], said["seed"], named, bool(intended), words=said["words"])


@contextmanager
def copied_tree() -> Iterator[Path]:
    """A copy of what the tests need. The working tree stays as it is."""
    with tempfile.TemporaryDirectory(prefix="tricord-mutant-") as directory:
        tree = Path(directory)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, symlinks=True)
            else:
                shutil.copy2(source, tree / name)
        yield tree


def run_tests(arguments: Sequence[str], tree: Path, seconds_max: int) -> Tested:
    """Run pytest in the tree until the first failure."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *arguments]
    # Wide enough for a test's name and what it has to say.
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "300"}
    begin = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=seconds_max, check=False
        )
    except subprocess.TimeoutExpired:
        return Tested(-1, f"no verdict within {seconds_max} s", 0, seconds_max)
    seconds = time.monotonic() - begin
    lines = done.stdout.splitlines() or done.stderr.splitlines() or [""]
    passed = re.search(r"(\d+) passed", lines[-1])
    failed = next((line.removeprefix("FAILED ") for line in lines if line.startswith("FAILED ")), "")
    code = done.returncode if failed or done.returncode != FAILED else -1
    return Tested(code, failed or lines[-1], int(passed[1]) if passed else 0, seconds)


if __name__ == "__main__":
    sys.exit(main())
