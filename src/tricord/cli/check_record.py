# SPDX-License-Identifier: Apache-2.0
"""``tricord check record``: real clients on a live cluster, and what they saw in a file for ``check run``."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tricord.base.errors import TricordError
from tricord.cli.connection import Connection
from tricord.cli.exit_codes import ExitCode
from tricord.cli.usage import finite

if TYPE_CHECKING:
    from tricord.check.recording import Recorder
    from tricord.cli.workloads.run import Run, Worker


class Workload(StrEnum):
    """What the clients do."""

    REGISTER = "register"
    CAS = "cas"
    APPEND = "append"
    TXN = "txn"
    WATCH = "watch"
    LOCKS = "locks"


MODELS = {
    Workload.REGISTER: "linearizable",
    Workload.CAS: "linearizable",
    Workload.APPEND: "linearizable",
    Workload.TXN: "serializable",
    Workload.WATCH: "watch",
    Workload.LOCKS: "locks",
}
"""What to check first."""

CLEARED_SECONDS = 5.0
"""So long the end of a recording waits for its keys to go: the cluster may be broken."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    workload: Workload
    out: str
    clients: int
    keys: int
    seconds: float
    rate: float


def record(
    connection: Connection,
    workload: Annotated[Workload, typer.Option("--workload", help="What the clients do.")] = Workload.REGISTER,
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="Where to write; - is stdout.")] = "history.jsonl",
    clients: Annotated[int, typer.Option(min=1, max=1000, metavar="COUNT", help="Each with its own connection.")] = 5,
    keys: Annotated[int, typer.Option(min=1, metavar="COUNT", help="That they work on.")] = 5,
    seconds: Annotated[float, typer.Option(min=0, metavar="SECONDS", callback=finite, help="How long.")] = 10.0,
    rate: Annotated[
        float,
        typer.Option(
            min=0, metavar="COUNT", callback=finite, help="Operations a second, of all together; 0: no limit."
        ),
    ] = 200.0,
) -> int:
    """Let clients work on a live cluster, tricord or etcd, and write down what they saw, an operation a line.

    Break the cluster meanwhile: that is what it is for. The keys have a prefix of their own, and are deleted at the
    end. Ctrl-C ends the recording early; each line is written at once. Then `tricord check run` judges the file.

    \b
    Examples:
      tricord check record --seconds 60 --out history.jsonl
      tricord check record --workload locks --endpoints 127.0.0.1:2379,127.0.0.1:22379
    """
    from tricord.check.recording import Recorder

    wish = Wish(workload, out, clients, keys, seconds, rate)
    if out == "-":
        return _recorded(connection, Recorder(_to_stdout, time.monotonic_ns), wish)
    with open(out, "wb", buffering=0) as file:
        return _recorded(connection, Recorder(file.write, time.monotonic_ns), wish)


def _to_stdout(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _recorded(connection: Connection, recorder: Recorder, wish: Wish) -> int:
    import asyncio
    import secrets

    from tricord.cli.workloads.run import Run

    async def within() -> Run:
        prefix = f"check-{secrets.token_hex(4)}/"
        run = Run(recorder, connection.client, prefix, wish.clients, wish.keys, wish.rate)
        await _record(run, wish)
        return run

    begun = time.monotonic()
    try:
        run = asyncio.run(within())
    except OSError as error:
        error.filename = error.filename or wish.out
        raise
    finally:
        took = time.monotonic() - begun
        _say(recorder.counts, took)
    if run.errors:
        print("errors: " + ", ".join(f"{count} {code}" for code, count in sorted(run.errors.items())), file=sys.stderr)
    if wish.out != "-":
        print(f"now: tricord check run {wish.out} --model {MODELS[wish.workload]}", file=sys.stderr)
    return ExitCode.DONE


def _say(counts: dict[str, int], took: float) -> None:
    parts = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"recorded {sum(counts.values())} operations in {took:.1f} s: {parts}", file=sys.stderr)


async def _record(run: Run, wish: Wish) -> None:
    """Raises TricordError when the cluster cannot be reached at the beginning."""
    from tricord.cli.until_told import first_stops
    from tricord.cli.workloads.run import work

    async with run.connect(None) as store:
        revision = (await store.prefix(run.prefix, limit=1)).revision
        with first_stops(run.stopping):
            try:
                await work(run, _workers(run, wish.workload, revision), wish.seconds)
            finally:
                try:
                    await store.delete_prefix(run.prefix, timeout=CLEARED_SECONDS)
                except TricordError:
                    print(f"the keys {run.prefix}* are left: the cluster does not answer", file=sys.stderr)


def _workers(run: Run, workload: Workload, revision: int) -> list[Awaitable[None]]:
    from tricord.cli.workloads import locking, single_keys, transactions, watches

    if workload is Workload.WATCH:
        return watches.workers(run, revision)
    worker: Worker = single_keys.worker
    if workload is Workload.LOCKS:
        worker = locking.worker
    elif workload is Workload.TXN:
        worker = transactions.worker
    run.kinds = single_keys.KINDS.get(workload.value, ())
    return [worker(run, number) for number in range(run.clients)]
