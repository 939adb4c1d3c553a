# SPDX-License-Identifier: Apache-2.0
"""The other members as this one sees them: what turns say to them, what they say to turns, and who they are.

Messages of a turn are sent at once, in the same turn; what the links hear becomes input of the next one. The
configuration in force says whom to dial and whom to serve.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from tricord.base.environment import Environment
from tricord.base.errors import MemberRemoved, NoLeader, OutcomeUnknown, TricordError, WrongMember
from tricord.base.members import MemberInfo
from tricord.base.membership import Change, Configuration
from tricord.raft.messages import InstallSnapshot, Message
from tricord.server import check_calls, leader_calls, lease_calls
from tricord.server.leader_calls import LeaderAnswer, LeaderCall
from tricord.server.membership import Membership
from tricord.server.membership_rules import member_info
from tricord.server.peer_addresses import PeerAddress, peer_addresses
from tricord.server.peer_identity import PeerIdentities
from tricord.server.replicas.exchange import Exchange
from tricord.server.telling import Tells
from tricord.server.turn import TurnLoop
from tricord.storage.identity import Identity
from tricord.transport.peer.hooks import LinkState, PeerHooks, SnapshotSink
from tricord.transport.peer.host_message import HostMessage
from tricord.transport.peer.links import PeerLinks
from tricord.wire.peer.hello import Hello
from tricord.wire.peer.query import Answer, Query
from tricord.wire.peer.refusals import Refusal, RefusalCode
from tricord.wire.peer.snapshot import SnapshotOffer

CALL_SECONDS = 5.0
PUBLISH_AGAIN_SECONDS = 0.5
LEAVE_ELECTION_TIMEOUTS = 2
"""How long one that was removed still answers, so that the others get to know."""


_NOT_FOR_TURNS: frozenset[type] = frozenset({HostMessage, InstallSnapshot})
"""At least not as they come."""


class KnowsCluster(Protocol):
    """The replica as this part sees it."""

    @property
    def configuration(self) -> Configuration:
        """The one in force."""

    @property
    def configuration_is_committed(self) -> bool:
        """Whether it is certain that it stays until another one comes."""

    @property
    def leader(self) -> int:
        """Who leads, as far as is known (0: nobody)."""


class BringsSnapshots(Protocol):
    """What makes, sends and installs snapshots."""

    def bring(self, members: list[int]) -> None:
        """These members need one."""

    def arrived(self, message: InstallSnapshot) -> bool:
        """Whether it is here, whole."""

    def install(self, snapshot: InstallSnapshot) -> None:
        """Put it in place of state and log."""

    def offered(self, sender: int, offer: SnapshotOffer) -> SnapshotSink | Refusal:
        """Where to write one that is offered, or why not."""


class Peers:
    """Between the turns of this member and its links."""

    def __init__(
        self,
        environment: Environment,
        identity: Identity,
        replica: KnowsCluster,
        turns: TurnLoop,
        tells: Tells,
        fail: Callable[[BaseException], None],
        *,
        election_seconds: float,
        steady_seconds: float,
    ) -> None:
        self._environment = environment
        self._clock = environment.clock
        self._tasks = environment.tasks
        self._identity = identity
        self._replica = replica
        self._turns = turns
        self._tells = tells
        self._fail = fail
        self._election_seconds = election_seconds
        self._steady_seconds = steady_seconds
        self._identities = PeerIdentities(identity)
        self._heard: dict[int, float] = {}
        self._dialled: dict[int, list[PeerAddress]] = {}
        self._departed: dict[int, tuple[float, list[PeerAddress]]] = {}
        """Members that left, and until when they are spoken to."""
        self._refusals: dict[int, Refusal] = {}
        self._calls: dict[int, asyncio.Future[LeaderAnswer]] = {}
        self._call_count = 0
        self._publishing: asyncio.Task[None] | None = None
        self._was_published = False
        self._belonged = False
        """Whether the log, as far as it was read here, once had this member in the cluster."""
        self._leaving = False
        self._stopped = False
        self.is_learner = _has_no_vote(replica.configuration, identity.member)
        """Whether this member has no vote; asked for each request."""
        self.exchange = Exchange(identity.member)
        self.links: PeerLinks | None = None
        self.membership: Membership | None = None
        self.lease_message: Callable[[HostMessage], None] = lambda _: None
        self.check_message: Callable[[HostMessage], None] = lambda _: None
        self.reconfigured: Callable[[Configuration], None] = lambda _: None
        """Told of each configuration in force."""
        self.snapshots: BringsSnapshots | None = None
        self.client_urls: list[str] = []
        self.peer_urls: list[str] = []

    def hooks(self) -> PeerHooks:
        """What the links tell and ask."""
        return PeerHooks(
            received=self._received,
            unreachable=self._turns.unreachable,
            gone=self._gone,
            refused=self._refused,
            changed=self._link_changed,
            expected=self._expected,
            answer=self._answer,
            offered=self._offered,
            replicated=self._replicated,
            replicas_reached=self._replicas_reached,
            fault=self._fault,
        )

    def connect(self, links: PeerLinks) -> Exchange:
        """These are the links, and by them replicas of keyspaces speak to others."""
        self.links = links
        self.exchange.links = links.replicas
        return self.exchange

    def stop(self) -> None:
        """Say and hear nothing more."""
        self._stopped = True
        if self._publishing is not None:
            self._publishing.cancel()
        for waiting in self._calls.values():
            if not waiting.done():
                waiting.set_exception(OutcomeUnknown())
        if self.links is not None:
            self.links.close()

    # --- what turns say -------------------------------------------------------------------------------------

    def send(self, messages: list[Message]) -> None:
        if self.links is not None:
            self.links.send(messages)

    def configured(self, configuration: Configuration) -> None:
        """Dial who is new, drop who left, and see whether all that is said of this member is true."""
        self.is_learner = _has_no_vote(configuration, self._identity.member)
        if self.links is None or self._stopped or not configuration.members():
            return
        own = self._identity.member
        self.reconfigured(configuration)
        self._turns.set_peers(len(configuration.members()) > 1)
        self._dial(configuration)
        self.links.recheck()
        members = configuration.members()
        if own not in members:
            # One that joins is told first what was before it came.
            if self._belonged and not self._leaving:
                self._leaving = True
                self._leave_later()
            return
        self._belonged, self._leaving = True, False
        known = member_info(configuration, own).incarnation
        if known and known != self._identity.incarnation:
            self._fail(WrongMember("the cluster knows this member with another data directory"))
        elif len(members) > 1 or not known:
            self._publish()

    def _dial(self, configuration: Configuration) -> None:
        """Those who left are spoken to for a while: one that led still needs the answers that commit its going."""
        assert self.links is not None
        now, peers = self._clock.monotonic(), peer_addresses(configuration, self._identity.member)
        for member, addresses in self._dialled.items():
            if member not in peers and member not in self._departed:
                delay = LEAVE_ELECTION_TIMEOUTS * self._election_seconds
                self._departed[member] = (now + delay, addresses)
                self._tasks.call_later(delay, self._redial)
        self._departed = {
            member: (until, addresses)
            for member, (until, addresses) in self._departed.items()
            if member not in peers and until > now
        }
        self._dialled = peers
        self.links.set_peers(peers | {member: addresses for member, (_, addresses) in self._departed.items()})

    def _redial(self) -> None:
        if not self._stopped and self.links is not None:
            self._dial(self.configuration)
            self.links.recheck()

    def bring_snapshots(self, members: list[int]) -> None:
        if self.snapshots is not None:
            self.snapshots.bring(members)

    def install(self, snapshot: InstallSnapshot) -> None:
        assert self.snapshots is not None, "only one that was offered here is installed"
        self.snapshots.install(snapshot)

    # --- what the membership asks ---------------------------------------------------------------------------

    @property
    def configuration(self) -> Configuration:
        return self._replica.configuration

    @property
    def leader(self) -> int:
        return self._replica.leader

    def is_active(self, member: int) -> bool:
        return member == self._identity.member or self.heard_within(member, self._election_seconds)

    def is_steady(self, member: int) -> bool:
        if member == self._identity.member or not self._steady_seconds:
            return self.is_active(member)
        now = self._clock.monotonic()
        states = self.links.states() if self.links is not None else []
        return self.is_active(member) and any(
            state.member == member and state.connected and now - state.since >= self._steady_seconds for state in states
        )

    def heard_within(self, member: int, seconds: float) -> bool:
        """Whether the member said something lately."""
        return self._clock.monotonic() - self._heard.get(member, float("-inf")) <= seconds

    def is_connected(self) -> bool:
        """Whether any other member can be spoken to."""
        return self.links is not None and any(state.connected for state in self.links.states())

    def change(self, ticket: int, changes: list[Change]) -> None:
        self._turns.change(ticket, changes)

    def transfer(self, ticket: int, target: int) -> None:
        self._turns.transfer(ticket, target)

    def new_member_id(self) -> int:
        return self._environment.random.bits(63) | 1

    async def until_led(self) -> None:
        await self._turns.until(lambda: self._replica.leader != 0)
        if self._stopped or not self._turns.started:
            raise NoLeader

    async def call_leader(self, call: LeaderCall) -> LeaderAnswer:
        leader = self._replica.leader
        if not leader or self.links is None:
            raise NoLeader
        self._call_count += 1
        number = self._call_count
        answered: asyncio.Future[LeaderAnswer] = asyncio.get_running_loop().create_future()
        self._calls[number] = answered
        self.say(leader, number, False, leader_calls.encode(call))
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await answered
        except TimeoutError:
            raise OutcomeUnknown("the leader did not answer") from None
        finally:
            del self._calls[number]

    # --- what the links tell and ask ------------------------------------------------------------------------

    def _received(self, messages: list[Message]) -> None:
        if not messages or self._stopped:
            return
        self._heard[messages[0].sender] = self._clock.monotonic()
        plain = [message for message in messages if type(message) not in _NOT_FOR_TURNS]
        if len(plain) < len(messages):
            for message in messages:
                if isinstance(message, HostMessage):
                    self._host_message(message)
                elif type(message) is InstallSnapshot and self._arrived(message):
                    plain.append(message)
        if plain and self._turns.started:
            self._turns.receive(plain)

    def _arrived(self, message: InstallSnapshot) -> bool:
        return self.snapshots is not None and self.snapshots.arrived(message)

    def _replicated(self, sender: int, payload: bytes) -> None:
        if not self._stopped:
            self.exchange.member_said(sender, payload)

    def _replicas_reached(self, member: int) -> None:
        if not self._stopped:
            self.exchange.member_reached(member)

    def _offered(self, sender: int, offer: SnapshotOffer) -> SnapshotSink | Refusal:
        if self.snapshots is None or not self._turns.started:
            return Refusal(RefusalCode.BUSY, "this member takes no snapshots yet")
        return self.snapshots.offered(sender, offer)

    def _fault(self, error: BaseException, where: str) -> None:
        self._tells.warning(
            "a peer connection failed on a mistake", where=where, error=f"{type(error).__name__}: {error}"
        )

    def _host_message(self, message: HostMessage) -> None:
        if message.data.startswith(lease_calls.MARK):
            self.lease_message(message)
            return
        if message.data.startswith(check_calls.MARK):
            self.check_message(message)
            return
        if message.is_answer:
            waiting = self._calls.get(message.request)
            if waiting is not None and not waiting.done():
                try:
                    waiting.set_result(leader_calls.decode_answer(message.data))
                except TricordError as error:
                    waiting.set_exception(error)
            return
        self._tasks.spawn(self._answer_call(message), "a call of another member")

    async def _answer_call(self, message: HostMessage) -> None:
        assert self.membership is not None
        try:
            answer = await self.membership.answer(leader_calls.decode_call(message.data))
        except TricordError as error:
            answer = leader_calls.refusing(error)
        if not self._stopped:
            self.say(message.sender, message.request, True, leader_calls.encode(answer))

    def say(self, member: int, request: int, is_answer: bool, data: bytes) -> None:
        """Send a host's own message to another member."""
        if self._stopped or self.links is None:
            return
        message: Any = HostMessage(self._identity.member, member, self._turns.term, request, is_answer, data)
        self.links.send([message])

    def _gone(self, member: int) -> None:
        self._heard.pop(member, None)
        if self._replica.leader == member:
            self._tells.info("the leader's process is gone", member=self.name(member))
        self._turns.leader_gone(member)

    def _refused(self, member: int, refusal: Refusal) -> None:
        self._refusals[member] = refusal
        self._tells.warning("a peer does not serve this member", peer=self.name(member), reason=refusal.text)
        if refusal.code == RefusalCode.WRONG_INCARNATION:
            self._fail(WrongMember(f"the cluster knows this member with another data directory: {refusal.text}"))
            return
        others = [other for other in self.configuration.voters if other != self._identity.member]
        unknown = [one for one in others if one in self._refusals and _says_unknown(self._refusals[one])]
        if others and len(unknown) > len(others) // 2:
            self._fail(MemberRemoved())

    def _link_changed(self, state: LinkState) -> None:
        if state.connected:
            self._refusals.pop(state.member, None)
            self._tells.info("connected to a peer", peer=self.name(state.member), lane=state.lane)
        else:
            self._tells.info("not connected to a peer", peer=self.name(state.member), lane=state.lane, why=state.error)

    def _expected(self, hello: Hello) -> Refusal | None:
        departed = hello.sender in self._departed
        return self._identities.judge(hello, self.configuration, self.leader, departed=departed)

    def _answer(self, query: Query) -> Answer:
        return self._identities.answer(query, self.configuration)

    # --- what is true of this member ------------------------------------------------------------------------

    def truth(self) -> MemberInfo:
        """What the configuration should say of this member. Its peer URLs are the cluster's decision."""
        known = member_info(self.configuration, self._identity.member)
        return MemberInfo(
            self._identity.name, known.peer_urls or self.peer_urls, list(self.client_urls), self._identity.incarnation
        )

    def is_published(self) -> bool:
        """Whether it does."""
        return member_info(self.configuration, self._identity.member) == self.truth()

    def has_published(self) -> bool:
        """Whether it did at some time since the start, in an entry that stays: whoever lists the members from then on,
        wherever, sees this one's addresses. One that is alone is the only one that is asked, and tells them itself: it
        is enough that the log once heard of it, without which it counts as not started."""
        if not self._was_published:
            known = member_info(self.configuration, self._identity.member).incarnation
            alone = known != 0 and self.configuration.members() == (self._identity.member,)
            stays = self._replica.configuration_is_committed
            self._was_published = alone or (stays and self.is_published())
        return self._was_published

    def _publish(self) -> None:
        if self._publishing is None and not self.is_published():
            self._publishing = self._tasks.spawn(self._publish_until_done(), "publishing")

    async def _publish_until_done(self) -> None:
        assert self.membership is not None
        try:
            while not self._stopped and not self.is_published():
                try:
                    await self.membership.publish(self._identity.member, self.truth())
                except TricordError:
                    # Nobody leads, or another change is under way: later.
                    await asyncio.sleep(PUBLISH_AGAIN_SECONDS)
        finally:
            self._publishing = None

    def _leave_later(self) -> None:
        self._tasks.call_later(LEAVE_ELECTION_TIMEOUTS * self._election_seconds, self._leave)

    def _leave(self) -> None:
        if not self._leaving or self._stopped:
            return
        if not self._replica.configuration_is_committed:
            # Another leader may take it back. Where nobody tells how it ended, the others refuse this member.
            self._leave_later()
            return
        self._tells.warning("this member was removed from the cluster")
        self._fail(MemberRemoved())

    def name(self, member: int) -> str:
        """What people call the member."""
        return member_info(self.configuration, member).name or f"{member:x}"


def _says_unknown(refusal: Refusal) -> bool:
    return refusal.code == RefusalCode.UNKNOWN_MEMBER


def _has_no_vote(configuration: Configuration, member: int) -> bool:
    """Whether it is known that the member has none. One that joins knows nothing at first: what it is asked waits."""
    return bool(configuration.members()) and not configuration.is_voter(member)
