# SPDX-License-Identifier: Apache-2.0
"""``tricord sim``: run whole clusters in simulated time, break them, and look for promises that are not kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from tricord.cli.usage import WrongUsage, finite, usage_is_three

if TYPE_CHECKING:
    from tricord.sim.plan import Plan

Net: TypeAlias = Annotated[
    str, typer.Option("--net", metavar="NET", help="fine: replica cores, fast. wide: whole members and clients.")
]
Members: TypeAlias = Annotated[
    int, typer.Option("--members", metavar="COUNT", min=0, max=9, help="How many members; 0: what the seed draws.")
]
Seconds: TypeAlias = Annotated[
    float,
    typer.Option(
        "--seconds",
        metavar="SECONDS",
        min=0,
        max=100_000,
        callback=finite,
        help="Simulated seconds of faults; 0: what the seed draws.",
    ),
]
Out: TypeAlias = Annotated[str, typer.Option("--out", metavar="DIR", help="Where the files of a failure go.")]
ShrinkSeconds: TypeAlias = Annotated[
    float,
    typer.Option(
        "--shrink-seconds",
        metavar="SECONDS",
        min=0,
        callback=finite,
        help="How long to look for a shorter failing plan; 0: not.",
    ),
]
RunSeconds: TypeAlias = Annotated[
    float,
    typer.Option(
        "--run-seconds",
        metavar="SECONDS",
        min=0,
        callback=finite,
        help="A run that takes longer, in real seconds, is a failure; 0: no limit.",
    ),
]
DEFAULT_OUT = "sim-failures"


def _net(name: str) -> str:
    from tricord.sim.nets import NETS

    if name not in NETS:
        raise WrongUsage(f"there is no net {name!r}, but {' and '.join(NETS)}")
    return name


def _plan(seed: int | None, net: str, path: str, members: int, seconds: float) -> Plan:
    from tricord.sim.plan_text import BadPlan, parse_plan
    from tricord.sim.swarm import draw

    if (seed is None) == (not path):
        raise WrongUsage("give either --seed or --plan")
    if seed is not None:
        return draw(seed, _net(net), members, seconds)
    if members or seconds:
        raise WrongUsage("--members and --seconds are for --seed; a plan has lines for them")
    try:
        with open(path, encoding="utf-8") as file:
            return parse_plan(file.read())
    except OSError as error:
        raise WrongUsage(f"{path}: {error.strerror}") from None
    except ValueError as error:
        kind = "" if isinstance(error, BadPlan) else "not a text: "
        raise WrongUsage(f"{path}: {kind}{error}") from None


@usage_is_three
def run(
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="NUMBER", min=0, help="Draw the plan from this number.")
    ] = None,
    net: Net = "fine",
    plan: Annotated[str, typer.Option("--plan", metavar="FILE", help="Run the plan in this file.")] = "",
    members: Members = 0,
    seconds: Seconds = 0.0,
    story: Annotated[bool, typer.Option("--story", help="Print what happened, a line each.")] = False,
    out: Out = DEFAULT_OUT,
    shrink_seconds: ShrinkSeconds = 0.0,
    run_seconds: RunSeconds = 0.0,
) -> int:
    """Run one plan: that of a seed, or a file. The same plan takes the same steps each time.

    \b
    Examples:
      tricord sim run --seed 17
      tricord sim run --seed 17 --net wide --shrink-seconds 60
      tricord sim run --plan sim-failures/fine-17/shortest.plan --story

    \b
    Exit codes: 0 no violation, 1 a violation, 3 usage or a plan that cannot be read.
    """
    from tricord.cli.sim_reporting import Patience, finish, told
    from tricord.sim.nets import run_of
    from tricord.sim.tally import Tally
    from tricord.sim.watchdog import limited

    wanted = _plan(seed, net, plan, members, seconds)
    told(wanted)
    outcome = limited(run_of(wanted.net), run_seconds)(wanted)
    if story:
        print("\n".join(outcome.lines))
    tally = Tally()
    tally.add(outcome)
    document = {"seed": wanted.seed, "trace": f"{outcome.trace_hash:016x}"}
    return finish(wanted.net, tally, out, Patience(shrink_seconds, run_seconds), document)


@usage_is_three
def search(
    minutes: Annotated[
        float,
        typer.Option(
            "--minutes", metavar="MINUTES", min=0, callback=finite, help="How long to search, in real minutes."
        ),
    ] = 1.0,
    net: Net = "fine",
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="COUNT", min=1, max=256, help="How many processes run seeds.")
    ] = 1,
    first: Annotated[int, typer.Option("--from", metavar="SEED", min=0, help="The first seed.")] = 0,
    members: Members = 0,
    seconds: Seconds = 0.0,
    failures: Annotated[
        int, typer.Option("--failures", metavar="COUNT", min=1, help="Stop after so many seeds that fail.")
    ] = 1,
    out: Out = DEFAULT_OUT,
    shrink_seconds: ShrinkSeconds = 60.0,
    run_seconds: RunSeconds = 120.0,
) -> int:
    """Run the plans of one seed after the other, and stop at the first that violates a promise.

    \b
    Its plan, the shortest plan that fails in the same way, the history of the clients and pictures go to --out; the
    command that replays it is printed. On the way: how far it is, which kinds of faults took hold, and how many of the
    points were reached that a search has to reach. A run that does not end within --run-seconds is a failure, too, as
    if it had violated a promise. Ctrl-C ends the search as its time does.

    \b
    Examples:
      tricord sim search --minutes 60 --jobs 2
      tricord sim search --net wide --from 1000 --failures 5

    \b
    Exit codes: 0 no violation, 1 a violation, 3 usage.
    """
    from tricord.cli.sim_reporting import Patience, Progress, finish
    from tricord.runtime.clock import SystemClock
    from tricord.sim.nets import NETS
    from tricord.sim.search import Seeds, outcomes

    progress = Progress(_net(net), SystemClock(), 60 * minutes, failures)
    with suppress(KeyboardInterrupt):
        seeds = Seeds(NETS[net], net, first, members, seconds, run_seconds)
        for outcome in outcomes(seeds, jobs, progress.is_over):
            progress.add(outcome)
    progress.end()
    patience = Patience(shrink_seconds, run_seconds)
    return finish(net, progress.tally, out, patience, {"first": first, **progress.document()})


@usage_is_three
def kinds(
    net: Annotated[str, typer.Option("--net", metavar="NET", help="Only those of this net (fine, wide).")] = "",
    prove: Annotated[bool, typer.Option("--prove", help="Show of each a run in which it took hold.")] = False,
) -> int:
    """List all kinds of faults, or prove that each works.

    \b
    Exit codes: 0 done, 1 a kind never took hold or its run violated a promise, 3 usage.
    """
    from tricord.cli.sim_kinds import list_kinds, prove_kinds
    from tricord.sim.nets import NETS

    nets = [_net(net)] if net else list(NETS)
    return prove_kinds(nets) if prove else list_kinds(nets)


COMMANDS: dict[str, Callable[..., Any]] = {"run": run, "search": search, "kinds": kinds}
