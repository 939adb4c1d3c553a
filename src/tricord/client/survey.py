# SPDX-License-Identifier: Apache-2.0
"""Calls on one named endpoint, each on a connection of its own: every member's status, and the lead's hand-over.

Only the leader hands its lead over, so it is looked up, and dialled at the address that it gave to the cluster.
"""

from __future__ import annotations

import asyncio

from tricord.base.environment import Environment
from tricord.base.errors import (
    ConfigurationError,
    ConnectionFailed,
    DeadlineExceeded,
    MembershipRefused,
    NoLeader,
    TricordError,
)
from tricord.base.members import MemberRecord
from tricord.client import reports
from tricord.client.changes import EndpointStatus
from tricord.client.channel import Dial
from tricord.client.connector import reason
from tricord.client.endpoints import Endpoint, parse_endpoints
from tricord.client.refusals import judge
from tricord.transport.client_connection import CallBroken
from tricord.wire.grpc.status import GrpcError


class Survey:
    """Asks endpoints one by one, or all at once."""

    def __init__(self, environment: Environment, dial: Dial) -> None:
        self._environment = environment
        self._dial = dial

    async def ask(self, endpoint: Endpoint, path: str, body: bytes, timeout: float, *, read: bool) -> bytes:
        """One call at one endpoint, tried once. Raises TricordError."""
        clock = self._environment.clock
        deadline = clock.monotonic() + timeout
        try:
            async with asyncio.timeout(timeout):
                channel = await self._dial(endpoint)
        except TimeoutError:
            raise DeadlineExceeded(f"{endpoint}: no answer in {timeout:g} s") from None
        except (OSError, CallBroken) as error:
            raise ConnectionFailed(f"{endpoint}: {reason(error)}") from None
        try:
            return await channel.unary(path, body, deadline - clock.monotonic())
        except GrpcError as error:
            raise judge(error, read=read)[0] from error
        finally:
            channel.close()
            await channel.wait_closed()

    async def status(self, endpoint: Endpoint, timeout: float) -> EndpointStatus:
        """What one endpoint says, or why it does not. Raises nothing."""
        try:
            answer = await self.ask(endpoint, reports.STATUS_PATH, b"", timeout, read=True)
            return EndpointStatus(str(endpoint), reports.decode_status(answer))
        except TricordError as error:
            return EndpointStatus(str(endpoint), None, error)

    async def statuses(self, endpoints: list[Endpoint], timeout: float) -> list[EndpointStatus]:
        """All at once, in the order of the endpoints."""
        return list(await asyncio.gather(*(self.status(endpoint, timeout) for endpoint in endpoints)))

    async def move_leader(
        self, known: list[Endpoint], members: list[MemberRecord], target: int, timeout: float
    ) -> None:
        """Find the leader among the endpoints ``known`` and those of the members, and ask it to hand its lead over.

        Raises MembershipRefused, with reason ``not_leader`` where it was another already; NoLeader; TricordError.
        """
        deadline = self._environment.clock.monotonic() + timeout
        places = known + [endpoint for member in members for endpoint in endpoints_of(member)[:1]]
        asked = list({str(endpoint): endpoint for endpoint in places}.values())
        answers = await self.statuses(asked, timeout / 4)
        found = [(answer.status, endpoint) for answer, endpoint in zip(answers, asked, strict=True) if answer.status]
        leading = next((endpoint for status, endpoint in found if status.member == status.leader), None)
        if leading is None:
            leaders = {status.leader for status, _ in found} - {0}
            raise ConnectionFailed("the leader cannot be reached at any endpoint") if leaders else NoLeader()
        if not target:
            voters = {member.id for member in members if not member.is_learner}
            followers = [status for status, _ in found if status.member in voters and status.member != status.leader]
            if not followers:
                raise MembershipRefused("no other voter answers that could lead", reason="bad_transferee")
            target = max(followers, key=lambda status: status.raft_index).member
        left = deadline - self._environment.clock.monotonic()
        await self.ask(leading, reports.MOVE_LEADER_PATH, reports.encode_move_leader(target), left, read=False)


def endpoints_of(member: MemberRecord) -> list[Endpoint]:
    """Where clients reach the member; what cannot be dialled is left out."""
    found: list[Endpoint] = []
    for url in member.client_urls:
        try:
            found += parse_endpoints(url)
        except ConfigurationError:
            continue
    return found
