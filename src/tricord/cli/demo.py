# SPDX-License-Identifier: Apache-2.0
"""``tricord demo``: what the models of keyspaces promise, and what they do not, seen on a cluster of one's own."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from tricord.cli.cluster import leader_of, until_ready
from tricord.cli.exit_codes import ExitCode
from tricord.cli.local_cluster import LocalCluster

if TYPE_CHECKING:
    from tricord.cli.demo_recorded import Recorded
    from tricord.cli.demo_screen import Screen

TIMEOUT_SECONDS = 10.0


def consistency(
    plain: Annotated[bool, typer.Option("--plain", help="Words alone, without colours: for pipes.")] = False,
    svg: Annotated[str, typer.Option(metavar="FILE", help="Write a picture of it as well.")] = "",
) -> ExitCode:
    """Cut the network of three members, and show what a strong, a causal and an eventual keyspace make of it.

    The members are processes of this machine, and are gone afterwards. Every answer is written down, and at the end the
    checkers say whether each model kept what it promises. The exit code is 0 only if all is as promised. It takes about
    20 seconds.

    \b
    Examples:
      tricord demo consistency
      tricord demo consistency --plain | cat
    """
    import asyncio

    from tricord.cli.demo_screen import Screen

    screen = Screen(plain=plain, record=bool(svg))
    screen.line("Three members, three keyspaces, and the same writes into each of them.")
    with _cluster() as cluster:
        kept = asyncio.run(_run(cluster, screen))
    if svg:
        with open(svg, "w", encoding="utf-8") as file:
            file.write(screen.picture("tricord demo consistency"))
    return ExitCode.DONE if kept else ExitCode.FAILED


async def _run(cluster: LocalCluster, screen: Screen) -> bool:
    """Whether all is as promised."""
    import asyncio

    from tricord.cli.demo_recorded import Recorded
    from tricord.cli.demo_screen import COLUMNS
    from tricord.cli.demo_story import Story

    leader = await asyncio.to_thread(leader_of, cluster)
    others = [member for member in cluster.members() if member != leader]
    members = {"a": others[0], "b": leader, "c": others[1]}
    models = [Recorded(model, {}) for model in COLUMNS]

    def cut(pairs: Iterable[tuple[str, str]]) -> None:
        both = [(members[one].name, members[other].name) for one, other in pairs]
        cluster.cut([*both, *((other, one) for one, other in both)])

    async with AsyncExitStack() as stack:
        for letter, member in members.items():
            await _connect(stack, letter, member.endpoint, models)
        story = Story(models, cut, screen)
        await story.tell()
    return _judge(screen, models, story.bound_ns)


async def _connect(stack: AsyncExitStack, letter: str, endpoint: str, models: list[Recorded]) -> None:
    """A client of each keyspace at this member, that has been answered once."""
    from tricord.client.connecting import connect_async

    store = await stack.enter_async_context(connect_async([endpoint], timeout=TIMEOUT_SECONDS))
    for on in models:
        on.clients[letter] = await stack.enter_async_context(store.keyspace(on.model, model=on.model))
        await on.clients[letter].put(f"here-{letter}", b"")


def _judge(screen: Screen, models: list[Recorded], bound_ns: int) -> bool:
    from tricord.cli.demo_screen import BAD, GOOD, QUIET
    from tricord.cli.demo_verdicts import judge

    screen.title("What the checkers say of all that was answered:")
    judged = judge({on.model: on.history for on in models}, bound_ns)
    for one in judged:
        promise, finding = one.promise, one.finding
        name = f"{promise.checker} ({promise.level})" if promise.level else promise.checker
        words = f"   {promise.model:10}{name:16}{finding.verdict.value:10}"
        screen.line(words + ("as promised" if one.is_kept else "NOT as promised"), GOOD if one.is_kept else BAD)
        if finding.reason:
            screen.line(f"{'':13}{finding.reason}", QUIET)
    return all(one.is_kept for one in judged)


@contextmanager
def _cluster() -> Iterator[LocalCluster]:
    """Three members that run, in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tricord-demo-") as directory, ExitStack() as stack:
        cluster = LocalCluster(f"{directory}/cluster")
        cluster.create(_free_ports(3))
        for member in cluster.members():
            stack.callback(cluster.stop, member, at_once=True)
            cluster.start(member)
        until_ready(cluster, cluster.members())
        yield cluster


def _free_ports(count: int) -> list[int]:
    """That nobody listened to a moment ago."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
