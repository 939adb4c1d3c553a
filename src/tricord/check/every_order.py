# SPDX-License-Identifier: Apache-2.0
"""All orders of a few operations, one after the other: what decides where guesses of who wrote what do not.

A situation is what was done, what is under way and what the store holds; each is looked at once. It knows nothing of
versions: operations run in a ``Replay``.
"""

from __future__ import annotations

from typing import Any, Final

from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import FAIL, OK, History, turn
from tricord.check.replay import Replay
from tricord.check.transactions import frozen

MOST: Final = 20
"""Operations of which all orders may be tried."""
STEPS: Final = 50_000
"""Situations."""


def explained(history: History, limits: Limits, *, split: bool = False, by_client: bool = False) -> bool | None:
    """Whether an order of all, what is unknown or not, gives all answers. None: there are too many.

    ``split``: they start and commit one after the other (snapshot isolation). ``by_client``: an operation waits for
    the earlier ones of its client that are ok.
    """
    those = [one for one in history.operations if one.status != FAIL]
    if len(those) > MOST:
        return None
    return _Orders(history, limits, split, by_client).search()


def decided(
    finding: Finding, history: History, limits: Limits, *, split: bool = False, by_client: bool = False
) -> Finding:
    """The finding, or where it is undecided, what a look at all orders says."""
    if finding.verdict is not Verdict.UNDECIDED or limits.expired():
        return finding
    found = explained(history, limits, split=split, by_client=by_client)
    if found is None:
        return finding
    if found:
        return Finding(Verdict.HOLDS, statistics=finding.statistics)
    reason = "all orders of the operations were tried, and none gives all their answers"
    those = [one.index for one in history.operations if one.status != FAIL]
    return Finding(Verdict.VIOLATED, reason, [reason], those, "no order", finding.statistics)


class _Orders:
    def __init__(self, history: History, limits: Limits, split: bool, by_client: bool) -> None:
        those = [one for one in history.operations if one.status != FAIL]
        self._history, self._limits, self._split = history, limits, split
        self._indexes = [one.index for one in those]
        self._sure = sum(1 << one.index for one in those if one.status == OK)
        self._waits = {
            one.index: sum(
                1 << other.index
                for other in those
                if by_client and other.client == one.client and other.status == OK
                and (*turn(other), other.index) < (*turn(one), one.index)
            )
            for one in those
        }  # fmt: skip

    def search(self) -> bool | None:
        """In depth."""
        stack = [(0, 0, Replay(self._history))]
        seen = set()
        while stack:
            started, done, replay = stack.pop()
            if done & self._sure == self._sure:
                return True
            situation = (started, done, _contents(replay))
            if situation in seen:
                continue
            seen.add(situation)
            if len(seen) > min(STEPS, self._limits.steps) or self._limits.expired():
                return None
            for index in self._indexes:
                bit = 1 << index
                if not started & bit and done & self._waits[index] == self._waits[index]:
                    after = _copy(self._history, replay)
                    if after.start(index):
                        ends = not self._split and after.commit(index)
                        stack.append((started | bit, done | bit if ends else done, after))
                elif self._split and started & bit and not done & bit:
                    after = _copy(self._history, replay)
                    after.commit(index)
                    stack.append((started, done | bit, after))
        return False


def _copy(history: History, replay: Replay) -> Replay:
    made = Replay(history)
    made.state = {key: list(value) if isinstance(value, list) else value for key, value in replay.state.items()}
    made.started, made.held = dict(replay.started), set(replay.held)
    return made


def _contents(replay: Replay) -> Any:
    state = frozenset((key, frozen(value)) for key, value in replay.state.items())
    return state, frozenset((index, frozen(list(effects.items()))) for index, effects in replay.started.items())
