# SPDX-License-Identifier: Apache-2.0
"""What clients write at a causal replica, until they are answered: asked for, carried out with the next group, durable.

Who is answered may ask again at once, so nobody is while anything here is half done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from tricord.base.environment import Environment
from tricord.base.errors import DeadlineExceeded, OutcomeUnknown, ServerFault, Stopping, TricordError
from tricord.base.typed import UpdateResult
from tricord.causal.gathering import Gathering
from tricord.causal.replica import Change
from tricord.server.replicas.causal_deliveries import Deliveries
from tricord.server.replicas.keyspace_replica import UpdateReply, of_what_may_stand

ASKED_BYTES = 256 * 1024
"""When so much waits for the next group, it is carried out at once: then it counts where room and quota are looked at.
It fills several operations, so they are hardly smaller for it."""


@dataclass(slots=True)
class _Asked:
    """A write that waits for the next group, which carries it out."""

    changes: list[Change]
    deadline: float
    reply: UpdateReply


@dataclass(slots=True)
class _Answer:
    """A write that waits to be durable. No ``reply``: that is not known in time, and was answered so."""

    mark: int
    sequence: int
    deadline: float
    reply: UpdateReply | None


class Writing:
    """The writes of one host. ``gather`` is what its committer calls as a group begins."""

    def __init__(self, environment: Environment, deliveries: Deliveries) -> None:
        self._environment = environment
        self._deliveries = deliveries
        self._asked: list[_Asked] = []
        self._asked_bytes = 0
        self._answers: deque[_Answer] = deque()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._asked) + len(self._answers)

    def ask(self, changes: list[Change], size: int, deadline: float, reply: UpdateReply) -> None:
        """One more. ``size``: of its keys and values, in bytes, about; ``reply`` runs once."""
        self._asked.append(_Asked(changes, deadline, reply))
        self._asked_bytes += size
        self._deliveries.committer.ask()
        if self._asked_bytes > ASKED_BYTES:
            self._deliveries.committer.gather_now()

    def gather(self) -> list[tuple[UpdateReply, TricordError]]:
        """What was asked for becomes one operation, or a few. Gives who is to be refused, and why. Raises what the
        tables do: then nobody is answered, and nothing more may be committed."""
        core, now = self._deliveries.core, self._environment.clock.wall_ns() // 1_000_000
        gathering: Gathering | None = None
        taken: list[_Asked] = []
        answers: list[_Answer] = []
        refused: list[tuple[UpdateReply, TricordError]] = []
        waiting = deque(self._asked)
        while waiting:
            try:
                if gathering is None:
                    gathering = core.gather(now)
                if gathering.add(waiting[0].changes):
                    taken.append(waiting.popleft())
                    continue
            except Exception as error:
                refused.append((waiting.popleft().reply, _as_refusal(error)))
                continue
            answers += self._write(gathering, taken)
            gathering, taken = None, []
        if gathering is not None and taken:
            answers += self._write(gathering, taken)
        self._asked, self._asked_bytes = [], 0
        self._answers.extend(answers)
        return refused

    def _write(self, gathering: Gathering, taken: list[_Asked]) -> list[_Answer]:
        deliveries = self._deliveries
        mark = deliveries.took(deliveries.core.write_gathered(gathering), urgent=False)
        return [_Answer(mark, deliveries.core.sequence, one.deadline, one.reply) for one in taken]

    def grew(self) -> None:
        """More is durable."""
        durable, answers = self._deliveries.committer.durable, self._answers
        while answers and answers[0].mark <= durable:
            answer = answers.popleft()
            if answer.reply is not None:
                answer.reply(UpdateResult(answer.sequence))

    def look(self, now: float) -> None:
        """Every so often: answer what waited past its deadline."""
        late = [one for one in self._asked if one.deadline <= now]
        if late:
            self._asked = [one for one in self._asked if one.deadline > now]
        for one in late:
            one.reply(DeadlineExceeded())
        for answer in [answer for answer in self._answers if answer.deadline <= now]:
            reply, answer.reply = answer.reply, None
            if reply is not None:
                reply(OutcomeUnknown("the write was not durable in time"))

    def end(self, error: TricordError | None) -> None:
        """Nothing more becomes durable: answer what waits with ``error``; None: this process stops."""
        asked, self._asked = self._asked, []
        answers, self._answers = self._answers, deque()
        for one in asked:
            one.reply(error or Stopping())
        for answer in answers:
            if answer.reply is not None:
                answer.reply(of_what_may_stand(error))


def _as_refusal(error: Exception) -> TricordError:
    """What is told of a write that cannot be carried out. Where it fails in another way than it may, that is a bug; but
    nothing of it was done, so the others go on."""
    if isinstance(error, TricordError):
        return error
    told = {"message": "a write could not be carried out", "exception": error}
    asyncio.get_running_loop().call_exception_handler(told)
    return ServerFault(f"the write could not be carried out: {error!r}")
