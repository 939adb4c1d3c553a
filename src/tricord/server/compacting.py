# SPDX-License-Identifier: Apache-2.0
"""Compacts by itself, at the settings' pace: every member takes samples, the one that leads compacts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from tricord.base.context import Context
from tricord.base.environment import Environment, Timer
from tricord.base.errors import TricordError
from tricord.base.operations import Compact
from tricord.mvcc.auto_compaction import AutoCompaction, auto_compaction
from tricord.server.configuration import Configuration
from tricord.server.telling import Tells
from tricord.statemachine.machine import StateMachine


class Leads(Protocol):
    """The replica as this part sees it."""

    @property
    def is_leader(self) -> bool:
        """Whether this member leads."""


class Compacting:
    """Runs an ``AutoCompaction`` for each strong keyspace beside the turns."""

    def __init__(
        self,
        environment: Environment,
        rule: Callable[[], AutoCompaction],
        machine: StateMachine,
        replica: Leads,
        ask: Callable[[Compact, Context], Awaitable[Any]],
        tells: Tells,
    ) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._rule = rule
        self._rules: dict[int, AutoCompaction] = {0: rule()}  # the default keyspace is always there
        self._every = self._rules[0].every
        self._machine = machine
        self._replica = replica
        self._ask = ask
        self._tells = tells
        self._timer: Timer = self._tasks.call_later(self._every, self._look)
        self._asking: set[int] = set()

    def stop(self) -> None:
        """Do no more."""
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._tasks.call_later(self._every, self._look)
        machine = self._machine
        strong = {record.id: record.name for record in machine.catalogue.records if machine.has_keyspace(record.id)}
        rules = self._rules
        self._rules = {identity: rules.get(identity) or self._rule() for identity in strong}
        for identity, rule in self._rules.items():
            now, newest, oldest = self._clock.monotonic(), machine.revision(identity), machine.compacted(identity)
            revision = rule.sample(now, newest, oldest)
            if revision > 0 and self._replica.is_leader and identity not in self._asking:
                self._asking.add(identity)
                self._tasks.spawn(self._compact(identity, strong[identity], revision), "automatic compaction")

    async def _compact(self, identity: int, name: str, revision: int) -> None:
        try:
            await self._ask(Compact(revision), Context(keyspace=name))
        except TricordError as error:
            self._tells.warning("automatic compaction failed", keyspace=name, revision=revision, why=str(error))
        else:
            self._tells.info("compacted", keyspace=name, revision=revision)
        finally:
            self._asking.discard(identity)


def open_compacting(
    environment: Environment,
    configuration: Configuration,
    machine: StateMachine,
    replica: Leads,
    ask: Callable[[Compact, Context], Awaitable[Any]],
    tells: Tells,
) -> Compacting | None:
    """As the settings say; None: nothing is compacted by itself."""
    rule = auto_compaction(configuration.auto_compaction_mode, configuration.auto_compaction_retention)
    return None if rule is None else Compacting(environment, rule, machine, replica, ask, tells)
