# SPDX-License-Identifier: Apache-2.0
"""Each kind of fault of the fine net, alone: it took hold, and all promises were kept."""

from __future__ import annotations

import pytest

from tricord.sim.fault_kinds import FINE, Kind, kinds_of
from tricord.sim.fine import run
from tricord.sim.proof import prove


@pytest.mark.parametrize("kind", kinds_of(FINE), ids=lambda kind: kind.name)
def test_the_kind_takes_hold(kind: Kind) -> None:
    outcome = prove(kind, FINE, run).outcome
    assert outcome.fired[kind.name], outcome.lines
    assert not outcome.violations, "\n".join(outcome.lines[-30:])
