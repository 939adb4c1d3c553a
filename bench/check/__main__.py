# SPDX-License-Identifier: Apache-2.0
"""Checkers on generated histories; linearizability beside Porcupine (Go) on the same files.

Each row is a file: so many operations by so many clients over so many keys, correct or with a planted bug, with writes
that are all different (unique) or of ten values (repeated). Seconds are those of checking; parsing is shown apart. The
verdicts are compared wherever both decide: where they differ this ends with exit code 1. Each checker runs in a process
of its own, one after the other; the memory is that process's peak, the history included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bench.check.causal_histories import causal_history, swapped
from bench.check.histories import BUGS, Shape, history
from tricord.check.history import Operation

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = {10_000: 10, 100_000: 25, 1_000_000: 50}
KEYS = (1, 100, 10_000)
MEMORY_BYTES = 12 << 30
"""Who needs more address space than that ends, undecided: Porcupine takes 8 GiB in a minute."""
SESSIONS = 1_000_000
"""Operations for causal consistency and the session guarantees, in 50 sessions over 1,000 keys."""


def shapes(sizes: list[int], bugs: list[str]) -> Iterator[Shape]:
    """The rows beside Porcupine."""
    for size in sizes:
        for keys in KEYS:
            if keys * 10 > size:
                continue
            for unique in (True, False):
                shape = Shape(size, CLIENTS.get(size, 50), keys, unique)
                yield shape
                yield from (replace(shape, bug=bug) for bug in bugs)
            for mix in ("deletes", "cas"):
                yield replace(shape, unique=True, mix=mix)
                yield replace(shape, unique=True, mix=mix, bug="applied-twice")
        yield Shape(size, CLIENTS.get(size, 50), max(size // 50, 10), mix="append")
        yield Shape(size, CLIENTS.get(size, 50), max(size // 50, 10), mix="append", bug="applied-twice")


def write(operations: list[Operation], path: Path) -> Path:
    """The history as a file."""
    with path.open("wb") as stream:
        for one in operations:
            stream.write(msgspec.json.encode(msgspec.structs.asdict(one)) + b"\n")
    return path


def bound_memory() -> None:
    """In the process of a checker, before it begins."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def answer_of(command: list[str], seconds: float) -> dict[str, Any]:
    """What a checker said; ``undecided`` where it was killed, for its memory or because it never ended."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, check=False, timeout=seconds * 2 + 120, preexec_fn=bound_memory
        )
    except subprocess.TimeoutExpired:
        return {"verdict": "undecided", "parse_seconds": 0.0, "check_seconds": seconds, "peak_kib": 0}
    if done.returncode:
        return {"verdict": "undecided", "parse_seconds": 0.0, "check_seconds": seconds, "peak_kib": 0}
    return dict(json.loads(done.stdout))


def ours(path: Path, model: str, seconds: float) -> dict[str, Any]:
    """tricord's verdict."""
    return answer_of([sys.executable, "-m", "bench.check.one", str(path), model, str(seconds)], seconds)


def build_porcupine(folder: Path) -> Path | None:
    """The Go program; None without Go."""
    if shutil.which("go") is None:
        print("no Go on the path: Porcupine is left out\n")
        return None
    binary = folder / "porcupine"
    subprocess.run(["go", "build", "-o", str(binary), "."], cwd=ROOT / "bench" / "check" / "porcupine", check=True)
    return binary


def told(answer: dict[str, Any]) -> str:
    """Verdict, seconds of checking, of parsing, memory."""
    memory = f"{answer['peak_kib'] / 1024:.0f} MiB"
    return f"{answer['verdict']:>10}{answer['check_seconds']:9.3f}{answer['parse_seconds']:8.2f}{memory:>11}"


def beside(shape: Shape, folder: Path, binary: Path | None, seconds: float) -> tuple[bool, float | None]:
    """One row. Whether the verdicts agree, and how many times longer we take where both decide."""
    path = write(history(shape), folder / f"{shape.name}.jsonl")
    mine = ours(path, "linearizable", seconds)
    columns = f"{shape.name:52}{told(mine)}"
    ratio = None
    agree = True
    if binary is not None:
        theirs = answer_of([str(binary), str(path), str(seconds)], seconds)
        decided = "undecided" not in (mine["verdict"], theirs["verdict"])
        agree = not decided or mine["verdict"] == theirs["verdict"]
        ratio = mine["check_seconds"] / max(theirs["check_seconds"], 1e-6) if decided else None
        columns += f"{told(theirs)}{'' if ratio is None else f'{ratio:8.2f} x'}{'' if agree else '  DIFFERS'}"
    print(columns, flush=True)
    path.unlink()
    return agree, ratio


def session_models(folder: Path, seconds: float) -> None:
    """Session guarantees and causal consistency: right, and with one read turned back."""
    for name, made in (("correct", causal_history(SESSIONS)), ("read-turned-back", swapped(causal_history(SESSIONS)))):
        path = write(made.operations, folder / f"sessions-{SESSIONS}-50-1000-{name}.jsonl")
        for model in ("sessions", "causal"):
            print(f"{f'{model}: {path.stem}':52}{told(ours(path, model, seconds))}", flush=True)
        path.unlink()


def main() -> int:
    """Parse the flags, run the rows, sum up."""
    parser = argparse.ArgumentParser(prog="python -m bench.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10,000 operations, Porcupine stopped after 5 s: minutes")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(CLIENTS), help="operations of the histories")
    parser.add_argument("--bugs", nargs="*", choices=list(BUGS), default=list(BUGS))
    parser.add_argument("--seconds", type=float, default=60.0, help="when a checker gives up on a history")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.seconds = [10_000], min(options.seconds, 5.0)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; each checker at most {options.seconds:g} s\n")
    heads = f"{'verdict':>10}{'check s':>9}{'parse s':>8}{'peak':>11}"
    print(f"{'history':52}{heads}{heads}{'ratio':>10}\n{'':52}{'tricord':>38}{'Porcupine':>38}")
    with tempfile.TemporaryDirectory(prefix="tricord-bench-") as name:
        folder = Path(name)
        binary = build_porcupine(folder)
        rows = [(one, *beside(one, folder, binary, options.seconds)) for one in shapes(options.sizes, options.bugs)]
        if max(options.sizes) >= SESSIONS:
            session_models(folder, 300.0)
    for label, unique in (("unique", True), ("repeated", False)):
        ratios = [ratio for shape, _, ratio in rows if ratio is not None and shape.unique is unique]
        if ratios:
            print(f"{label} values: {statistics.median(ratios):.2f} x Porcupine's seconds, at most {max(ratios):.2f} x")
    differing = [shape.name for shape, agree, _ in rows if not agree]
    print(f"{len(rows)} histories, {len(differing)} with different verdicts {' '.join(differing)}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
