# SPDX-License-Identifier: Apache-2.0
"""What outcomes promise, on a real member that is killed and paused: what was answered is there, what failed is not."""

from __future__ import annotations

import asyncio
import signal

import pytest

import tricord
from tests.peers.processes import MemberProcess
from tricord.base import errors
from tricord.client.asynchronous import AsyncClient

ROUNDS = 3
WRITERS = 16
WRITES_BEFORE_THE_KILL = 200


class Ledger:
    """How each write of one turn ended."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.many = asyncio.Event()
        self.first_failure = asyncio.Event()

    def note(self, key: str, outcome: str) -> None:
        self.outcomes[key] = outcome
        if len(self.outcomes) == WRITES_BEFORE_THE_KILL:
            self.many.set()
        if outcome == "fail":
            self.first_failure.set()

    async def write(self, store: AsyncClient, name: str) -> None:
        """Put one new key after the other until one surely failed."""
        number = 0
        while not self.first_failure.is_set():
            key = f"{name}/{number}"
            number += 1
            try:
                await store.put(key, key, timeout=60.0)
                self.note(key, "ok")
            except errors.OutcomeUnknown:
                self.note(key, "unknown")
            except errors.TricordError:
                self.note(key, "fail")


@pytest.mark.parametrize("ending", ["kill", "stop"])
def test_over_restarts_every_answered_write_is_there_and_every_failed_one_is_not(
    fresh_member: MemberProcess, ending: str
) -> None:
    async def story() -> dict[str, str]:
        outcomes: dict[str, str] = {}
        async with tricord.aio.connect(fresh_member.endpoint, attempts=2) as store:
            for turn in range(ROUNDS):
                ledger = Ledger()
                writers = [asyncio.create_task(ledger.write(store, f"{turn}/{writer}")) for writer in range(WRITERS)]
                await ledger.many.wait()
                await asyncio.to_thread(getattr(fresh_member, ending))
                await asyncio.gather(*writers)
                outcomes |= ledger.outcomes
                await asyncio.to_thread(fresh_member.start)
            found = {kv.key.decode() async for kv in store.scan(keys_only=True)}
        assert {key for key, outcome in outcomes.items() if outcome == "ok"} <= found
        assert not {key for key, outcome in outcomes.items() if outcome == "fail"} & found
        assert found <= set(outcomes)
        return outcomes

    outcomes = asyncio.run(story())
    expected = {"ok", "fail", "unknown"} if ending == "kill" else {"ok", "fail"}
    assert expected <= set(outcomes.values())


def test_a_member_that_is_paused_leaves_a_write_unknown_and_a_read_out_of_time(fresh_member: MemberProcess) -> None:
    with tricord.connect(fresh_member.endpoint) as store:
        store.put("k", "before")
        fresh_member.signal(signal.SIGSTOP)
        try:
            with pytest.raises(errors.OutcomeUnknown):
                store.put("k", "during", timeout=2.0)
            with pytest.raises(errors.DeadlineExceeded):
                store.get("k", timeout=0.3)
        finally:
            fresh_member.signal(signal.SIGCONT)
        found = store.get("k")
        assert found is not None
        assert found.text in ("before", "during")
