# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: ``tricord_sim``, a cluster in virtual time inside a test (docs/testing.md).

pytest loads this in every run, so the simulator is imported only where a test asks for it.
"""

from __future__ import annotations

import argparse
import inspect
import os
import shlex
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from tricord.sim.plan import Fault
    from tricord.sim.wide.cluster import Cluster

T = TypeVar("T")

FIXTURE = "tricord_sim"
DEFAULT_SEED = 1
LINES_SHOWN = 40


class Simulation:
    """Runs stories on clusters of its own, each from the seed of this test."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.lines: list[str] = []
        """What happened in the last story, a line each."""

    def run(
        self,
        story: Callable[[Cluster], Awaitable[T]],
        *,
        members: int = 3,
        faults: str | Iterable[Fault] = (),
        seconds: float = 20.0,
        **settings: Any,
    ) -> T:
        """Play ``story(cluster)``, a coroutine function; gives what it returns.

        ``faults="swarm"`` draws faults from the seed, over so many ``seconds`` of simulated time. ``settings`` are
        those of each member (docs/configuration.md).
        """
        from tricord.sim.wide.in_tests import play

        self.lines.clear()
        return play(
            story, self.lines, seed=self.seed, members=members, faults=faults, seconds=seconds, settings=settings
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tricord", "tricord: clusters in virtual time")
    group.addoption(
        "--tricord-seed", type=_natural, default=DEFAULT_SEED, metavar="N", help="the first seed of simulated clusters"
    )
    group.addoption(
        "--tricord-seeds",
        type=_positive,
        default=1,
        metavar="COUNT",
        help="run tests with simulated clusters on so many seeds",
    )


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is below 0")
    return number


def _positive(text: str) -> int:
    if not _natural(text):
        raise argparse.ArgumentTypeError("no seed is no run")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{FIXTURE}(members=3, faults='swarm', seconds=20.0, **settings): the cluster of an async test "
        f"that asks for {FIXTURE}",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    count = metafunc.config.getoption("--tricord-seeds")
    if FIXTURE in metafunc.fixturenames and count > 1:
        first = metafunc.config.getoption("--tricord-seed")
        seeds = range(first, first + count)
        metafunc.parametrize(FIXTURE, seeds, indirect=True, ids=[f"seed{seed}" for seed in seeds])


@pytest.fixture
def tricord_sim(request: pytest.FixtureRequest) -> Simulation:
    """Clusters in virtual time: ``tricord_sim.run(story, members=3)``; in an async test, the cluster itself."""
    return Simulation(getattr(request, "param", request.config.getoption("--tricord-seed")))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Play an async test that asks for the fixture as a story of its own."""
    simulation = pyfuncitem.funcargs.get(FIXTURE)
    if not isinstance(simulation, Simulation) or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    mark = pyfuncitem.get_closest_marker(FIXTURE)

    async def story(cluster: Cluster) -> None:
        await pyfuncitem.obj(**arguments | {FIXTURE: cluster})

    simulation.run(story, **(mark.kwargs if mark is not None else {}))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    simulation = getattr(item, "funcargs", {}).get(FIXTURE)
    if report.failed and isinstance(simulation, Simulation):
        report.sections.append(("tricord simulation", _told(item, simulation)))
    return report


def _told(item: pytest.Item, simulation: Simulation) -> str:
    seed = simulation.seed
    # pytest's own name is relative to the root of the suite, not to where the command was typed.
    _, *within = item.nodeid.split("::")
    name = "::".join([os.path.relpath(item.path, item.config.invocation_params.dir), *within])
    for mine, rest in ((f"[seed{seed}]", ""), (f"[seed{seed}-", "["), (f"-seed{seed}]", "]")):
        if mine in name:
            name = name.replace(mine, rest)
            break
    head = f"seed {seed}; again: pytest {shlex.quote(name)} --tricord-seed {seed}"
    return "\n".join([head, *simulation.lines[-LINES_SHOWN:]])
