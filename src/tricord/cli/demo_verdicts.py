# SPDX-License-Identifier: Apache-2.0
"""What the checkers say of the demo's histories, beside what was promised."""

from __future__ import annotations

from tricord.base.message import message
from tricord.check.finding import Finding, Limits, Verdict
from tricord.check.history import History
from tricord.check.models import check_of

HOLDS, VIOLATED = Verdict.HOLDS, Verdict.VIOLATED


@message
class Promise:
    """A keyspace's model, a checker (with a level), and what it has to say."""

    model: str
    checker: str
    level: str
    verdict: Verdict


PROMISES = (
    Promise("strong", "linearizable", "", HOLDS),
    Promise("causal", "causal", "ccv", HOLDS),
    Promise("causal", "sessions", "", HOLDS),
    Promise("causal", "linearizable", "", VIOLATED),
    Promise("eventual", "convergence", "", HOLDS),
    Promise("eventual", "causal", "cc", VIOLATED),
)
"""What is not promised has to be seen as well: else the story showed nothing, or the checker is blind."""


@message
class Judged:
    """A promise, and what came of it."""

    promise: Promise
    finding: Finding

    @property
    def is_kept(self) -> bool:
        """Whether it is as promised."""
        return self.finding.verdict is self.promise.verdict


def judge(histories: dict[str, History], bound_ns: int) -> list[Judged]:
    """All promises, in order."""
    return [
        Judged(one, check_of(one.checker)(histories[one.model], Limits(bound_ns=bound_ns, level=one.level)))
        for one in PROMISES
    ]
