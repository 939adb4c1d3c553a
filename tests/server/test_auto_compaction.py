# SPDX-License-Identifier: Apache-2.0
"""A member that compacts by itself, by revisions; periods are tested in tests/sim and tests/mvcc."""

from __future__ import annotations

import asyncio

from tests.server.test_member_engine import play
from tricord.base.context import Context
from tricord.base.operations import Put
from tricord.server.member import Member


def test_the_last_revisions_are_kept_and_what_goes_is_freed() -> None:
    async def story(member: Member) -> None:
        for number in range(30):
            await member.engine.ask(Put(b"key", b"%d" % number), Context())
        await asyncio.sleep(301)
        assert member.machine.compacted() == 31 - 10
        assert member.machine.swept(21)
        await asyncio.sleep(300)
        assert member.machine.compacted() == 21

    play(story, auto_compaction_mode="revision", auto_compaction_retention=10.0)
