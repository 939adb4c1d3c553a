# SPDX-License-Identifier: Apache-2.0
"""Whether another member is who it says it is: it belongs to the cluster, under the incarnation known of it."""

from __future__ import annotations

from tricord.base.membership import Configuration, encode_configuration
from tricord.server.membership_rules import member_info
from tricord.storage.identity import Identity
from tricord.wire.peer.hello import Hello
from tricord.wire.peer.query import Answer, Query
from tricord.wire.peer.refusals import Refusal, RefusalCode


class PeerIdentities:
    """What this member knows of the others' data directories."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._claimed: dict[int, int] = {}
        """Incarnations that were heard of before the configuration says them."""

    def judge(
        self, hello: Hello, configuration: Configuration, leader: int, *, departed: bool = False
    ) -> Refusal | None:
        """Why the dialler is not served; None: it is.

        One that is not a member may be a leader whose configuration has not got here yet; so it is only refused by
        those who hear another leader. One that ``departed`` a moment ago is still told what became of its commands.
        """
        known = self._known_incarnation(hello.sender, configuration)
        if known and known != hello.incarnation:
            text = (
                f"member {hello.sender:x} is known with another data directory:"
                " one whose data is gone comes back under a new id, see `tricord member add`"
            )
            return Refusal(RefusalCode.WRONG_INCARNATION, text)
        members = configuration.members()
        if members and hello.sender not in members and leader not in (0, hello.sender) and not departed:
            return Refusal(RefusalCode.UNKNOWN_MEMBER, f"member {hello.sender:x} does not belong to this cluster")
        self._claimed.setdefault(hello.sender, hello.incarnation)
        return None

    def answer(self, query: Query, configuration: Configuration) -> Answer:
        """What this member says to one that bootstraps or joins."""
        identity = self._identity
        members = configuration.members()
        return Answer(
            cluster=identity.cluster,
            history=identity.history,
            member=identity.member,
            incarnation=identity.incarnation,
            name=identity.name,
            configuration=encode_configuration(configuration) if members else b"",
            knows=query.about in members,
            known_incarnation=self._known_incarnation(query.about, configuration),
        )

    def _known_incarnation(self, member: int, configuration: Configuration) -> int:
        return member_info(configuration, member).incarnation or self._claimed.get(member, 0)
