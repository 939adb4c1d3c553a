# SPDX-License-Identifier: Apache-2.0
"""Members compare what they hold, all the time: whoever differs from the majority gets the alarm CORRUPT.

Every few seconds the leader asks the others for their chain, the running hash over all effects, at an index of the log:
that finds members that decided differently, and costs next to nothing. At a longer rhythm it asks for hashes of all
keys at a revision as well: that finds what was changed or lost after it was applied, and costs each member a pass over
its keys on the read lane. A member answers when it has come to that index; who does not answer is asked next time.

Where no majority agrees the alarm is raised for nobody (member 0). A leader that differs hands the lead over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from tricord.base.alarms import AlarmChange, AlarmKind
from tricord.base.context import Context
from tricord.base.environment import Environment, Timer
from tricord.base.errors import OutOfRange, TricordError
from tricord.base.membership import Configuration
from tricord.server import check_calls
from tricord.server.check_calls import CheckAnswer, CheckAsk
from tricord.server.corruption_rules import NOBODY_KNOWS, differing
from tricord.server.hashing import Hashing
from tricord.server.telling import Tells
from tricord.server.turn import TurnLoop
from tricord.statemachine.machine import CHAINS_KEPT, StateMachine
from tricord.transport.peer.host_message import HostMessage

CHAIN_SECONDS = 5.0
"""How often chains are compared."""
ANSWER_SECONDS = 4.0
"""How long one that asks waits for answers about chains."""
CONTENT_ANSWER_SECONDS = 300.0
"""The same where keys are hashed: a large store takes a while."""
INITIAL_SECONDS = 5.0
"""How long a member that starts waits for what the others say."""
INITIAL_AGAIN_SECONDS = 0.2


class Lead(Protocol):
    """The replica as this part sees it."""

    @property
    def is_leader(self) -> bool:
        """Whether this member leads."""

    @property
    def configuration(self) -> Configuration:
        """The one in force."""


class Corruption:
    """Asks, answers, and raises the alarm."""

    def __init__(
        self,
        environment: Environment,
        member: int,
        machine: StateMachine,
        hashing: Hashing,
        turns: TurnLoop,
        replica: Lead,
        tells: Tells,
        *,
        content_seconds: float,
        ask: Callable[[AlarmChange, Context], Awaitable[Any]],
        hand_over: Callable[[int], Awaitable[None]],
        say: Callable[[int, int, bool, bytes], None],
    ) -> None:
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._member = member
        self._machine = machine
        self._hashing = hashing
        self._turns = turns
        self._replica = replica
        self._tells = tells
        self._content_seconds = content_seconds
        self._ask = ask
        self._hand_over = hand_over
        self._say = say
        self._content_at = self._clock.monotonic()
        self._count = 0
        self._waiting: dict[int, tuple[int, asyncio.Future[CheckAnswer]]] = {}
        self._stopped = False
        self._reported: set[int] = set()
        """Members whose difference was looked into by this one."""
        self._comparing: set[bool] = set()
        every = min(CHAIN_SECONDS, content_seconds) if content_seconds else CHAIN_SECONDS
        self._every = every
        self._timer: Timer = self._tasks.call_later(every, self._look)

    def stop(self) -> None:
        """Ask no more, and answer no more."""
        self._stopped = True
        self._timer.cancel()
        for _, answered in self._waiting.values():
            if not answered.done():
                answered.set_result(CheckAnswer())

    # --- on the leader ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._timer = self._tasks.call_later(self._every, self._look)
        now = self._clock.monotonic()
        self._begin(CheckAsk(self._machine.applied_index), ANSWER_SECONDS)
        if self._content_seconds and now - self._content_at >= self._content_seconds:
            self._content_at = now
            # With the index, since those who lag come to the revision only then.
            self._begin(CheckAsk(self._machine.applied_index, self._machine.revision()), CONTENT_ANSWER_SECONDS)

    def _begin(self, ask: CheckAsk, seconds: float) -> None:
        """Compare chains or contents, unless the same is still under way."""
        others = [member for member in self._replica.configuration.members() if member != self._member]
        content = bool(ask.revision)
        if self._replica.is_leader and others and content not in self._comparing and self._turns.started:
            self._comparing.add(content)
            self._tasks.spawn(self._compare(others, ask, seconds), "a comparison of members")

    async def _compare(self, others: list[int], ask: CheckAsk, seconds: float) -> None:
        content = bool(ask.revision)
        try:
            asking = asyncio.gather(*(self._asked(member, ask, seconds) for member in others))
            try:
                own = await self._answer_to(ask)
                said = await asking
            finally:
                asking.cancel()
            answers = {self._member: own} | {
                member: answer for member, answer in zip(others, said, strict=True) if answer is not None
            }
            held = {member: answer.content if content else answer.chain for member, answer in answers.items()}
            where = f"at revision {ask.revision}" if content else f"at log index {ask.index}"
            wrong = differing(held, 1 + len(others))
            await self._judge(wrong, held, where)
            if wrong and not content:
                await self._report(wrong, held, ask.index)
            if self._machine.alarms.get((self._member, AlarmKind.CORRUPT)) and self._replica.is_leader:
                await self._hand_over(0)
        except TricordError:
            pass  # no leader any more, or a stop: the next one goes on
        finally:
            self._comparing.discard(content)

    async def _judge(self, wrong: set[int], said: Mapping[int, int | None], where: str) -> None:
        for member in sorted(wrong):
            if (member, AlarmKind.CORRUPT) in self._machine.alarms:
                continue
            values = {f"{one:x}": "unknown" if value is None else f"{value:016x}" for one, value in said.items()}
            who = "not decided" if member == NOBODY_KNOWS else f"{member:x}"
            self._tells.warning("members differ", where=where, wrong=who, **values)
            await self._ask(AlarmChange(member, AlarmKind.CORRUPT, True, automatic=True), Context())

    async def _report(self, wrong: set[int], held: Mapping[int, int | None], index: int) -> None:
        """Say since when, once for each difference: the last place where this member and another still agreed."""
        for member, value in held.items():
            if value in (None, held[self._member]) or member in self._reported:
                continue
            self._reported.add(member)
            same, other = await self._narrowed(member, index)
            self._tells.warning("members diverged", member=f"{member:x}", alike_at=same or "unknown", unlike_at=other)

    async def _narrowed(self, member: int, unlike: int) -> tuple[int, int]:
        """(the last log index known to be alike, 0 for none; the first known to be unlike). By halves, among those that
        both remember."""
        alike, low = 0, max(unlike - CHAINS_KEPT, 0)
        while unlike - low > 1:
            middle = (low + unlike) // 2
            answer = await self._asked(member, CheckAsk(middle), ANSWER_SECONDS)
            own = self._machine.chain_at(middle)
            if answer is None:
                break
            if None in (own, answer.chain):
                low = middle  # forgotten: look nearer
            elif own == answer.chain:
                alike = low = middle
            else:
                unlike = middle
        return alike, unlike

    async def _asked(self, member: int, ask: CheckAsk, seconds: float) -> CheckAnswer | None:
        """What the member answers; None where it does not in time."""
        if self._stopped:
            return None
        self._count += 1
        number = self._count
        answered: asyncio.Future[CheckAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = member, answered
        self._say(member, number, False, check_calls.encode(ask))
        try:
            async with asyncio.timeout(seconds):
                return await answered
        except TimeoutError:
            return None
        finally:
            del self._waiting[number]

    # --- at a start ---------------------------------------------------------------------------------------------

    async def differs_from_another(self) -> str:
        """Before turns are taken: how what this member holds differs from what another has; empty: it does not. Those
        that cannot be reached within ``INITIAL_SECONDS``, or cannot say, are passed over, as etcd does."""
        machine = self._machine
        ask = CheckAsk(machine.applied_index, machine.revision())
        own = await self._answer_to(ask)
        others = [member for member in self._replica.configuration.members() if member != self._member]
        said = await asyncio.gather(*(self._difference(own, member, ask) for member in others))
        return next(filter(None, said), "")

    async def _difference(self, own: CheckAnswer, member: int, ask: CheckAsk) -> str:
        deadline = self._clock.monotonic() + INITIAL_SECONDS
        answer = None
        while answer is None and self._clock.monotonic() < deadline and not self._stopped:
            # A link may only be opening; hashes are asked for once.
            answer = await self._asked(member, CheckAsk(ask.index), INITIAL_AGAIN_SECONDS)
        if answer is None:
            return ""
        if None not in (own.chain, answer.chain) and own.chain != answer.chain:
            return f"the history up to log index {ask.index} is not that of member {member:x}"
        answer = await self._asked(member, CheckAsk(0, ask.revision), CONTENT_ANSWER_SECONDS)
        if answer is not None and None not in (own.content, answer.content) and own.content != answer.content:
            return f"the data at revision {ask.revision} is not that of member {member:x}"
        return ""

    # --- on any member ------------------------------------------------------------------------------------------

    def received(self, message: HostMessage) -> None:
        """A question of another member, or its answer. What cannot be read is no answer."""
        if self._stopped:
            return
        if not message.is_answer:
            self._tasks.spawn(self._reply(message), "a question about this member's data")
            return
        member, answered = self._waiting.get(message.request, (0, None))
        if answered is not None and member == message.sender and not answered.done():
            try:
                answered.set_result(check_calls.decode_answer(message.data))
            except TricordError:
                answered.set_result(CheckAnswer())

    async def _reply(self, message: HostMessage) -> None:
        try:
            answer = await self._answer_to(check_calls.decode_ask(message.data))
        except TricordError:
            answer = CheckAnswer()
        if not self._stopped:
            self._say(message.sender, message.request, True, check_calls.encode(answer))

    async def _answer_to(self, ask: CheckAsk) -> CheckAnswer:
        """What this member holds there. Raises TricordError where it stops."""
        machine = self._machine
        if ask.index > machine.applied_index and self._turns.started:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._turns.until(lambda: machine.applied_index >= ask.index)
            except TimeoutError:
                return CheckAnswer()
        known = machine.chain_at(ask.index)
        if ask.revision <= 0:
            return CheckAnswer(known)
        try:
            content = await self._hashing.of_keys(ask.revision)
        except OutOfRange:
            return CheckAnswer(known)
        return CheckAnswer(known, content.hash)
